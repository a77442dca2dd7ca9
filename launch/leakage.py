"""Show how much a score depends on the split: one network on Kaggle's split and on a split by patient.

Takes folders of finished runs on `physionet_mitbih/kaggle`, seeds of one experiment with the protocols `kaggle` and
`patient`. Prints means over seeds with 95 % t intervals, and writes leakage.json and leakage.png: the scores side by
side, the records of the rare classes, and the score of predictions from the length of a beat alone, i.e. its padding.

Examples:

  cardiax leakage sweeps/arrhythmia-physionet_mitbih-kaggle/cardiax-*
  cardiax leakage runs/kaggle runs/patient --out leakage
  cardiax leakage runs/kaggle-seed0 runs/kaggle-seed1 runs/patient-seed0 runs/patient-seed1
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.catalog import find_dataset
from cardiax.errors import InputError
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.run_folder import Workdir, write_json
from cardiax.launch.system.flags import add_data_dir

DATASET = "physionet_mitbih/kaggle"
SPLITS = ("kaggle", "patient")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run folders and the folders of outputs and data."""
    parser.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="folder of a finished run")
    parser.add_argument(
        "--out", default=".", metavar="DIR", help="folder of leakage.json and leakage.png (current folder)"
    )
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    """Read the runs, analyze the examples, and print and plot the results."""
    scores = read_scores([Workdir(path) for path in options.workdirs])

    from cardiax import datasets
    from cardiax.plots.metric_bars import leakage_figure
    from cardiax.stats.classification import mean_interval
    from cardiax.stats.split_leakage import shares_of_records

    parts = datasets.load(DATASET, options.data_dir or datasets.default_data_dir())
    labels, records = (np.concatenate([part[name] for part in parts.values()]) for name in ("label", "record"))
    sources = {name: shares_of_records(labels, records, i) for i, name in enumerate("NSVF")}
    by_length = scores_by_length(parts)
    for split, values in scores.items():
        seeds = len(next(iter(values.values())))
        cells = []
        for name, of_seeds in values.items():
            mean, half = mean_interval(of_seeds)
            cells.append(f"{name} {mean:.3f}" + (f" ± {half:.3f}" if seeds > 1 else ""))
        print(f"split {split} ({seeds} seeds): {', '.join(cells)}")
    for name, (records, shares) in sources.items():
        first = ", ".join(f"{record} {share:.0%}" for record, share in zip(records[:3], shares[:3], strict=True))
        print(f"class {name}: {len(records)} records; most from {first}")
    for name, score in by_length.items():
        print(f"{name}: macro-F1 {score:.3f}")
    out = Path(options.out)
    found: dict[str, Any] = {
        "scores": {
            split: {name: values.tolist() for name, values in figures.items()} for split, figures in scores.items()
        },
        "records": {
            name: dict(zip(map(str, records.tolist()), shares.tolist(), strict=True))
            for name, (records, shares) in sources.items()
        },
        "length_alone": by_length,
    }
    write_json(out / "leakage.json", found)
    written = save_plot(out / "leakage", lambda: leakage_figure(scores, sources, by_length))
    print(f"wrote: {', '.join(map(str, (out / 'leakage.json', *written)))}")


def read_scores(runs: list[Workdir]) -> dict[str, dict[str, np.ndarray]]:
    """Return protocol → metric → values of the runs' test.json, for runs that differ only in seed and protocol.

    Raises `InputError` if a run has another task or dataset, the models differ, or one of the protocols has no run.
    """
    results: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    models = set()
    for workdir in runs:
        config = workdir.config()
        dataset = find_dataset(config.dataset).name
        if config.task != "arrhythmia" or config.protocol not in SPLITS or not dataset.endswith(("kaggle", "mitbih")):
            raise InputError(
                f"{workdir.path}: found {config.task} on {dataset} split by {config.protocol}, expected arrhythmia on "
                f"{DATASET} split by {' or '.join(SPLITS)}"
            )
        models.add((config.model, *sorted(config.model_args.items())))
        results[config.protocol].append(workdir.read_json("test.json"))
    if len(models) != 1 or not all(results.values()):
        raise InputError(
            f"leakage: found {len(models)} models and {' and '.join(str(len(of)) for of in results.values())} runs of "
            f"the splits {' and '.join(SPLITS)}, expected one model and runs of both"
        )
    return {
        split: {
            "accuracy": np.asarray([one["accuracy"]["value"] for one in of], float),
            "macro-F1": np.asarray([one["macro_f1"]["value"] for one in of], float),
        }
        | {f"F1 {name}": np.asarray([one["classes"][name]["f1"]["value"] for one in of], float) for name in "NSVF"}
        for split, of in results.items()
    }


def scores_by_length(parts: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Return classifier → macro-F1 on Kaggle's test beats: always N, and two that use only the length."""
    from cardiax.stats.classification import classification_metrics, confusion_matrix
    from cardiax.stats.split_leakage import beat_lengths, predict_by_length

    train, test = parts["train"], parts["test"]
    classes = len(find_dataset(DATASET).classes)
    lengths, asked = beat_lengths(train["beat"]), beat_lengths(test["beat"])
    answers = {
        "always N": np.zeros(len(asked), np.int64),
        "most frequent": predict_by_length(lengths, train["label"], asked, classes),
        "balanced": predict_by_length(lengths, train["label"], asked, classes, power=0.5),
    }
    confusions = {name: confusion_matrix(test["label"], own, classes) for name, own in answers.items()}
    return {name: float(classification_metrics(one)["macro_f1"]) for name, one in confusions.items()}
