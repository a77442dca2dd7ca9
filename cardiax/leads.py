"""From electrodes to the 12-lead ECG, and from transmembrane voltage to the times that are read off it.

Signals are arrays (..., time, channel) at 1 kHz in mV: one sample a millisecond, so that an index is a time in ms. All
functions are pure, may be jitted, and take any leading axes. Arrays of JAX give arrays of JAX; those of NumPy stay
NumPy's, which reads a batch from disk off three times as fast, to the same bits.
"""

from typing import Any, TypeVar

import jax
import numpy as np

Array = TypeVar("Array", jax.Array, np.ndarray)

ELECTRODES = ("RA", "LA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
"""Channels of a `pECGData` file of the UCSD/LLNL dataset, in order."""

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The standard 12-lead ECG, in the order of the UCSD/LLNL dataset's reference code."""

_FREE_WALL_AHA = (1, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17)
_FREE_WALL_RV = (1, 2, 3, 6, 7, 8, 11, 12)

SITE_NAMES = (
    *(f"AHA{i:02d}" for i in range(1, 18)),
    *(f"RV{i:02d}" for i in range(1, 14)),
    *(f"EPI_AHA{i:02d}" for i in _FREE_WALL_AHA),
    *(f"EPI_RV{i:02d}" for i in _FREE_WALL_RV),
    *(f"MID_AHA{i:02d}" for i in _FREE_WALL_AHA),
    *(f"MID_RV{i:02d}" for i in _FREE_WALL_RV),
    *("SEPTM_AHA02_RV05", "SEPTM_AHA03_RV04", "SEPTM_AHA08_RV10", "SEPTM_AHA09_RV09", "SEPTM_AHA14_RV13"),
)
"""The 75 sites of a `VmData` file, in order: endocardium of the left ventricle by AHA segment (Cerqueira et al. 2002)
and of the right ventricle, epicardium and mid-wall of both free walls, and the middle of the septum."""


def twelve_leads(electrodes: Array) -> Array:
    """The 12-lead ECG from electrode potentials against any reference: (..., 10) → (..., 12), mV.

    With Wilson's central terminal W = (RA + LA + LL)/3: I = LA − RA, II = LL − RA, III = LL − LA (Einthoven), aVR, aVL
    and aVF = 3/2 · (RA, LA, LL − W) (Goldberger), V1 … V6 minus W. RL, the ground, enters no lead.

    Args:
      electrodes: (..., 10), the channels in the order of `ELECTRODES`.

    Raises:
      ValueError: if the last axis is not 10.
    """
    if electrodes.shape[-1] != len(ELECTRODES):
        raise ValueError(
            f"twelve_leads wants the electrodes {', '.join(ELECTRODES)} along the last axis: "
            f"got shape {electrodes.shape}"
        )
    xp = _namespace(electrodes)
    right_arm, left_arm, left_leg = (electrodes[..., i] for i in range(3))
    wilson = (right_arm + left_arm + left_leg) / 3
    limbs = [
        left_arm - right_arm,
        left_leg - right_arm,
        left_leg - left_arm,
        *(1.5 * (limb - wilson) for limb in (right_arm, left_arm, left_leg)),
    ]
    return xp.concat([xp.stack(limbs, axis=-1), electrodes[..., 4:] - wilson[..., None]], axis=-1)


def activation_time(voltage: Array, interpolate: bool = True) -> Array:
    """When each site first rises above 0 mV: (..., T, S) mV → (..., S) ms, NaN for a site that never does.

    Args:
      voltage: (..., T, S), mV at 1 kHz.
      interpolate: False: the index of the first sample above 0 mV, as the reference code has it (which yields 0 for a
        site that never activates); True: where the line from the sample before it crosses 0 mV. A site that is above
        from the start activates at 0.
    """
    xp = _namespace(voltage)
    first = xp.argmax(voltage > 0, axis=-2)
    activates = _at(voltage, first) > 0
    times = first.astype(voltage.dtype)
    if interpolate:
        times = times - xp.where(first > 0, _overshoot(voltage, first, 0.0), 0.0)
    return xp.where(activates, times, xp.nan)


def apd90(voltage: Array) -> Array:
    """Action potential duration: (..., T, S) mV → (..., S) ms from activation to 90 % repolarisation.

    Repolarised by 90 % is the first time after the peak that the voltage is below peak − 0.9 · (peak − rest), rest
    being the voltage at the first sample, interpolated between samples. NaN for a site that never activates, or has not
    repolarised by the last sample, or is not at rest at the first.
    """
    xp = _namespace(voltage)
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
    """How long before sample `first` (..., S) the line from the sample before it crosses `level`, in samples."""
    xp = _namespace(voltage)
    after, before = _at(voltage, first), _at(voltage, xp.maximum(first - 1, 0))
    rise = after - before
    return xp.where(rise == 0, 0.0, (after - level) / xp.where(rise == 0, 1.0, rise))


def _at(signal: Array, sample: Array) -> Array:
    """Each channel of a signal (..., T, S) at a sample of its own (..., S)."""
    return _namespace(signal).take_along_axis(signal, sample[..., None, :], axis=-2)[..., 0, :]


def _namespace(array: Array) -> Any:
    """`jax.numpy` or `numpy`, as the array says."""
    return array.__array_namespace__()
