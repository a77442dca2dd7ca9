"""How the reference systems scale their inputs and targets, by name, each with its inverse.

All are affine: scaled = (signal − offset) / span, whose offset and span are numbers of the dataset, or are read off
each case. Signals are (..., time, channel), mV.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

ECG_RANGE = (-5.954, 5.473)
"""mV, the least and greatest value of the leads in the UCSD/LLNL dataset."""

VOLTAGE_RANGE = (-93.09, 49.53)
"""mV, the least and greatest transmembrane voltage in it."""

RESTING_VOLTAGE, VOLTAGE_SPAN = -85.50618677, 135.50618677
"""mV: the constants of the reference transmembrane SqueezeNet."""


class Affine(NamedTuple):
    """An offset and a span, scalars or arrays that broadcast against the signal, in its unit."""

    offset: jax.Array | float
    span: jax.Array | float

    def scale(self, signal: jax.Array) -> jax.Array:
        """(signal − offset) / span, without a unit."""
        return (signal - self.offset) / self.span

    def undo(self, scaled: jax.Array) -> jax.Array:
        """The signal again, in its unit."""
        return scaled * self.span + self.offset


def lead_range(leads: jax.Array) -> Affine:
    """Each lead of a case (..., T, L) by its maximum − minimum, nothing subtracted; a flat lead stays as it is."""
    span = jnp.max(leads, axis=-2, keepdims=True) - jnp.min(leads, axis=-2, keepdims=True)
    return Affine(0.0, jnp.where(span > 0, span, 1.0))


def z_score(signal: jax.Array) -> Affine:
    """Each channel of a case (..., T, C) by its mean and standard deviation over time; a flat one is only centred."""
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
"""Scaling of a signal: `lead_range` of the activation CNN and both SqueezeNets' inputs, `ecg_range` and `voltage_range`
(global min-max) of the CNN + BiLSTM, `resting_voltage` of the transmembrane SqueezeNet's targets, `z_score` of the
arrhythmia systems' beats."""
