"""The report of a task that tells classes of beats apart."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np

from cardiax.catalog import BY_PATIENT, find_dataset
from cardiax.launch.experiment import Experiment
from cardiax.metrics import bootstrap_groups, bootstrap_intervals
from cardiax.tasks.classification import Classification

LEVEL = 0.95
RESAMPLES = 2000

DRAWN = 6
"""Beats of each class in the picture."""


def results(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """The fields of SPLIT.json from the figures of `Classification.summarize`, with bootstrap intervals, and `cases`.

    Where the protocol splits by patient, patients are drawn, so that the interval tells of patients never seen.
    """
    confusion = figures["confusion"]
    if experiment.protocol in BY_PATIENT:
        records = experiment.origin["record"][experiment.split[split]]
        cells = len(confusion) * figures["target"] + figures["prediction"]
        of_records = [np.bincount(cells[records == one], minlength=confusion.size) for one in np.unique(records)]
        drawn, intervals = (
            "records",
            bootstrap_groups(np.reshape(of_records, (-1, *confusion.shape)), RESAMPLES, level=LEVEL),
        )
    else:
        drawn, intervals = "beats", bootstrap_intervals(confusion, RESAMPLES, level=LEVEL)

    def with_interval(name: str, index: int | None = None) -> dict[str, float]:
        place = () if index is None else (index,)
        low, high = (float(bound[place]) for bound in intervals[name])
        return {"value": float(figures[name][place]), "low": low, "high": high}

    return {
        "interval": f"{LEVEL:.0%} percentile bootstrap over {drawn}, {RESAMPLES} resamples",
        "loss": figures["loss"],
        "accuracy": with_interval("accuracy"),
        "macro_f1": with_interval("macro_f1"),
        "classes": {
            name: {"examples": int(confusion[i].sum())}
            | {figure: with_interval(figure, i) for figure in ("precision", "recall", "f1")}
            for i, name in enumerate(_classes(experiment))
        },
        "confusion": confusion.tolist(),
        "cases": _cases(experiment, figures, split),
    }


def main_figures(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """What is followed through noise: macro-F1, accuracy and the recall of each class, with bootstrap intervals."""
    found = results(experiment, figures, split)
    recalls = {f"recall_{name}": row["recall"] for name, row in found["classes"].items()}
    return {name: found[name] for name in ("macro_f1", "accuracy")} | recalls


def pictures(
    experiment: Experiment,
    figures: dict[str, Any],
    result: dict[str, Any],
    predict: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Callable[[], Any]]:
    """Name → what draws the figure: beats of each class, and the confusion matrix."""
    from cardiax.figures.beats import beats_figure  # Matplotlib is not wanted before the first step
    from cardiax.figures.confusion import confusion_figure

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
    """The result as text: a line for each class, then the figures of all, with their intervals."""
    lines = [f"{'class':<10}{'beats':>8}  {'precision':^22}  {'recall':^22}  {'F1':^22}"]
    for name, row in result["classes"].items():
        cells = "  ".join(_cell(row[figure]) for figure in ("precision", "recall", "f1"))
        lines.append(f"{name:<10}{row['examples']:>8,}  {cells}")
    lines.append(f"accuracy  {_cell(result['accuracy'])}   macro-F1  {_cell(result['macro_f1'])}")
    lines.append(f"on {result['examples']:,} {result['split']} beats of {result['dataset']} ({result['interval']})")
    return "\n".join(lines)


def _cases(experiment: Experiment, figures: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """Of every beat its class, the predicted one, and what is known of its origin."""
    classes, places = _classes(experiment), experiment.split[split]
    origin = {name: values[places] for name, values in experiment.origin.items() if name != "label"}
    return [
        {"class": classes[true], "prediction": classes[found]} | {name: values[i] for name, values in origin.items()}
        for i, (true, found) in enumerate(zip(figures["target"], figures["prediction"], strict=True))
    ]


def _classes(experiment: Experiment) -> tuple[str, ...]:
    return cast(Classification, experiment.task).classes


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
