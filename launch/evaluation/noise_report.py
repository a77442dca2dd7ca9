"""The second report of the protocol `noise`: the same split with real noise, or with one of twelve leads missing."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from cardiax.ecg.recorded_noise import NOISES, SNRS
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir
from cardiax.plots.curves import noise_figure
from cardiax.training.batch_order import Arrays
from cardiax.training.step import inputs_of

Figures = dict[str, Any]
"""Metric → `value`, `low`, `high` and possibly `unit`, or one number; the plot shows the first metric."""


def report_noise(
    workdir: Workdir, experiment: Experiment, heading: dict[str, Any], measure: Callable[[Arrays], Figures]
) -> None:
    """Evaluate a split at each noise level and without each lead; write SPLIT_noise.json and its plot.

    Args:
      heading: description of the split and the model, with the metrics of the clean inputs as `clean`.
      measure: function from inputs, each (n, ...) in the order of the split, to metrics.
    """
    split, task = heading["split"], experiment.task
    indices = experiment.split[split]
    inputs = inputs_of(experiment.examples.take(indices))
    say(f"noise: {', '.join(experiment.noises)} of physionet_nstdb at {', '.join(map(str, SNRS))} dB")
    result = heading | {"noises": {}}
    for name, recording in experiment.noises.items():
        noisy = task.with_noise(inputs, recording, indices)
        result["noises"][name] = {str(snr): measure(noisy(snr)) for snr in SNRS}
    if missing := {lead: measure(rest) for lead, rest in task.without_leads(inputs).items()}:
        result["missing"] = missing
    say(_table(result))
    if jax.process_index() == 0 and not workdir.is_read_only:
        workdir.write_json(f"{split}_noise.json", result)
        written = save_plot(workdir.path / "figures" / f"{split}_noise", lambda: _plot(result))
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}_noise.json', *written)))}")


def _conditions(result: dict[str, Any]) -> dict[str, Figures]:
    """Return condition of the inputs → metrics."""
    rows = {"clean": result["clean"]}
    for name, at in result["noises"].items():
        rows |= {f"{name} {snr} dB": figures for snr, figures in at.items()}
    return rows | {f"without {lead}": figures for lead, figures in result.get("missing", {}).items()}


def _table(result: dict[str, Any]) -> str:
    """Format the result as text: a line for each condition, with intervals except for single classes."""
    rows = _conditions(result)
    columns = {name: _label(name, figure) for name, figure in result["clean"].items()}
    cells = {name: [_cell(name, figures[name]) for figures in rows.values()] for name in columns}
    widths = {name: max(map(len, [columns[name], *cells[name]])) for name in columns}
    lines = [f"{'':<12}" + "".join(f"  {label:>{widths[name]}}" for name, label in columns.items())]
    for index, condition in enumerate(rows):
        lines.append(f"{condition:<12}" + "".join(f"  {cells[name][index]:>{widths[name]}}" for name in columns))
    lines.append(
        f"on {result['examples']:,} {result['split']} examples of {result['dataset']}, split by {result['protocol']} "
        f"({result['interval']})"
    )
    return "\n".join(lines)


def _label(name: str, figure: Any) -> str:
    text = name.replace("macro_f1", "macro-F1").replace("_mae", " MAE").replace("_", " ")
    return f"{text}, {figure['unit']}" if isinstance(figure, dict) and "unit" in figure else text


def _cell(name: str, figure: Any) -> str:
    if not isinstance(figure, dict):
        return f"{figure:.3f}"
    if not np.isfinite(figure["value"]):
        return "–"
    if name.startswith("recall_"):
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _plot(result: dict[str, Any]) -> Any:
    first = next(iter(result["clean"]))

    def triple(figures: Figures) -> tuple[float, float, float]:
        return figures[first]["value"], figures[first]["low"], figures[first]["high"]

    return noise_figure(
        {f"{NOISES[name]} ({name})": [triple(at[str(snr)]) for snr in SNRS] for name, at in result["noises"].items()},
        SNRS,
        triple(result["clean"]),
        _label(first, result["clean"][first]),
        f"{result['dataset']}, {result['split']} set, {result['examples']:,} examples, {result['model']}",
        {lead: triple(figures) for lead, figures in result.get("missing", {}).items()},
    )
