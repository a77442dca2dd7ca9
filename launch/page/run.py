"""The data of the page's run: verdict, metrics, learning curves, confusion, reliability, cases, how to repeat it."""

import math
import re
import shlex
from typing import Any

import numpy as np

from cardiax.catalog import Dataset, find_dataset, meaning
from cardiax.config import to_dict
from cardiax.launch.page.beat_shades import beat_shades
from cardiax.launch.page.packed import packed
from cardiax.launch.predictors.batches import BatchPredictor
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.metric_text import NAMES
from cardiax.launch.run.run_folder import Workdir, read_csv
from cardiax.plots.median_beats import without_padding
from cardiax.plots.style import CLASS_COLOURS, OTHERS, class_colours
from cardiax.stats.calibration import expected_calibration_error, reliability
from cardiax.tasks import Task, task_of
from cardiax.tasks.plain_report import metrics_in

WORST = 10
"""Number of worst cases."""

PROTOCOLS = {
    "kaggle": "the publisher's test set, in which are beats of people who are in training too",
    "published": "drawn by beat or by case, so the same people or hearts are in training too",
    "patient": "by patient: no person is in two of training, validation and test",
    "both": "by patient of both databases: no person is in two of training, validation and test",
    "cross": "trained and validated on the first database, tested on the second; no person is in both",
    "ds1_fold": "a fold of the training patients of DS1: no person is in two of training, validation and test",
    "both_fold": "a fold of the training patients of both databases: no person is in two of the three splits",
    "group": "by record: no record is in two of training, validation and test",
    "random": "drawn by case, so the same hearts and torsos are in training too",
    "volunteer": "by torso: no torso is in two of training, validation and test",
    "pattern": "by activation pattern: no pattern and no site of a stimulus is in two of training, validation and test",
}
"""Protocol → how the test set was drawn, in words."""

OF_OWN = {
    "random": "drawn by beat, so the same people may be in training too",
    "group": "by group: no group, e.g. a patient, is in two of training, validation and test",
    "fold": "a fold of the groups: no group, e.g. a patient, is in two of training, validation and test",
}
"""The same of your own beats."""

MEANINGS = {
    "accuracy": "share of beats whose class is right",
    "macro_f1": "mean over classes of F1, the harmonic mean of precision and recall",
    "area_under_risk": "mean share of wrong classes among the most certain beats, over how many are kept; 0 is best",
    "risk_at_90_coverage": "share of wrong classes among the 90 % of the beats of which the network is most certain",
    "mae": "the mean size of the error",
    "rmse": "the root of the mean square of the error; large errors count more",
    "r2": "1 where the prediction is perfect, 0 where it is as good as the mean",
}
"""Metric, or the end of its name, → what it is."""


def run_part(
    title: str,
    workdir: Workdir,
    experiment: Experiment | None,
    budget: int,
    predictor: BatchPredictor | None = None,
) -> dict[str, Any]:
    """Return the part `run` of a page, of a run that was trained and tested; for the other arguments see `beats`.

    Raises `InputError` if a file of the run is missing.
    """
    config, environment = workdir.config(), workdir.read_json("environment.json")
    result, cases = workdir.read_json("test.json"), read_csv(workdir.path / "test_cases.csv")
    task, dataset = task_of(config), find_dataset(config.dataset)
    part = {
        "kind": "run",
        "title": title,
        "verdict": verdict(result, task),
        "lines": lines(result, dataset),
        "interval": result["interval"],
        "note": result.get("note"),
        "metrics": metrics(result),
        "curves": curves(workdir),
        "colours": [*OTHERS, CLASS_COLOURS["N"]],
        "repeat": {
            "command": f"cardiax train --config {shlex.quote(str(workdir.path / 'config.json'))} --workdir again",
            "config": {name: str(value) for name, value in to_dict(config).items()},
            "versions": environment.get("versions", {}),
            "devices": environment.get("devices", []),
            "code": environment.get("git_revision"),
            "fingerprints": environment.get("fingerprints", {}),
            "seconds": workdir.seconds(),
        },
    }
    if "classes" in result:
        classes = list(result["classes"])
        part |= {
            "classes": [
                {"name": name, "meaning": meaning(name, dataset.aami), "colour": colour} | result["classes"][name]
                for name, colour in class_colours(classes, getattr(task, "normal", "")).items()
            ],
            "confusion": result["confusion"],
            "reliability": reliability_bins(cases, classes),
            "risk": result.get("risk_over_coverage"),
            "cases": beats(cases, classes, experiment, budget, predictor),
        }
    elif "sites" in result:
        selection = task.report.merits[-1].name
        part["sites"] = {name: site[selection] for name, site in result["sites"].items()}
        part["errors"] = packed([float(case[selection] or "nan") for case in cases], 0.001)
        part["error_unit"] = result[selection]["unit"]
    return part


def verdict(result: dict[str, Any], task: Task) -> str:
    """Return the main result in one line: the metric that selects checkpoints, with its interval."""
    name = task.report.merits[-1].name
    figure, unit = result[name], f" {result[name]['unit']}" if "unit" in result[name] else ""
    what = "beats" if "classes" in result else "cases"
    told = f"{NAMES.get(name, name)} {_number(figure['value'])}{unit}"
    if figure.get("low") is not None:
        told += f" (95 % interval {_number(figure['low'])} to {_number(figure['high'])})"
    more = f", accuracy {_number(result['accuracy']['value'])}" if name == "macro_f1" else ""
    return (
        f"{result['model']} on the task {task.name}: {told}{more}, on {result['examples']:,} {result['split']} {what}."
    )


def lines(result: dict[str, Any], dataset: Dataset) -> list[str]:
    """Return the data in one line and the protocol in another."""
    what = "recordings of persons"
    if dataset.built_in or dataset.kind == "intracardiac":
        made = "simulated by cardiax" if dataset.built_in else "published simulations"
        what = f"{made}: they say nothing about patients"
    if dataset.own:
        what = f"from {dataset.made_by}"
    known = OF_OWN if dataset.own else PROTOCOLS
    drawn = known.get(re.sub(r"fold_\d", "fold", result["protocol"]), "by the protocol of that name")
    return [
        f"Data: {result['dataset']}, {what}.",
        f"Protocol: {result['protocol']}, {drawn}. The checkpoint of step {result['step']:,} was best on validation "
        f"data; seed {result['seed']}; {result['parameters']:,} parameters.",
    ]


def metrics(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every metric with its interval."""
    return [
        {"name": NAMES.get(name, name.replace("_", " "))}
        | {"meaning": MEANINGS.get(name, MEANINGS.get(name.rpartition("_")[2], ""))}
        | {key: figure.get(key) for key in ("value", "low", "high", "unit")}
        for name, figure in metrics_in(result).items()
    ]


def curves(workdir: Workdir) -> dict[str, Any]:
    """Return the columns of metrics.csv: name → values, of which `step` is the first; empty without the file."""
    if not (workdir.path / "metrics.csv").exists():
        return {}
    rows = read_csv(workdir.path / "metrics.csv")
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in names}


def reliability_bins(cases: list[dict[str, str]], classes: list[str]) -> dict[str, Any]:
    """Return beats, hits and the sum of confidences of each bin of confidence, and the expected calibration error."""
    odds = np.array([[float(case[f"p_{name}"]) for name in classes] for case in cases])
    hits = [case["class"] == case["prediction"] for case in cases]
    sums = reliability(np.stack([np.zeros(len(odds)), np.zeros(len(odds)), odds.max(axis=1), hits], axis=1))
    return {"bins": sums.tolist(), "ece": expected_calibration_error(sums)}


def beats(
    cases: list[dict[str, str]],
    classes: list[str],
    experiment: Experiment | None,
    budget: int,
    predictor: BatchPredictor | None,
) -> dict[str, Any]:
    """Return the beats of each cell of the confusion matrix, the worst first, as many as fit, and the ten worst.

    The worst is the one whose true class has the lowest probability.

    Args:
      cases: rows of test_cases.csv.
      experiment: the run with its data; None to leave out the signals.
      budget: about the number of bytes for the beats.
      predictor: network of the run; None to leave out what it looks at in beats.
    """
    right = np.array([float(case[f"p_{case['class']}"]) for case in cases])
    order = np.argsort(right, kind="stable")
    size = 0 if experiment is None else math.prod(next(iter(experiment.examples.shapes.values())))
    limit = max(WORST, budget // (len(classes) ** 2 * (200 + size)))
    cells: dict[tuple[str, str], list[int]] = {}
    for index in order.tolist():
        cell = cells.setdefault((cases[index]["class"], cases[index]["prediction"]), [])
        if len(cell) < limit:
            cell.append(index)
    shown = sorted({index for cell in cells.values() for index in cell} | set(order[:WORST].tolist()))
    at = {index: number for number, index in enumerate(shown)}
    odds = [f"p_{name}" for name in classes]
    found: dict[str, Any] = {
        "beats": [
            {
                "true": classes.index(cases[index]["class"]),
                "prediction": classes.index(cases[index]["prediction"]),
                "odds": [round(float(cases[index][name]), 4) for name in odds],
                "from": {
                    key: value for key, value in cases[index].items() if key not in ("class", "prediction", *odds)
                },
            }
            for index in shown
        ],
        "cells": [[[at[index] for index in cells.get((true, other), [])] for other in classes] for true in classes],
        "worst": [at[index] for index in order[:WORST].tolist()],
        "signals": None,
        "shades": None,
    }
    if experiment is not None:
        rows = np.array([int(cases[index]["row"]) for index in shown])
        leads = without_padding(np.swapaxes(experiment.examples.take(rows)["leads"], 1, 2))
        found["signals"] = [packed(one, max(float(np.nanmax(one) - np.nanmin(one)) / 500, 1e-6)) for one in leads]
        rate = find_dataset(experiment.config.dataset).rate
        found |= {"rate": rate, "unit": "ms"} if rate else {"rate": 1000.0, "unit": "samples"}
        if predictor is not None:
            found["shades"] = beat_shades(predictor, experiment, cases, classes, order[:WORST].tolist())
    return found


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
