"""Evaluation of the seeds of one experiment: their mean, their ensemble, and its calibration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cardiax.errors import InputError
from cardiax.launch.evaluation.run_report import Run
from cardiax.launch.run.metric_text import with_unit
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.progress import say
from cardiax.stats.classification import mean_interval
from cardiax.tasks.class_report import parts_of
from cardiax.tasks.plain_report import cell, metrics_in
from cardiax.training.batch_order import padded_batches
from cardiax.training.step import inputs_of

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
    path = folder / "figures" / f"{name}_{split}{runs[0].suffix}_calibration"
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
    for (dataset, record, together), *members in zip(*map(parts_of, (ensemble, *results)), strict=True):
        suffix = (f" without {record}" if record else "") + (f" of {dataset}" if dataset else "")
        own = [member for _, _, member in members]
        for name, value in metrics_in(together).items():
            found[name + suffix] = _figure([one[name]["value"] for one in own], value)
        for label, row in together.get("classes", {}).items():
            found[f"f1_{label}{suffix}"] = _figure([one["classes"][label]["f1"]["value"] for one in own], row["f1"])
    return found


def _figure(values: Sequence[float], ensemble: dict[str, Any]) -> dict[str, Any]:
    known = np.asarray(values, float)  # an undefined metric is None in JSON
    mean, half_width = mean_interval(known)
    members = {"mean": float(mean), "half_width": float(half_width), "values": known.tolist()}
    return {"members": members, "ensemble": ensemble}


def _table(name: str, heading: dict[str, Any], seeds: list[int], figures: Figures) -> str:
    """Format the metrics as text: mean of seeds with t interval, ensemble with bootstrap interval, each seed."""
    labels = {figure: with_unit(figure, one["ensemble"]) for figure, one in figures.items()}
    width = max(20, 2 + max(map(len, labels.values())))
    lines = [
        f"{name}: {len(seeds)} seeds on {heading['examples']:,} {heading['split']} examples, split by "
        f"{heading['protocol']}; ± and [ ] are 95 % t and bootstrap intervals",
        f"{'metric':<{width}}{'mean of seeds':<19}{'ensemble':<26}seeds {', '.join(map(str, seeds))}",
    ]
    for figure, one in figures.items():
        ours, values = one["members"], [cell({"value": value}) for value in one["members"]["values"]]
        mean = cell({"value": ours["mean"]})
        if np.isfinite(ours["mean"]):
            mean += f" ± {cell({'value': ours['half_width']})}"
        lines.append(f"{labels[figure]:<{width}}{mean:<19}{cell(one['ensemble']):<26}{', '.join(values)}")
    return "\n".join(lines)
