"""Plots of an ECG on clinical paper: twelve leads, and stretches of one lead with the class of each beat in colour."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cardiax.catalog import DISCLAIMER, WINDOW_RATE
from cardiax.ecg.leads import LEADS
from cardiax.ecg.rhythm_strips import Strip
from cardiax.plots.style import fitting, wrapped

if TYPE_CHECKING:
    from cardiax.simulate.generic_leads import Explained

SPEED = 25.0
"""mm/s, the standard paper speed."""

GAINS = (10.0, 5.0, 2.5)
"""mm/mV: the standard gain, and smaller ones for leads too large for their row."""

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM = "II"
WHOLE, CELL = 10_000, 2_500
"""ms, of a recording from which on each lead is drawn in its own quarter, and a rhythm strip below; and the quarter."""

ROW_HEIGHT, LABEL, MARGIN, GAP, PULSE = 36.0, 6.0, 5.0, 10.0, 8.0  # mm; the label is part of the row
STRIP, HEAD, FOOT, CAPTION, LETTERS = 40.0, 10.0, 8.0, 6.0, 5.0  # mm; the caption and the letters are part of the strip
LINE = 3.4  # mm, of a title in letters of 8 points
COLOURED = (0.25, 0.45)
"""s before and after its R peak, or half way to the next one, in which a beat has the colour of its class."""

INCH = 25.4  # mm

_MINOR = {"color": "#f3c9c6", "linewidth": 0.3, "zorder": 0}
_MAJOR = {"color": "#e39a95", "linewidth": 0.6, "zorder": 1}
_EXPLAINED = {"color": "#0b5cad", "linewidth": 0.8, "solid_joinstyle": "round", "zorder": 3}
_TRACE = {"color": "#1a1a1a", "linewidth": 0.8, "solid_joinstyle": "round", "zorder": 3}


def _paper(title: str, width: float, height: float, foot: float = 0.0) -> tuple[Figure, Axes, float]:
    """Return a figure with a title over ECG paper of `width` × `height` mm, axes in mm, and the figure's height, mm.

    Every fifth line of the millimetre grid is stronger.
    """
    title = fitting(title, (width - 2 * MARGIN) / INCH)
    head = max(HEAD, LINE * (title.count("\n") + 1) + 2)
    whole = height + head + foot
    figure = Figure(figsize=(width / INCH, whole / INCH))
    axes = figure.add_axes((0, foot / whole, 1, height / whole), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    for step, style in ((1, _MINOR), (5, _MAJOR)):
        axes.vlines(np.arange(0, width + 0.1, step), 0, height, **style)
        axes.hlines(np.arange(0, height + 0.1, step), 0, width, **style)
    figure.text(MARGIN / width, 1 - head / 2 / whole, title, fontsize=8, va="center")
    return figure, axes, whole


def ecg_figure(leads: np.ndarray, title: str, explained: "Explained | None" = None) -> Figure:
    """Plot an ECG in the usual three rows of four leads, true to scale: a millimetre of paper is one of the figure.

    Of 10 s or more, the first 10 s are drawn: 2.5 s of each lead, one after the other as recorded, and a rhythm strip
    of lead II. Of a shorter ECG, each lead is drawn in full. The speed is 25 mm/s. The gain is 10 mm/mV, or 5 or 2.5
    mm/mV if the leads are too large for their row; it is printed on the plot. The pulse before each row is 1 mV.

    Args:
      leads: (T, 12), mV at 1 kHz, in the order of `cardiax.ecg.leads.LEADS`.
      title: title of the figure.
      explained: leads that begin with the first sample; they are drawn over those of a shorter ECG only.
    """
    is_long = len(leads) >= WHOLE
    cell = CELL / 1000 * SPEED if is_long else len(leads) / 1000 * SPEED + GAP
    cells = [slice(at, at + CELL) if is_long else slice(None) for at in range(0, WHOLE, CELL)]
    parts = [list(zip(row, cells, strict=True)) for row in ROWS] + ([[(RHYTHM, slice(WHOLE))]] if is_long else [])
    shown = [(leads, _TRACE)] if explained is None or is_long else [(leads, _TRACE), (explained.leads, _EXPLAINED)]
    traces = [
        [(name, [(one[part, LEADS.index(name)], style) for one, style in shown]) for name, part in row] for row in parts
    ]
    width = 5 * np.ceil((2 * MARGIN + PULSE + GAP / 2 + 4 * cell) / 5)  # whole large squares
    height = 2 * MARGIN + len(traces) * ROW_HEIGHT + 2
    values = [np.concatenate([one for _, own in row for one, _ in own]) for row in traces]
    extremes = [(one.min(), one.max()) for one in values]
    span = max(high - low for low, high in extremes)
    gain = next((gain for gain in GAINS if span * gain <= ROW_HEIGHT - LABEL), GAINS[-1])

    figure, axes, _ = _paper(title, width, height)
    for row, (own, (low, high)) in enumerate(zip(traces, extremes, strict=True)):
        # Each row is centred on the middle of its leads' range, below their names.
        baseline = height - MARGIN - 2 - row * ROW_HEIGHT - (ROW_HEIGHT + LABEL) / 2 - gain * (high + low) / 2
        pulse = baseline + gain * np.array([0, 0, 1, 1, 0, 0])
        axes.plot(MARGIN + np.array([0, 1.5, 1.5, 6.5, 6.5, 8]), pulse, **_TRACE)
        for column, (name, drawn) in enumerate(own):
            start = MARGIN + PULSE + GAP / 2 + column * cell
            for one, style in drawn:
                axes.plot(start + np.arange(len(one)) / 1000 * SPEED, baseline + gain * one, **style)
            axes.text(
                start, height - MARGIN - row * ROW_HEIGHT - 2, name, fontsize=8, weight="bold", va="top", zorder=4
            )
            if is_long and column:
                axes.plot([start, start], [baseline - 3, baseline + 3], **_TRACE)
    scale = f"{SPEED:g} mm/s   {gain:g} mm/mV"
    if explained is not None and not is_long:
        scale += f"   blue: of a generic heart with this prediction, {100 * explained.share:.0f} % explained"
    axes.text(MARGIN, 1.5, scale, fontsize=7, zorder=4)
    return figure


def strips_figure(strips: Sequence[Strip], title: str, colours: Mapping[str, str], normal: str) -> Figure:
    """Plot strips one below the other, true to scale: a millimetre of paper is one of the figure.

    25 mm/s, and 10 mm/mV, or 5 or 2.5 mm/mV if a strip is too large for its row; the scale is printed on the plot. The
    name of each beat's class is above its R peak, with a question mark if it is uncertain, and beats of a class other
    than `normal` are coloured.
    """
    longest = max(len(strip.signal) / WINDOW_RATE for strip in strips)
    width = 5 * np.ceil((2 * MARGIN + longest * SPEED) / 5)
    height = 5 * np.ceil((len(strips) * STRIP + 2 * MARGIN) / 5)
    span = max(float(np.ptp(strip.signal)) for strip in strips)
    gain = next((gain for gain in GAINS if span * gain <= STRIP - CAPTION - LETTERS), GAINS[-1])

    figure, axes, whole = _paper(title, width, height, FOOT)
    for row, strip in enumerate(strips):
        top = height - MARGIN - row * STRIP
        middle = top - CAPTION - LETTERS - (STRIP - CAPTION - LETTERS) / 2
        lowest, highest = np.quantile(strip.signal, (0.001, 0.999))
        baseline = middle - gain * (lowest + highest) / 2
        seconds = np.arange(len(strip.signal)) / WINDOW_RATE
        for name, part in _coloured(strip, seconds, normal):
            style = {"color": colours[name], "linewidth": 0.8 if name == normal else 1.1, "zorder": 3}
            axes.plot(MARGIN + SPEED * seconds[part], baseline + gain * strip.signal[part], **style)
        for time, name, doubt in zip(strip.times, strip.names, strip.uncertain, strict=True):
            axes.text(
                MARGIN + SPEED * time,
                top - CAPTION,
                wrapped(name, 10, 1) + "?" * bool(doubt),
                color=colours[name],
                fontsize=7,
                weight="normal" if name == normal else "bold",
                ha="center",
                va="top",
                zorder=4,
            )
        axes.text(MARGIN, top - 1, strip.caption, fontsize=8, weight="bold", va="top", zorder=4)
    figure.text(
        MARGIN / width, FOOT / 2 / whole, f"{SPEED:g} mm/s   {gain:g} mm/mV   {DISCLAIMER}", fontsize=7, va="center"
    )
    return figure


def _coloured(strip: Strip, seconds: np.ndarray, normal: str) -> list[tuple[str, slice]]:
    """Return the parts of a strip by the class of their beat; between beats it is `normal`."""
    names = np.full(len(seconds), normal, dtype=object)
    for index, (time, name) in enumerate(zip(strip.times, strip.names, strict=True)):
        after = np.diff(strip.times[index : index + 2]) / 2
        before = np.diff(strip.times[max(index - 1, 0) : index + 1]) / 2
        low = time - min([COLOURED[0], *before])
        high = time + min([COLOURED[1], *after])
        names[(seconds >= low) & (seconds <= high)] = name
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return [(str(names[low]), slice(low, high + 1)) for low, high in itertools.pairwise(edges)]
