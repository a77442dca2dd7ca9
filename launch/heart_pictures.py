"""The pictures of one case: its ECG, its activation on a heart, its voltages, and the heart that they light."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cardiax.figures.ecg import ecg_figure
from cardiax.figures.heart import activation_figure, beating_frames
from cardiax.figures.voltage import voltage_figure
from cardiax.simulate.geometry import build_heart


def heart_pictures(
    leads: np.ndarray,
    title: str,
    times: np.ndarray,
    true_times: np.ndarray | None = None,
    voltage: np.ndarray | None = None,
    true_voltage: np.ndarray | None = None,
) -> dict[str, Callable[[], Any]]:
    """Name → what draws a Figure, or the frames of a GIF, on the built-in heart, whose sites bear the dataset's names.

    Args:
      leads: (500, 12), mV.
      title: of each picture.
      times, true_times: (75,), ms.
      voltage, true_voltage: (500, 75), mV.
    """
    heart = build_heart()
    surface = (heart.points, heart.triangles, heart.sites)
    pictures: dict[str, Callable[[], Any]] = {
        "ecg": partial(ecg_figure, leads, title),
        "activation": partial(activation_figure, *surface, times, title, true_times),
    }
    if voltage is not None:
        pictures["voltage"] = partial(voltage_figure, voltage, title, true_voltage)
        pictures["heart"] = partial(beating_frames, *surface, voltage)
    return pictures
