"""Plot of a 12-lead ECG on clinical paper, and the paper."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cardiax.ecg.leads import LEADS

SPEED = 25.0
"""mm/s, the standard paper speed."""

GAINS = (10.0, 5.0, 2.5)
"""mm/mV: the standard gain, and smaller ones for leads too large for their row."""

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
ROW_HEIGHT, LABEL, MARGIN, GAP, PULSE = 36.0, 6.0, 5.0, 10.0, 8.0  # mm; the label is part of the row
INCH = 25.4  # mm

_MINOR = {"color": "#f3c9c6", "linewidth": 0.3, "zorder": 0}
_MAJOR = {"color": "#e39a95", "linewidth": 0.6, "zorder": 1}


def draw_grid(axes: Axes, width: float, height: float) -> None:
    """Draw the millimetre grid of ECG paper on axes of `width` × `height` mm, every fifth line stronger."""
    for step, style in ((1, _MINOR), (5, _MAJOR)):
        axes.vlines(np.arange(0, width + 0.1, step), 0, height, **style)
        axes.hlines(np.arange(0, height + 0.1, step), 0, width, **style)


def ecg_figure(leads: np.ndarray, title: str) -> Figure:
    """Plot an ECG in the usual three rows of four leads, true to scale: a millimetre of paper is one of the figure.

    Each lead is drawn in full at 25 mm/s. The gain is 10 mm/mV, or 5 or 2.5 mm/mV if the leads are too large for their
    row; it is printed on the plot. The pulse before each row is 1 mV.

    Args:
      leads: (T, 12), mV at 1 kHz, in the order of `cardiax.ecg.leads.LEADS`.
      title: title of the figure, one line.

    Raises:
      ValueError: if `leads` is not (T, 12).
    """
    if leads.ndim != 2 or leads.shape[1] != len(LEADS):
        raise ValueError(f"ecg_figure expects leads (T, {len(LEADS)}): got shape {leads.shape}")
    cell = leads.shape[0] / 1000 * SPEED + GAP
    width = 5 * np.ceil((2 * MARGIN + PULSE + GAP / 2 + 4 * cell) / 5)  # whole large squares
    height = 2 * MARGIN + 3 * ROW_HEIGHT + 2  # 120 mm
    span = float(np.nanmax(np.ptp(leads, axis=0)))
    gain = next((gain for gain in GAINS if span * gain <= ROW_HEIGHT - LABEL), GAINS[-1])

    figure = Figure(figsize=(width / INCH, (height + 8) / INCH))
    axes = figure.add_axes((0, 0, 1, height / (height + 8)), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    draw_grid(axes, width, height)
    ink = {"color": "#1a1a1a", "linewidth": 0.8, "solid_joinstyle": "round", "zorder": 3}
    time = np.arange(leads.shape[0]) / 1000 * SPEED
    for row, names in enumerate(ROWS):
        values = leads[:, [LEADS.index(name) for name in names]]
        # Each row is centred on the middle of its leads' range, so that no lead leaves the row.
        baseline = (
            height - MARGIN - 2 - row * ROW_HEIGHT - (ROW_HEIGHT + LABEL) / 2 - gain * (values.max() + values.min()) / 2
        )
        pulse = baseline + gain * np.array([0, 0, 1, 1, 0, 0])
        axes.plot(MARGIN + np.array([0, 1.5, 1.5, 6.5, 6.5, 8]), pulse, **ink)
        for column, name in enumerate(names):
            start = MARGIN + PULSE + GAP / 2 + column * cell
            axes.plot(start + time, baseline + gain * values[:, column], **ink)
            axes.text(
                start - 1, height - MARGIN - row * ROW_HEIGHT - 2, name, fontsize=8, weight="bold", va="top", zorder=4
            )
    axes.text(MARGIN, 1.5, f"{SPEED:g} mm/s   {gain:g} mm/mV", fontsize=7, zorder=4)
    figure.text(MARGIN / width, 1 - 4 / (height + 8), title, fontsize=8, va="center")
    return figure
