"""The scalings of inputs and targets in the reference projects, with their inverses.

All are affine: scaled = (signal − offset) / span. Offset and span are constants of the dataset or are computed from
each case. Signals have shape (..., time, channel), in mV.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


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


ECG_RANGE = Affine(-5.954, 5.473 + 5.954)
"""From the minimum to the maximum of the leads in the UCSD/LLNL dataset, mV; for the CNN + BiLSTM."""

VOLTAGE_RANGE = Affine(-93.09, 49.53 + 93.09)
"""From the minimum to the maximum of the transmembrane voltages in the UCSD/LLNL dataset, mV; for the CNN + BiLSTM."""

RESTING_VOLTAGE = Affine(-85.50618677, 135.50618677)
"""Constants of the reference transmembrane SqueezeNet, mV, for its targets."""


def lead_range(leads: jax.Array) -> Affine:
    """Return the scaling of each lead of a case (..., T, L) by maximum − minimum, without offset; 1 for flat leads."""
    span = jnp.max(leads, axis=-2, keepdims=True) - jnp.min(leads, axis=-2, keepdims=True)
    return Affine(0.0, jnp.where(span > 0, span, 1.0))


def z_score(signal: jax.Array) -> Affine:
    """Return the z-score of each channel of a case (..., T, C) over time; a flat channel is only centred."""
    deviation = jnp.std(signal, axis=-2, keepdims=True)
    return Affine(jnp.mean(signal, axis=-2, keepdims=True), jnp.where(deviation > 0, deviation, 1.0))
