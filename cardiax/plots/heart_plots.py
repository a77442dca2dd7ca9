"""Plots of one case: its ECG, activation map, voltages, and an animation of the voltages on the heart."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cardiax.plots.ecg_paper import ecg_figure
from cardiax.plots.heart_map import activation_figure, beating_frames
from cardiax.plots.voltage_traces import voltage_figure
from cardiax.simulate.heart_geometry import build_heart


def case_plots(
    leads: np.ndarray,
    title: str,
    times: np.ndarray,
    true_times: np.ndarray | None = None,
    voltage: np.ndarray | None = None,
    true_voltage: np.ndarray | None = None,
) -> dict[str, Callable[[], Any]]:
    """Return name → function that draws a Matplotlib figure or the frames of a GIF.

    The maps show the built-in heart, whose sites have the names of those of the dataset.

    Args:
      leads: ECG (500, 12), mV.
      title: title of each plot.
      times: activation times (75,), ms.
      true_times: true activation times (75,), ms, if known.
      voltage: voltages (500, 75), mV, if predicted.
      true_voltage: true voltages (500, 75), mV, if known.
    """
    heart = build_heart()
    surface = (heart.points, heart.triangles, heart.sites)
    plots: dict[str, Callable[[], Any]] = {
        "ecg": partial(ecg_figure, leads, title),
        "activation": partial(activation_figure, *surface, times, title, true_times),
    }
    if voltage is not None:
        plots["voltage"] = partial(voltage_figure, voltage, title, true_voltage)
        plots["heart"] = partial(beating_frames, *surface, voltage)
    return plots
