"""Plot of the median beat of each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cardiax.catalog import DISCLAIMER
from cardiax.plots.style import CLASS_COLOURS, plain


def median_beats_figure(
    beats: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    leads: Sequence[str],
    rate: float,
    before: int,
    title: str,
    colours: Mapping[str, str] = CLASS_COLOURS,
) -> Figure:
    """Plot the median of each class, and in pale the range in which half of its beats lie.

    Args:
      beats: class, a key of `colours` → beats (n, T, L), mV.
      counts: class → number of its beats, of which `beats` may be a part.
      leads: names of the L leads, a row of panels each.
      rate: sampling rate, Hz.
      before: samples before the R peak.
      title: title of the figure, one line.
      colours: class → colour.
    """
    figure = Figure(figsize=(2.1 * len(beats) + 0.8, 1.9 * len(leads) + 0.7), layout="constrained")
    panels = figure.subplots(len(leads), len(beats), sharex=True, sharey="row", squeeze=False)
    milliseconds = 1000 * (np.arange(next(iter(beats.values())).shape[1]) - before) / rate
    for column, (name, windows) in enumerate(beats.items()):
        low, middle, high = np.quantile(windows, (0.25, 0.5, 0.75), axis=0)
        for row, axes in enumerate(panels[:, column]):
            axes.fill_between(milliseconds, low[:, row], high[:, row], color=colours[name], alpha=0.2, lw=0)
            axes.plot(milliseconds, middle[:, row], color=colours[name], linewidth=1.2)
            axes.axvline(0, color="#bdbdbd", linewidth=0.6, zorder=0)
            plain(axes)
        panels[0, column].set_title(f"{name} ({counts[name]:,})", fontsize=9, color=colours[name])
    for name, axes in zip(leads, panels[:, 0], strict=True):
        axes.set_ylabel(f"{name} (mV)", fontsize=8)
    panels[0, 0].set_xlim(milliseconds[0], milliseconds[-1])
    figure.supxlabel(f"Time from the R peak (ms)   {DISCLAIMER}", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure
