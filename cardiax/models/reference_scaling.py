"""The scalings of inputs and targets in the reference projects, with their inverses.

All are affine: scaled = (signal − offset) / span. Offset and span are constants of the dataset or are computed from
each case. Signals have shape (..., time, channel), in mV.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

ECG_RANGE = (-5.954, 5.473)
"""Minimum and maximum of the leads in the UCSD/LLNL dataset, mV."""

VOLTAGE_RANGE = (-93.09, 49.53)
"""Minimum and maximum of the transmembrane voltages in the UCSD/LLNL dataset, mV."""

RESTING_VOLTAGE, VOLTAGE_SPAN = -85.50618677, 135.50618677
"""Constants of the reference transmembrane SqueezeNet, mV."""


class Affine(NamedTuple):
    """An affine scaling; offset and span are scalars or arrays that broadcast against the signal, in its unit."""

    offset: jax.Array | float
    span: jax.Array | float

    def scale(self, signal: jax.Array) -> jax.Array:
        """Return (signal − offset) / span, dimensionless."""
        return (signal - self.offset) / self.span

    def undo(self, scaled: jax.Array) -> jax.Array:
        """Return the signal, in its unit, from its scaled values."""
        return scaled * self.span + self.offset


def lead_range(leads: jax.Array) -> Affine:
    """Return the scaling of each lead of a case (..., T, L) by maximum − minimum, without offset; 1 for flat leads."""
    span = jnp.max(leads, axis=-2, keepdims=True) - jnp.min(leads, axis=-2, keepdims=True)
    return Affine(0.0, jnp.where(span > 0, span, 1.0))


def z_score(signal: jax.Array) -> Affine:
    """Return the z-score of each channel of a case (..., T, C) over time; a flat channel is only centred."""
    deviation = jnp.std(signal, axis=-2, keepdims=True)
    return Affine(jnp.mean(signal, axis=-2, keepdims=True), jnp.where(deviation > 0, deviation, 1.0))


def _fixed(low: float, high: float) -> Callable[[jax.Array], Affine]:
    return lambda signal: Affine(low, high - low)


SCALINGS: dict[str, Callable[[jax.Array], Affine]] = {
    "lead_range": lead_range,
    "ecg_range": _fixed(*ECG_RANGE),
    "voltage_range": _fixed(*VOLTAGE_RANGE),
    "resting_voltage": _fixed(RESTING_VOLTAGE, RESTING_VOLTAGE + VOLTAGE_SPAN),
    "z_score": z_score,
}
"""Name → function from a signal to its scaling: `lead_range` for the inputs of the activation CNN and both SqueezeNets,
`ecg_range` and `voltage_range` (global min-max) for the CNN + BiLSTM, `resting_voltage` for the targets of the
transmembrane SqueezeNet, `z_score` for the beats of the arrhythmia project."""
