"""Plot of stretches of an ECG on clinical paper, with the class of each beat in colour."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cardiax.catalog import DISCLAIMER
from cardiax.ecg.rhythm_strips import Strip
from cardiax.plots.ecg_paper import GAINS, INCH, MARGIN, SPEED, draw_grid

ROW, HEAD, FOOT, CAPTION, LETTERS = 40.0, 10.0, 8.0, 6.0, 5.0  # mm; the caption and the letters are part of the row
COLOURED = (0.25, 0.45)
"""s before and after its R peak, or half way to the next one, in which a beat has the colour of its class."""


def strips_figure(strips: Sequence[Strip], title: str, colours: Mapping[str, str], normal: str) -> Figure:
    """Plot strips one below the other, true to scale: a millimetre of paper is one of the figure.

    25 mm/s, and 10 mm/mV, or 5 or 2.5 mm/mV if a strip is too large for its row; the scale is printed on the plot. The
    name of each beat's class is above its R peak, with a question mark if it is uncertain, and beats of a class other
    than `normal` are coloured.
    """
    longest = max(len(strip.signal) / strip.rate for strip in strips)
    width = 5 * np.ceil((2 * MARGIN + longest * SPEED) / 5)
    height = 5 * np.ceil((len(strips) * ROW + 2 * MARGIN) / 5)
    span = max(float(np.ptp(strip.signal)) for strip in strips)
    gain = next((gain for gain in GAINS if span * gain <= ROW - CAPTION - LETTERS), GAINS[-1])

    whole = height + HEAD + FOOT
    figure = Figure(figsize=(width / INCH, whole / INCH))
    axes = figure.add_axes((0, FOOT / whole, 1, height / whole), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    draw_grid(axes, width, height)
    for row, strip in enumerate(strips):
        top = height - MARGIN - row * ROW
        middle = top - CAPTION - LETTERS - (ROW - CAPTION - LETTERS) / 2
        lowest, highest = np.quantile(strip.signal, (0.001, 0.999))
        baseline = middle - gain * (lowest + highest) / 2
        seconds = np.arange(len(strip.signal)) / strip.rate
        for name, part in _coloured(strip, seconds, normal):
            style = {"color": colours[name], "linewidth": 0.8 if name == normal else 1.1, "zorder": 3}
            axes.plot(MARGIN + SPEED * seconds[part], baseline + gain * strip.signal[part], **style)
        for time, name, doubt in zip(strip.times, strip.names, strip.uncertain, strict=True):
            axes.text(
                MARGIN + SPEED * time,
                top - CAPTION,
                f"{name}?" if doubt else name,
                color=colours[name],
                fontsize=7,
                weight="normal" if name == normal else "bold",
                ha="center",
                va="top",
                zorder=4,
            )
        axes.text(MARGIN, top - 1, strip.caption, fontsize=8, weight="bold", va="top", zorder=4)
    figure.text(MARGIN / width, 1 - HEAD / 2 / whole, title, fontsize=9, va="center")
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
