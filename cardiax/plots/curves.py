"""Plots of a metric against training steps, and against noise and missing leads."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cardiax.plots.style import INK, RUST, Triple, plain

COLOURS = (INK, RUST, "#2f7d4f")
"""Dark blue, rust and green: they also differ in lightness, for print and for colour-blind readers."""


def learning_figure(
    history: Sequence[Mapping[str, float]], selection: str, best: int, title: str, unit: str = ""
) -> Figure:
    """Plot the losses, and the validation metric that selects the checkpoint if it is known, over the training steps.

    Args:
      history: rows of metrics.csv: `step`, losses, whose names end in "loss", and of networks `validation_` +
        `selection`, which has a panel of its own.
      selection, unit: name and unit of the metric.
      best: step of the chosen checkpoint.
    """
    losses = [name for name in history[0] if name.endswith("loss")]
    metric = f"validation_{selection}"
    panels = {"Loss": losses}
    if metric in history[0]:
        panels[_words(metric) + (f" ({unit})" if unit else "")] = [metric]
    figure = Figure(figsize=(3.6 * len(panels), 2.8), layout="constrained")
    for axes, (label, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for colour, name in zip(COLOURS, names, strict=False):
            style = {"color": colour, "marker": "o", "markersize": 2.5, "linewidth": 1.2}
            axes.plot([row["step"] for row in history], [row[name] for row in history], label=_words(name), **style)
        axes.axvline(best, color="0.6", linestyle="--", linewidth=0.8, label=f"chosen: step {best:,}", zorder=0)
        axes.set_xlim(0, 1.03 * history[-1]["step"])
        axes.set_xlabel("Training step", fontsize=8)
        axes.set_ylabel(label, fontsize=8)
        axes.legend(fontsize=7, frameon=False)
        plain(axes)
    figure.suptitle(title, fontsize=8)
    return figure


def _words(name: str) -> str:
    return name.replace("macro_f1", "macro-F1").replace("mae", "MAE").replace("_", " ")


def noise_figure(
    noises: Mapping[str, Sequence[Triple]],
    ratios: Sequence[float],
    clean: Triple,
    label: str,
    title: str,
    missing: Mapping[str, Triple],
) -> Figure:
    """Plot a line with its interval for each noise over the signal-to-noise ratio, and a panel of missing leads.

    Args:
      noises: name of the noise → a triple for each ratio; at most three noises.
      ratios: signal-to-noise ratios, dB.
      clean: triple without noise, drawn as a dashed line with a band.
      label: name of the metric, with its unit.
      missing: name of the missing lead → triple; empty for no second panel.
    """
    figure = Figure(figsize=(7.2, 3.2) if missing else (4.2, 3.2), layout="constrained")
    panels = figure.subplots(1, 2 if missing else 1, squeeze=False)[0]
    for axes in panels:
        axes.axhspan(clean[1], clean[2], color="0.9", linewidth=0, zorder=0)
        axes.axhline(clean[0], color="0.35", linestyle="--", linewidth=1, zorder=1, label="without noise")
        axes.set_ylabel(label, fontsize=8)
        plain(axes)
    axes = panels[0]
    for colour, (name, triples) in zip(COLOURS, noises.items(), strict=False):
        value, low, high = np.transpose(triples)
        axes.fill_between(ratios, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(ratios, value, color=colour, marker="o", markersize=3, linewidth=1.2, label=name)
    axes.set_xticks(ratios)
    axes.invert_xaxis()  # noise increases to the right
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    if missing:
        axes = panels[1]
        value, low, high = np.transpose(list(missing.values()))
        style = {"color": COLOURS[0], "error_kw": {"elinewidth": 0.8, "ecolor": "0.2"}}
        axes.bar(range(len(missing)), value, yerr=np.maximum([value - low, high - value], 0), capsize=2, **style)
        axes.set_xticks(range(len(missing)), list(missing))
        axes.set_xlabel("Missing lead", fontsize=8)
    figure.suptitle(title, fontsize=8)
    return figure
