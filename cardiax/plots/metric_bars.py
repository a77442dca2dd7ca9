"""Plots of the metrics of several models, and of the leakage between the splits of a dataset."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from cardiax.plots.style import INK, PALE, fitting, plain, wrapped
from cardiax.stats.classification import mean_interval

GREY = "#c9c9c9"

ACROSS = 3
"""Largest number of panels side by side."""


def comparison_figure(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    label: str,
    title: str,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Figure:
    """Plot one panel per protocol: the seeds of each model, pale, and their mean with its 95 % t interval.

    Args:
      panels: protocol → model → its metric for each seed, (seeds,).
      label: name of the metric, with its unit.
      bounds: least and largest value that the metric can have. Intervals end there.
    """
    rows, (least, most) = max(len(systems) for systems in panels.values()), bounds
    across = min(len(panels), ACROSS)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(3.2 * across + 1.2, (0.32 * rows + 1.1) * down), layout="constrained")
    places = figure.subplots(down, across, squeeze=False).ravel()
    for axes in places[len(panels) :]:
        axes.remove()
    for axes, (protocol, systems) in zip(places, panels.items(), strict=False):
        for index, values in enumerate(systems.values()):
            mean, half_width = mean_interval(values)
            axes.plot(values, np.full(len(values), index), "o", color=PALE, markersize=4, zorder=2)
            reach = np.minimum(np.nan_to_num(half_width), [[mean - least], [most - mean]])
            axes.errorbar(mean, index, xerr=reach, color=INK, marker="o", markersize=5, capsize=3, zorder=3)
        axes.set_yticks(range(len(systems)), [wrapped(name, 40) for name in systems], fontsize=8)
        axes.set_ylim(len(systems) - 0.5, -0.5)
        low, high = axes.get_xlim()
        room = 0.02 * (high - low)
        axes.set_xlim(max(low, least - room), min(high, most + room))
        axes.set_title(protocol, fontsize=9)
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7, length=2)
        axes.tick_params(axis="y", labelsize=8, length=0)
        axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle(fitting(title, figure.get_figwidth()), fontsize=8)
    return figure


def leakage_figure(
    scores: Mapping[str, Mapping[str, np.ndarray]],
    sources: Mapping[str, tuple[np.ndarray, np.ndarray]],
    by_length: Mapping[str, float],
) -> Figure:
    """Plot three panels: one network under two protocols, the records of rare classes, and the score of padding alone.

    Args:
      scores: protocol → metric → its value for each seed, (seeds,).
      sources: class → its records and their shares, largest first.
      by_length: classifier that sees only the length of a beat → macro-F1.
    """
    figure = Figure(figsize=(11.4, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.35, 1.2, 0.9))
    _scores(left, scores)
    _sources(middle, sources)
    left.set_title("One network, two splits", fontsize=9)
    middle.set_title("Source records of each class", fontsize=9)
    right.set_title("Beat length alone", fontsize=9)
    bars = right.barh(list(by_length), list(by_length.values()), color=[GREY, PALE, INK][-len(by_length) :], height=0.6)
    right.bar_label(bars, fmt="%.2f", fontsize=7, padding=2)
    right.invert_yaxis()
    right.set_xlim(0, 1)
    right.set_xlabel("Macro-F1 on Kaggle's test beats", fontsize=8)
    for axes in (left, middle, right):
        plain(axes)
    return figure


def _scores(axes, scores: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    figures = list(next(iter(scores.values())))
    width = 0.8 / len(scores)
    for number, (split, values) in enumerate(scores.items()):
        means, widths = zip(*(mean_interval(values[name]) for name in figures), strict=True)
        indices = np.arange(len(figures)) + width * (number - (len(scores) - 1) / 2)
        bars = axes.bar(
            indices,
            means,
            0.92 * width,
            yerr=np.nan_to_num(widths),
            color=(INK, PALE)[number % 2],
            ecolor="#444444",
            capsize=2,
            label=split,
        )
        axes.bar_label(bars, fmt="%.2f", fontsize=6.5, padding=1)
    axes.set_xticks(range(len(figures)), figures, fontsize=7)
    axes.set_ylim(0, 1.18)
    axes.set_yticks(np.linspace(0, 1, 5))
    axes.legend(fontsize=7, frameon=False, loc="upper right", ncols=len(scores))


def _sources(axes, sources: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for row, (records, shares) in enumerate(sources.values()):
        left = 0.0
        for number, (record, share) in enumerate(zip(records, shares, strict=True)):
            axes.barh(row, share, 0.6, left, color=(INK, PALE)[number % 2], edgecolor="white", linewidth=0.5)
            if share > 0.06:
                axes.text(
                    *(left + share / 2, row, str(record)),
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color=("white", "black")[number % 2],
                )
            left += share
    axes.set_yticks(range(len(sources)), list(sources))
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("Share of the class's beats, by record", fontsize=8)
