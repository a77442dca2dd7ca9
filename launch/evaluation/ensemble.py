"""Evaluation of the seeds of one experiment: their mean, their ensemble, and its calibration."""

import functools
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cardiax.errors import InputError
from cardiax.launch.evaluation.measured_runs import Run
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.progress import say
from cardiax.stats.classification import mean_interval
from cardiax.training.batch_order import padded_batches
from cardiax.training.step import inputs_of

UNDEFINED = "–"
"""A value that is not defined, e.g. the recall of a class without test examples."""

Figures = dict[str, dict[str, Any]]
"""Metric → `members`: their mean with its interval and each value; `ensemble`: its value with its interval."""


def measure_together(
    name: str, runs: Sequence[Run], results: Sequence[dict[str, Any]], split: str, folder: Path
) -> dict[str, Any]:
    """Evaluate the ensemble of two or more seeds on a split, print a table and save a plot in `folder`/figures.

    Returns:
      The entry of ensemble.json: `runs`, `seeds`, `figures` (see `Figures`), `ensemble` with the fields of SPLIT.json,
      and `reliability` or `spread`.

    Raises:
      InputError: the examples of the split differ between the runs.
    """
    experiment = runs[0].experiment
    indices = experiment.split[split]
    if any(not np.array_equal(indices, run.experiment.split[split]) for run in runs):
        raise InputError(
            f"{runs[0].workdir.path}: found per_class, with which each seed drew its own {split} examples, expected "
            "the same examples for all members; evaluate the runs one by one, or another --split"
        )
    report, cases = experiment.task.report, experiment.cases(split)
    measured = _measure(runs, indices)
    ensemble = report.results(cases, experiment.task.summarize(measured))
    own = report.ensemble_figures(cases, measured["terms"])
    figures = _figures(results, ensemble) | {name: _figure(*values) for name, values in own.items()}
    heading = {key: results[0][key] for key in ("task", "dataset", "protocol", "split", "model", "examples")}
    more, text = report.ensemble_results(measured["terms"])
    title = f"{heading['dataset']}, {split} set, split by {heading['protocol']}\nensemble of {len(runs)} × {name}"
    path = folder / "figures" / f"{name}_{split}{runs[0].corruption.name}_calibration"
    written = save_plot(path, lambda: report.ensemble_plot(more, title)) if more else []
    seeds = [result["seed"] for result in results]
    say("\n".join([_table(name, heading, seeds, figures), *text, *(f"wrote: {path}" for path in written)]))
    return (
        heading
        | {"runs": [str(run.workdir.path) for run in runs], "seeds": seeds, "figures": figures}
        | {"ensemble": {key: value for key, value in ensemble.items() if key != "cases"}}
        | more
    )


def _measure(runs: Sequence[Run], indices: np.ndarray) -> dict[str, np.ndarray]:
    """Compute `task.measure` of the ensemble's outputs and its `terms` for every example, batch by batch."""
    experiment = runs[0].experiment
    task = experiment.task

    @jax.jit
    def step(outputs: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        together = task.combine(outputs)
        return {**task.measure(together, target), "terms": task.report.ensemble_terms(outputs, together, target)}

    parts = []
    for own, count in padded_batches(len(indices), task.evaluation_batch):
        batch = experiment.examples.take(indices[own])
        outputs = np.stack([run.predict(inputs_of(batch)) for run in runs])
        parts.append({name: np.asarray(value)[:count] for name, value in step(outputs, batch["target"]).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _figures(results: Sequence[dict[str, Any]], ensemble: dict[str, Any]) -> Figures:
    """Collect the metrics of SPLIT.json that have an interval, and F1 of each class.

    Those of each joined dataset, and those without a dominant record, say so in their names.
    """
    found = {}
    for name, value in ensemble.items():
        if isinstance(value, dict) and "value" in value:
            found[name] = _figure([result[name]["value"] for result in results], value)
    for label, row in ensemble.get("classes", {}).items():
        found[f"f1_{label}"] = _figure([result["classes"][label]["f1"]["value"] for result in results], row["f1"])
    parts = [(f"of {name}", "datasets", name) for name in ensemble.get("datasets", {})]
    parts += [(f"without {rest['record']}", "without_record") for rest in [ensemble.get("without_record")] if rest]
    for suffix, *path in parts:
        *own, together = (functools.reduce(operator.getitem, path, one) for one in (*results, ensemble))
        found |= {f"{name} {suffix}": one for name, one in _figures(own, together).items()}
    return found


def _figure(values: Sequence[float], ensemble: dict[str, Any]) -> dict[str, Any]:
    known = np.asarray(values, float)  # an undefined metric is None in JSON
    mean, half_width = mean_interval(known)
    members = {"mean": float(mean), "half_width": float(half_width), "values": known.tolist()}
    return {"members": members, "ensemble": ensemble}


def _table(name: str, heading: dict[str, Any], seeds: list[int], figures: Figures) -> str:
    """Format the metrics as text: mean of seeds with t interval, ensemble with bootstrap interval, each seed."""
    units = {figure: one["ensemble"].get("unit") for figure, one in figures.items()}
    labels = {figure: f"{figure}, {unit}" if unit else figure for figure, unit in units.items()}
    width = max(20, 2 + max(map(len, labels.values())))
    lines = [
        f"{name}: {len(seeds)} seeds on {heading['examples']:,} {heading['split']} examples, split by "
        f"{heading['protocol']}; ± and [ ] are 95 % t and bootstrap intervals",
        f"{'metric':<{width}}{'mean of seeds':<19}{'ensemble':<26}seeds {', '.join(map(str, seeds))}",
    ]
    for figure, one in figures.items():
        ours, together = one["members"], one["ensemble"]
        cell = _number(together["value"])
        if "low" in together and cell != UNDEFINED:
            cell += f" [{together['low']:.4f}, {together['high']:.4f}]"
        mean = _number(ours["mean"])
        if mean != UNDEFINED:
            mean += f" ± {_number(ours['half_width'])}"
        lines.append(f"{labels[figure]:<{width}}{mean:<19}{cell:<26}{', '.join(map(_number, ours['values']))}")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else UNDEFINED
