"""Plots of one case: its ECG, activation map, voltages, and an animation of the voltages on the heart."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from cardiax.ecg.leads import SITE_NAMES
from cardiax.plots.ecg_paper import ecg_figure
from cardiax.plots.heart_map import activation_figure, beating_frames
from cardiax.plots.style import INK, plain
from cardiax.simulate.heart_geometry import build_heart

if TYPE_CHECKING:
    from cardiax.simulate.generic_leads import Explained

CHOSEN = ("AHA01", "AHA08", "AHA11", "AHA17", "EPI_AHA11", "RV07", "EPI_RV07", "SEPTM_AHA09_RV09")
"""The sites whose voltage is plotted, an even number: both ventricles, all layers and rows."""


def case_plots(
    leads: np.ndarray,
    title: str,
    times: np.ndarray,
    true_times: np.ndarray | None = None,
    voltage: np.ndarray | None = None,
    true_voltage: np.ndarray | None = None,
    explained: "Explained | None" = None,
) -> dict[str, Callable[[], Any]]:
    """Return name → function that draws a Matplotlib figure or the frames of a GIF.

    The maps show the built-in heart, whose sites have the names of those of the dataset.

    Leads are (500, 12) and voltages (500, 75), mV, times (75,), ms. `explained` is drawn over the ECG.
    """
    heart = build_heart()
    plots: dict[str, Callable[[], Any]] = {
        "ecg": partial(ecg_figure, leads, title, explained),
        "activation": partial(activation_figure, heart, times, title, true_times),
    }
    if voltage is not None:
        plots["voltage"] = partial(voltage_figure, voltage, title, true_voltage)
        plots["heart"] = partial(beating_frames, heart, voltage, leads, title)
    return plots


def voltage_figure(predicted: np.ndarray, title: str, true: np.ndarray | None = None) -> Figure:
    """Plot voltages (T, 75), mV at 1 kHz, of one site per panel: the true one pale and wide, the prediction thin."""
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    panels = figure.subplots(2, len(CHOSEN) // 2, sharex=True, sharey=True)
    for name, axes in zip(CHOSEN, panels.flat, strict=True):
        site = SITE_NAMES.index(name)
        if true is not None:
            axes.plot(true[:, site], color="#e8a33d", linewidth=3.0, label="true")
        axes.plot(predicted[:, site], color=INK, linewidth=1.0, label="predicted")
        axes.axhline(0, color="grey", linewidth=0.4)
        axes.set_title(name, fontsize=8)
        plain(axes)
        axes.margins(x=0)
    panels[0, -1].legend(fontsize=7, frameon=False, loc="upper right")
    figure.supxlabel("Time (ms)", fontsize=8)
    figure.supylabel("Transmembrane voltage (mV)", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure
