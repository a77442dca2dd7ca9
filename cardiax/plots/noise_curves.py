"""How a figure of merit falls with noise and with missing leads, as a figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

COLOURS = ("#12306b", "#c1440e", "#2f7d4f")
"""Dark blue, rust and green: told apart in print and by the colour-blind, being of unlike lightness too."""

Triple = tuple[float, float, float]
"""A value, and the lower and upper bound of its interval."""


def noise_figure(
    noises: Mapping[str, Sequence[Triple]],
    ratios: Sequence[float],
    clean: Triple,
    label: str,
    title: str,
    missing: Mapping[str, Triple],
) -> Figure:
    """A line for each noise over the signal-to-noise ratio, its interval a band; with leads missing a second panel.

    Args:
      noises: name of each noise, three at most → a triple for each ratio.
      ratios: dB.
      clean: the triple without noise, a dashed line with its own band.
      label: of the figure of merit, with its unit.
      title: of the figure.
      missing: name of each missing lead → a triple; empty: no second panel.

    Returns:
      A Figure; the caller saves it: `figure.savefig(path, dpi=300)`.

    Raises:
      ValueError: if a noise has not one triple for each ratio, or there are more noises than colours.
    """
    if len(noises) > len(COLOURS) or any(len(triples) != len(ratios) for triples in noises.values()):
        raise ValueError(
            f"noise_figure expects at most {len(COLOURS)} noises of {len(ratios)} triples: got "
            f"{ {name: len(triples) for name, triples in noises.items()} }"
        )
    figure = Figure(figsize=(7.2, 3.2) if missing else (4.2, 3.2), layout="constrained")
    panels = figure.subplots(1, 2 if missing else 1, squeeze=False)[0]
    for axes in panels:
        axes.axhspan(clean[1], clean[2], color="0.9", linewidth=0, zorder=0)
        axes.axhline(clean[0], color="0.35", linestyle="--", linewidth=1, zorder=1, label="without noise")
        axes.set_ylabel(label, fontsize=8)
        axes.tick_params(labelsize=7, length=2)
        axes.spines[["top", "right"]].set_visible(False)
    axes = panels[0]
    for colour, (name, triples) in zip(COLOURS, noises.items(), strict=False):
        value, low, high = np.transpose(triples)
        axes.fill_between(ratios, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(ratios, value, color=colour, marker="o", markersize=3, linewidth=1.2, label=name)
    axes.set_xticks(ratios)
    axes.invert_xaxis()  # from little noise to much
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    if missing:
        axes = panels[1]
        value, low, high = np.transpose(list(missing.values()))
        bounds = np.maximum([value - low, high - value], 0)
        style = {"color": COLOURS[0], "error_kw": {"elinewidth": 0.8, "ecolor": "0.2"}}
        axes.bar(range(len(missing)), value, yerr=bounds, capsize=2, **style)
        axes.set_xticks(range(len(missing)), list(missing))
        axes.set_xlabel("Missing lead", fontsize=8)
    figure.suptitle(title, fontsize=8)
    return figure
