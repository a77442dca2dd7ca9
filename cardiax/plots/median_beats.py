"""Plots of median beats: of each class, and by true and predicted class."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cardiax.attribution import FAINTEST, smooth
from cardiax.catalog import BEAT_LENGTH, DISCLAIMER, WINDOW_AFTER, WINDOW_BEFORE, WINDOW_RATE
from cardiax.plots.style import INK, PALE, RUST, fitting, plain, wrapped

NARROWEST = 6.5
"""Width in inches below which the line at the foot would not fit."""

MOST_ERRORS = 4
"""Number of wrong classes that are shown for a true one."""


def median_beats_figure(
    beats: Mapping[str, np.ndarray],
    bounds: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    leads: Sequence[str],
    title: str,
    colours: Mapping[str, str],
    influences: Mapping[str, np.ndarray],
    notes: Mapping[str, str],
) -> Figure:
    """Plot the median of each class, and in pale the range in which half of its beats lie.

    Behind it, red marks samples that speak for the class and blue those against it, the darker the more.

    Args:
      beats: class, a key of `colours` → its median beat (192, L), mV, a window as of `cardiax.ecg.beat_windows`.
      bounds: class → lower and upper quartile of its beats (2, 192, L), mV.
      counts: class → number of its beats.
      leads: names of the L leads, a row of panels each.
      influences: class → mean influence of each sample (192, L) on the log odds of the class, if known.
      notes: class → a line below its name.
    """
    size = (max(2.1 * len(beats) + 0.8, NARROWEST), 1.9 * len(leads) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(leads), len(beats), sharex=True, sharey="row", squeeze=False)
    milliseconds = 1000 * np.arange(-WINDOW_BEFORE, WINDOW_AFTER) / WINDOW_RATE
    for column, (name, middle) in enumerate(beats.items()):
        low, high = bounds[name]
        for row, axes in enumerate(panels[:, column]):
            axes.fill_between(milliseconds, low[:, row], high[:, row], color=colours[name], alpha=0.2, lw=0)
            axes.plot(milliseconds, middle[:, row], color=colours[name], linewidth=1.2)
            axes.axvline(0, color="#bdbdbd", linewidth=0.6, zorder=0)
            plain(axes)
        told = f"{wrapped(name, 22)} ({counts[name]:,})" + (f"\n{notes[name]}" if name in notes else "")
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
    figure.supxlabel(fitting(f"Time from the R peak (ms)\n{legend}{DISCLAIMER}", figure.get_figwidth()), fontsize=8)
    figure.suptitle(fitting(title, figure.get_figwidth(), 9), fontsize=9)
    return figure


def outcomes_figure(
    beats: Mapping[tuple[str, str], np.ndarray],
    counts: Mapping[tuple[str, str], int],
    rate: float,
    title: str,
    unit: str = "",
) -> Figure:
    """Plot the median beat by true and predicted class, a row for each true class: first what is right, then errors.

    The band holds half of the beats. The thin line in a panel of errors is the median of the class's right beats. Of a
    class with more than `MOST_ERRORS` wrong classes, the most frequent ones are shown.

    Args:
      beats: (true, predicted) → beats (n, T), NaN after the end of each; samples that most beats lack are left out.
      counts: (true, predicted) → number of beats, of which `beats` may be a part.
      rate: sampling rate, Hz; 0 if it is not known, and then the axis counts samples.
      unit: unit of beats that are not scaled to [0, 1], else empty.
    """
    rows: dict[str, list[str]] = {}
    for true, predicted in sorted(beats, key=lambda cell: -counts[cell]):
        if true != predicted:
            rows.setdefault(true, []).append(predicted)
    names = list(dict.fromkeys(true for true, _ in beats))
    width = 1 + min(max(map(len, rows.values()), default=0), MOST_ERRORS)
    figure = Figure(figsize=(max(1.9 * width + 0.6, 3.8), 1.35 * len(names) + 0.9), layout="constrained")
    panels = figure.subplots(len(names), width, sharex=True, sharey=True, squeeze=False)
    time = np.arange(next(iter(beats.values())).shape[1]) * (1000 / rate if rate else 1.0)
    for true, row in zip(names, panels, strict=True):
        right = quartiles(beats[true, true])[1] if (true, true) in beats else np.full(len(time), np.nan)
        for axes, predicted in itertools.zip_longest(row, [true, *rows.get(true, [])][:width]):
            plain(axes)
            if predicted is None:
                axes.axis("off")
                continue
            colour = INK if predicted == true else RUST
            if (true, predicted) in beats:
                low, middle, high = quartiles(beats[true, predicted])
                axes.fill_between(time, low, high, color=colour, alpha=0.25, lw=0)
                axes.plot(time, middle, color=colour, linewidth=1.2)
            if predicted != true:
                axes.plot(time, right, color=PALE, linewidth=0.9, zorder=1)
            told = f"{wrapped(true, 14, 1)} → {wrapped(predicted, 14, 1)}"
            axes.set_title(f"{told} ({counts.get((true, predicted), 0):,})", fontsize=8, color=colour)
    for column in panels.T:
        [axes for axes in column if axes.axison][-1].tick_params(labelbottom=True)
    panels[0, 0].set_xlim(0, time[-1])
    figure.supylabel(f"Amplitude ({unit})" if unit else "Normalised amplitude", fontsize=8)
    figure.supxlabel(f"{'Time (ms)' if rate else 'Sample'}; median and interquartile range", fontsize=8)
    figure.suptitle(
        f"{fitting(title, figure.get_figwidth())}\ntrue → predicted class (number of beats); pale line: correct beats",
        fontsize=8,
    )
    return figure


def without_padding(leads: np.ndarray) -> np.ndarray:
    """Return leads (n, L, T), those of Kaggle's form (n, 1, 187) with NaN in the place of the zeros after the beat."""
    if leads.shape[1:] != (1, BEAT_LENGTH):
        return leads
    kept = np.cumsum(leads[..., ::-1] != 0, axis=-1)[..., ::-1] > 0
    return np.where(kept | ~kept.any(axis=-1, keepdims=True), leads, np.nan)


def quartiles(beats: np.ndarray) -> np.ndarray:
    """Return lower quartile, median and upper quartile (3, T) of beats (n, T); NaN where most beats are NaN."""
    found = np.full((3, beats.shape[1]), np.nan)
    known = np.isfinite(beats).mean(axis=0) >= 0.5
    found[:, known] = np.nanquantile(beats[:, known], (0.25, 0.5, 0.75), axis=0)
    return found


def shade(axes: Axes, milliseconds: np.ndarray, values: np.ndarray, most: float) -> None:
    """Shade the background by values (T,) in −`most` … `most`: red where positive, blue where negative."""
    step = milliseconds[1] - milliseconds[0]
    edges = np.append(milliseconds, milliseconds[-1] + step) - step / 2
    limits = axes.get_ylim()
    colours = {"cmap": "RdBu_r", "vmin": -1.4 * most, "vmax": 1.4 * most, "zorder": -1}
    axes.pcolormesh(edges, [0, 1], values[None], transform=axes.get_xaxis_transform(), rasterized=True, **colours)
    axes.set_ylim(limits)
