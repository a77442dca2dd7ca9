"""Plot of the RR intervals of a recording over time."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from cardiax.catalog import DISCLAIMER
from cardiax.ecg.rhythm_summary import BeatSequence
from cardiax.plots.style import fitting, plain, wrapped


def tachogram_figure(beats: BeatSequence, title: str, colours: Mapping[str, str]) -> Figure:
    """Plot the RR interval that ends at each beat, in the colour of the beat's class.

    The axis ends at 1.1 s, or 10 % above the 99.9 % quantile if that is more. Longer intervals are triangles there.
    """
    times, rr, duration = beats.times, beats.rr, beats.duration
    divisor, unit = (3600, "h") if duration > 2 * 3600 else (60, "min") if duration > 120 else (1, "s")
    known = np.isfinite(rr)
    top = 1.1 * max(float(np.quantile(rr[known], 0.999)) if known.any() else 1.0, 1.0)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    for start, end in beats.unreadable:
        axes.axvspan(start / divisor, end / divisor, color="#d9d9d9", linewidth=0, zorder=0)
    size = float(np.clip(3e4 / max(len(times), 1), 1.0, 14.0))
    for name in colours:
        chosen, count = known & (beats.names == name), int(np.sum(beats.names == name))
        style = {
            "color": colours[name],
            "linewidths": 0,
            "zorder": 2 if name == beats.normal else 3,
            "rasterized": True,
        }
        scale = 1.0 if name == beats.normal else 2.0
        if count:
            axes.scatter(
                times[chosen] / divisor,
                np.minimum(rr[chosen], 2 * top),
                s=scale * size,
                label=f"{wrapped(name, 24, 1)} ({count:,})",
                **style,
            )
            above = chosen & (rr > top)
            axes.scatter(times[above] / divisor, np.full(above.sum(), 0.97 * top), s=25, marker="^", **style)
    axes.set_xlim(0, duration / divisor)
    axes.set_ylim(0, top)
    axes.set_xlabel(f"Time ({unit})", fontsize=8)
    axes.set_ylabel("RR interval (s)", fontsize=8)
    plain(axes)
    if len(times):
        figure.legend(fontsize=7, ncols=5, loc="outside lower right", markerscale=2, frameon=False)
    grey = "   grey: unreadable" if len(beats.unreadable) else ""
    beyond = "   ▲: longer than the axis" if (rr[known] > top).any() else ""
    axes.set_title(fitting(f"{title}   {DISCLAIMER}{grey}{beyond}", 9.5), fontsize=8, loc="left")
    return figure
