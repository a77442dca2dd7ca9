"""Plot of the metrics of several models."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from cardiax.plots.style import INK, PALE
from cardiax.stats.classification import mean_interval


def comparison_figure(panels: Mapping[str, Mapping[str, np.ndarray]], label: str, highest: float = np.inf) -> Figure:
    """Plot one panel per protocol: the seeds of each model, pale, and their mean with its 95 % t interval.

    Args:
      panels: protocol → model → its metric for each seed, (seeds,).
      label: name of the metric, with its unit.
      highest: highest value that the metric can have; the lowest is 0. Intervals end there.

    Returns:
      A figure, to be saved by the caller.
    """
    rows = max(len(systems) for systems in panels.values())
    figure = Figure(figsize=(3.2 * len(panels) + 1.2, 0.32 * rows + 1.1), layout="constrained")
    for axes, (protocol, systems) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for index, values in enumerate(systems.values()):
            mean, half_width = mean_interval(values)
            axes.plot(values, np.full(len(values), index), "o", color=PALE, markersize=4, zorder=2)
            reach = np.minimum(np.nan_to_num(half_width), [[mean], [highest - mean]])
            axes.errorbar(mean, index, xerr=reach, color=INK, marker="o", markersize=5, capsize=3, zorder=3)
        axes.set_yticks(range(len(systems)), list(systems), fontsize=8)
        axes.set_ylim(len(systems) - 0.5, -0.5)
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -0.02 * high), min(high, 1.02 * highest))
        axes.set_title(protocol, fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7, length=2)
        axes.tick_params(axis="y", labelsize=8, length=0)
        axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure
