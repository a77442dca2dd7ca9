"""Plot of example beats of every class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from cardiax.plots.style import INK, PALE, plain

FIRST = {"color": INK, "linewidth": 1.2, "zorder": 3}
OTHERS = {"color": PALE, "linewidth": 0.7, "zorder": 2}


def beats_figure(
    beats: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    sampling_rate: float,
    per_class: int = 6,
    unit: str = "",
) -> Figure:
    """Plot one panel per class: its first beat, dark, over a few more, pale, that show how beats of the class differ.

    Args:
      beats: (n, samples), scaled to [0, 1] and padded with zeros at the end; the padding is not drawn.
      labels: (n,), integers, the class of each beat.
      classes: names of the C classes; label i is `classes[i]`. The panel of a class without beats says "no beats".
      sampling_rate: sampling rate, Hz; 0 if it is not known, and then the axis counts samples.
      per_class: maximum number of beats in a panel; the first ones in order are drawn.
      unit: unit of beats that are not scaled to [0, 1].

    Returns:
      A figure, to be saved by the caller: `figure.savefig(path, dpi=200)`.
    """
    milliseconds = np.arange(beats.shape[1]) * (1000 / sampling_rate if sampling_rate else 1.0)

    figure = Figure(figsize=(1.7 * len(classes) + 0.4, 2.1), layout="constrained")
    panels = figure.subplots(1, len(classes), sharex=True, sharey=True, squeeze=False)[0]
    for index, (name, axes) in enumerate(zip(classes, panels, strict=True)):
        examples = beats[labels == index][:per_class]
        for number, beat in enumerate(examples):
            end = np.flatnonzero(np.append(1, beat))[-1]  # number of samples up to the last nonzero one
            style = FIRST if number == 0 else OTHERS
            axes.plot(milliseconds[:end], beat[:end], **style)
        if not len(examples):
            axes.text(
                0.5, 0.5, "no beats", transform=axes.transAxes, ha="center", va="center", fontsize=8, color="grey"
            )
        axes.set_title(name, fontsize=9)
        plain(axes)
    panels[0].set_xlim(0, milliseconds[-1])
    if not unit:
        panels[0].set_ylim(-0.03, 1.05)
    panels[0].set_ylabel(f"Amplitude ({unit})" if unit else "Normalised amplitude", fontsize=8)
    figure.supxlabel("Time (ms)" if sampling_rate else "Sample", fontsize=8)
    return figure
