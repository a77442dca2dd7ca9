"""Activation time and action potential duration of transmembrane voltages.

Signals are arrays (..., time, site) in mV at 1 kHz, so a sample index is a time in ms. All functions are pure and
jittable and take any leading axes; JAX arrays give JAX arrays and NumPy arrays give NumPy arrays.
"""

from typing import Any, TypeVar

import jax
import numpy as np

Array = TypeVar("Array", jax.Array, np.ndarray)


def activation_time(voltage: Array) -> Array:
    """Compute when each site first rises above 0 mV: (..., T, S) mV → (..., S) ms, NaN for a site that never does.

    It is where the line from the sample before the first one above 0 mV crosses 0 mV, at 1 kHz. A site that is above
    from the start activates at 0.
    """
    xp: Any = voltage.__array_namespace__()
    first = xp.argmax(voltage > 0, axis=-2)
    activates = _at(voltage, first) > 0
    times = first.astype(voltage.dtype) - xp.where(first > 0, _overshoot(voltage, first, 0.0), 0.0)
    return xp.where(activates, times, xp.nan)


def apd90(voltage: Array) -> Array:
    """Compute the action potential duration, from activation to 90 % repolarisation: (..., T, S) mV → (..., S) ms.

    Repolarisation is the first time after the peak at which the voltage is below peak − 0.9 · (peak − rest),
    interpolated between samples; rest is the voltage at the first sample. NaN for a site that never activates, does not
    repolarise by the last sample, or is not at rest at the first.
    """
    xp: Any = voltage.__array_namespace__()
    rest = voltage[..., :1, :]
    peak = xp.max(voltage, axis=-2, keepdims=True)
    level = peak - 0.9 * (peak - rest)
    samples = xp.arange(voltage.shape[-2]).reshape(*[1] * (voltage.ndim - 2), -1, 1)
    repolarised = (voltage < level) & (samples > xp.argmax(voltage, axis=-2, keepdims=True))
    first = xp.argmax(repolarised, axis=-2)
    end = first.astype(voltage.dtype) - _overshoot(voltage, first, level[..., 0, :])
    known = xp.any(repolarised, axis=-2) & (rest[..., 0, :] < 0)
    return xp.where(known, end - activation_time(voltage), xp.nan)


def _overshoot(voltage: Array, first: Array, level: Array | float) -> Array:
    """Return how many samples before sample `first` (..., S) the line from the previous sample crosses `level`."""
    xp: Any = voltage.__array_namespace__()
    after, before = _at(voltage, first), _at(voltage, xp.maximum(first - 1, 0))
    rise = after - before
    return xp.where(rise == 0, 0.0, (after - level) / xp.where(rise == 0, 1.0, rise))


def _at(signal: Array, sample: Array) -> Array:
    """Return each channel of a signal (..., T, S) at its own sample index (..., S)."""
    xp: Any = signal.__array_namespace__()
    return xp.take_along_axis(signal, sample[..., None, :], axis=-2)[..., 0, :]
