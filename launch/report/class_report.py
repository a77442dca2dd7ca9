"""The report of a beat classification task."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np

from cardiax.catalog import BY_PATIENT, find_dataset
from cardiax.launch.run.experiment import Experiment
from cardiax.stats.classification import bootstrap_groups, bootstrap_intervals, classification_metrics
from cardiax.tasks.beat_classification import Classification

LEVEL = 0.95
RESAMPLES = 2000

DRAWN = 6
"""Number of beats of each class in the plot."""


def results(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """Compute the fields of SPLIT.json, with bootstrap intervals, and `cases`.

    If the protocol splits by patient, the bootstrap resamples records, so that the intervals hold for unseen patients.
    If the split contains the dataset's dominant record, `without_record` has the metrics of the other records.

    Args:
      experiment: experiment of the run.
      figures: metrics of `Classification.summarize`.
      split: train, validation or test.
    """
    dataset = find_dataset(experiment.config.dataset)
    records = experiment.origin["record"][experiment.split[split]] if experiment.protocol in BY_PATIENT else None
    drawn = "beats" if records is None else "records"
    found = {
        "interval": f"{LEVEL:.0%} percentile bootstrap over {drawn}, {RESAMPLES} resamples",
        "loss": figures["loss"],
    }
    if records is not None:
        found["note"] = dataset.note
    found |= _metrics(experiment, figures, records)
    if records is not None and dataset.dominant_record in records:
        rest = records != dataset.dominant_record
        others = {name: figures[name][rest] for name in ("target", "prediction")}
        found["without_record"] = {"record": dataset.dominant_record} | _metrics(experiment, others, records[rest])
    return found | {"cases": _cases(experiment, figures, split)}


def _metrics(experiment: Experiment, figures: dict[str, Any], records: np.ndarray | None) -> dict[str, Any]:
    """Compute accuracy, macro-F1, the metrics of each class and the confusion matrix, with bootstrap intervals.

    Args:
      experiment: experiment of the run.
      figures: `target` and `prediction` (n,).
      records: records (n,) to resample; None to resample beats.
    """
    classes = _classes(experiment)
    size = len(classes)
    cells = size * figures["target"] + figures["prediction"]
    groups = np.zeros(len(cells), np.int64) if records is None else np.unique(records, return_inverse=True)[1]
    counts = np.bincount(size**2 * groups + cells, minlength=size**2 * (groups.max() + 1)).reshape(-1, size, size)
    confusion = counts.sum(axis=0)
    intervals = (
        bootstrap_intervals(confusion, RESAMPLES, level=LEVEL)
        if records is None
        else bootstrap_groups(counts, RESAMPLES, level=LEVEL)
    )
    metrics = classification_metrics(confusion)

    def with_interval(name: str, *index: int) -> dict[str, Any]:
        low, high, undefined = (float(bound[index]) for bound in intervals[name])
        one: dict[str, Any] = {"value": float(metrics[name][index]), "low": low, "high": high}
        return one | ({"undefined_resamples": int(undefined)} if undefined else {})

    return {
        "accuracy": with_interval("accuracy"),
        "macro_f1": with_interval("macro_f1"),
        "classes": {
            name: {"examples": int(confusion[i].sum())}
            | {figure: with_interval(figure, i) for figure in ("precision", "recall", "f1")}
            for i, name in enumerate(classes)
        },
        "confusion": confusion.tolist(),
    }


def main_figures(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """Compute the metrics reported per noise level, with bootstrap intervals: macro-F1, accuracy and recalls."""
    found = results(experiment, figures, split)
    recalls = {f"recall_{name}": row["recall"] for name, row in found["classes"].items()}
    return {name: found[name] for name in ("macro_f1", "accuracy")} | recalls


def plots(
    experiment: Experiment,
    figures: dict[str, Any],
    result: dict[str, Any],
    predict: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Callable[[], Any]]:
    """Return name → function that draws the plot: beats of each class, and the confusion matrix."""
    from cardiax.plots.confusion_matrix import confusion_figure
    from cardiax.plots.example_beats import beats_figure  # Matplotlib is not needed before the first step

    del predict
    title = (
        f"{result['dataset']}, {result['split']} set of {result['examples']:,} beats\n"
        f"accuracy {result['accuracy']['value']:.4f}, macro-F1 {result['macro_f1']['value']:.4f}"
    )
    rate, classes = find_dataset(result["dataset"]).rate, _classes(experiment)
    shown = np.concatenate([np.flatnonzero(figures["target"] == i)[:DRAWN] for i in range(len(classes))])
    drawn = experiment.examples.take(experiment.split[result["split"]][shown])
    beats, targets = drawn["input"], drawn["target"]
    unit = "of the median's range" if beats.shape[2] > 1 else ""
    return {
        "beats": partial(beats_figure, beats[:, :, 0], targets, classes, rate, DRAWN, unit),
        "confusion": partial(confusion_figure, figures["confusion"], classes, title),
    }


def table(result: dict[str, Any]) -> str:
    """Format the result as text: a line for each class, then the overall metrics, with intervals."""
    lines = _lines(result)
    lines.append(f"on {result['examples']:,} {result['split']} beats of {result['dataset']} ({result['interval']})")
    if undefined := _undefined(result):
        lines.append(f"resamples that lack a class, and are left out of its interval: {undefined}")
    if rest := result.get("without_record"):
        lines += [f"without record {rest['record']}:", *_lines(rest)]
    if "note" in result:
        lines.append(f"note: {result['note']}")
    return "\n".join(lines)


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [f"{'class':<10}{'beats':>8}  {'precision':^22}  {'recall':^22}  {'F1':^22}"]
    for name, row in result["classes"].items():
        cells = "  ".join(f"{_cell(row[figure]):<22}" for figure in ("precision", "recall", "f1"))
        lines.append(f"{name:<10}{row['examples']:>8,}  {cells}".rstrip())
    return [*lines, f"accuracy  {_cell(result['accuracy'])}   macro-F1  {_cell(result['macro_f1'])}"]


def _undefined(result: dict[str, Any]) -> str:
    """List the numbers of resamples in which a metric is undefined, for metrics that have a value."""
    found = {"macro-F1": result["macro_f1"]} | {
        f"{figure} of {name}": row[figure]
        for name, row in result["classes"].items()
        for figure in ("precision", "recall", "f1")
        if np.isfinite(row[figure]["value"])
    }
    return ", ".join(f"{n} of {name}" for name, one in found.items() if (n := one.get("undefined_resamples")))


def _cases(experiment: Experiment, figures: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """Return, for every beat, its true and predicted class, the class probabilities, its row in the dataset and its
    metadata."""
    classes, indices = _classes(experiment), experiment.split[split]
    origin = {"row": np.arange(indices.max() + 1)} | experiment.origin
    origin = {name: values[indices] for name, values in origin.items() if name != "label"}
    return [
        {"class": classes[true], "prediction": classes[found]}
        | {f"p_{name}": f"{p:.6f}" for name, p in zip(classes, probabilities, strict=True)}
        | {name: values[i] for name, values in origin.items()}
        for i, (true, found, probabilities) in enumerate(
            zip(figures["target"], figures["prediction"], figures["probabilities"], strict=True)
        )
    ]


def _classes(experiment: Experiment) -> tuple[str, ...]:
    return cast(Classification, experiment.task).classes


def _cell(figure: dict[str, Any]) -> str:
    if not np.isfinite(figure["value"]):
        return "–"
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
