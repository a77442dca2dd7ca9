"""Plot of the median beat of each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cardiax.attribution import FAINTEST, smooth
from cardiax.catalog import DISCLAIMER
from cardiax.plots.style import plain

NARROWEST = 6.5
"""Width in inches below which the line at the foot would not fit."""


def median_beats_figure(
    beats: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    leads: Sequence[str],
    rate: float,
    before: int,
    title: str,
    colours: Mapping[str, str],
    influences: Mapping[str, np.ndarray] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """Plot the median of each class, and in pale the range in which half of its beats lie.

    Behind it, red marks samples that speak for the class and blue those against it, the darker the more.

    Args:
      beats: class, a key of `colours` → beats (n, T, L), mV.
      counts: class → number of its beats, of which `beats` may be a part.
      leads: names of the L leads, a row of panels each.
      rate: sampling rate, Hz.
      before: samples before the R peak.
      title: title of the figure, one line.
      colours: class → colour.
      influences: class → mean influence of each sample (T, L) on the log odds of the class, if known.
      notes: class → a line below its name.
    """
    size = (max(2.1 * len(beats) + 0.8, NARROWEST), 1.9 * len(leads) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(leads), len(beats), sharex=True, sharey="row", squeeze=False)
    influences, notes = influences or {}, notes or {}
    milliseconds = 1000 * (np.arange(next(iter(beats.values())).shape[1]) - before) / rate
    for column, (name, windows) in enumerate(beats.items()):
        low, middle, high = np.quantile(windows, (0.25, 0.5, 0.75), axis=0)
        for row, axes in enumerate(panels[:, column]):
            axes.fill_between(milliseconds, low[:, row], high[:, row], color=colours[name], alpha=0.2, lw=0)
            axes.plot(milliseconds, middle[:, row], color=colours[name], linewidth=1.2)
            axes.axvline(0, color="#bdbdbd", linewidth=0.6, zorder=0)
            plain(axes)
        told = f"{name} ({counts[name]:,})" + (f"\n{notes[name]}" if name in notes else "")
        panels[0, column].set_title(told, fontsize=9, color=colours[name])
    for name, axes in zip(leads, panels[:, 0], strict=True):
        axes.set_ylabel(f"{name} (mV)", fontsize=8)
    panels[0, 0].set_xlim(milliseconds[0], milliseconds[-1])
    shades = {name: smooth(values) for name, values in influences.items()}
    most = max([FAINTEST, *(float(np.abs(values).max()) for values in shades.values())])
    for column, name in enumerate(beats):  # after all traces, which set the limits
        if name in shades:
            for row, axes in enumerate(panels[:, column]):
                shade(axes, milliseconds, shades[name][:, row], most)
    legend = "Red speaks for the class, blue against it; above: its log odds by shape and by rhythm. " if shades else ""
    figure.supxlabel(f"Time from the R peak (ms)\n{legend}{DISCLAIMER}", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure


def shade(axes: Axes, milliseconds: np.ndarray, values: np.ndarray, most: float) -> None:
    """Shade the background by values (T,) in −`most` … `most`: red where positive, blue where negative."""
    step = milliseconds[1] - milliseconds[0]
    edges = np.append(milliseconds, milliseconds[-1] + step) - step / 2
    limits = axes.get_ylim()
    colours = {"cmap": "RdBu_r", "vmin": -1.4 * most, "vmax": 1.4 * most, "zorder": -1}
    axes.pcolormesh(edges, [0, 1], values[None], transform=axes.get_xaxis_transform(), rasterized=True, **colours)
    axes.set_ylim(limits)
