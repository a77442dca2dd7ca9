"""Plot of which lead, and which part of it, tells of which wall of the heart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cardiax.attribution import smooth
from cardiax.ecg.leads import LEADS
from cardiax.plots.style import INK, plain

SHOWN = 256
"""ms of the ECG in the plot, in which the heart depolarises."""


def influence_figure(
    leads: np.ndarray, influence: np.ndarray, walls: Sequence[str], title: str, what: str = "activation time"
) -> Figure:
    """Plot the leads on a background that is darker where they move the walls, and each lead's share for each wall.

    Args:
      leads: ECG (T, 12), mV at 1 kHz.
      influence: (W, T, 12), of each sample on the mean of `what` of each wall, in its unit.
      walls: names of the W walls.
      what: quantity that the samples move.
    """
    figure = Figure(figsize=(9.0, 6.6), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    above, below = parts
    strength = smooth(np.abs(influence).mean(axis=0))
    milliseconds = np.arange(min(SHOWN, len(leads)))
    panels = above.subplots(2, 6, sharex=True, sharey=True)
    for lead, axes in enumerate(panels.flat):
        axes.plot(milliseconds, leads[: len(milliseconds), lead], color=INK, linewidth=1.0)
        axes.set_title(LEADS[lead], fontsize=8)
        plain(axes)
    low, high = panels[0, 0].get_ylim()
    edges = np.append(milliseconds, len(milliseconds)) - 0.5
    for lead, axes in enumerate(panels.flat):
        values = strength[: len(milliseconds), lead][None]
        axes.pcolormesh(edges, [low, high], values, cmap="Oranges", vmin=0, vmax=1.3 * strength.max(), zorder=-1)
        axes.set_ylim(low, high)
    panels[0, 0].set_ylabel("mV", fontsize=8)
    panels[1, 0].set_ylabel("mV", fontsize=8)
    above.supxlabel(f"Time (ms); the darker, the more the samples move the {what}", fontsize=8)
    above.suptitle(title, fontsize=8)

    shares = np.abs(influence).sum(axis=1)
    shares = 100 * shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    axes = below.subplots()
    axes.imshow(shares, cmap="Oranges", vmin=0, vmax=max(30.0, float(shares.max())), aspect="auto")
    for (wall, lead), share in np.ndenumerate(shares):
        axes.text(lead, wall, f"{share:.0f}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(LEADS)), LEADS, fontsize=8)
    axes.set_yticks(range(len(walls)), walls, fontsize=8)
    axes.tick_params(length=0)
    axes.set_title(f"Share of each lead in what moves the mean {what} of a wall (%)", fontsize=9)
    return figure
