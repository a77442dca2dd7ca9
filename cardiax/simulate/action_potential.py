"""A formula for the ventricular action potential: upstroke, notch, plateau and repolarisation; pure, in JAX."""

import jax
import jax.numpy as jnp

REST = -85.5
"""mV, the resting voltage of the UCSD/LLNL dataset."""

UPSTROKE = 0.6
"""ms, time constant of the upstroke: 10 to 90 % in 2.6 ms. The maximum slope is less than the about 180 mV/ms of an
isolated cell, as in tissue."""

PEAK, PLATEAU = 40.0, 25.0
"""mV, what the notch falls from and to."""

NOTCH = 8.0
"""ms, time constant of the fall from the peak to the plateau."""

PLATEAU_FALL = 0.05
"""mV/ms, rate at which the plateau falls."""

REPOLARISATION = 10.0
"""ms, time constant of repolarisation."""


def action_potential(
    time: jax.Array,
    duration: jax.Array,
    upstroke: jax.Array | float = UPSTROKE,
    peak: jax.Array | float = PEAK,
    plateau: jax.Array | float = PLATEAU,
    repolarisation: jax.Array | float = REPOLARISATION,
) -> jax.Array:
    """Compute the transmembrane voltage, mV, at a time after activation.

    V = rest + A(t) · σ((t + t₀)/τ_u) · σ((d − t)/τ_r) with A(t) = plateau − rest + (peak − plateau) · exp(−t/τ_n) − s·t
    for t > 0, t₀ such that the upstroke crosses 0 mV at t = 0, and d such that 90 % are repolarised at `duration`.

    Args:
      time: time since activation, ms, of any shape; negative before activation.
      duration: time to 90 % repolarisation, ms, of a shape that broadcasts with `time`, as have the others.
      upstroke, repolarisation: the time constants τ_u and τ_r, ms.
      peak, plateau: mV, what the notch falls from and to.
    """
    after = jnp.maximum(time, 0.0)
    amplitude = plateau - REST + (peak - plateau) * jnp.exp(-after / NOTCH) - PLATEAU_FALL * after
    rising = jax.nn.sigmoid(time / upstroke + jnp.log(-REST / peak))
    # σ((d − t)/τ) falls to a tenth ln 9 time constants after d.
    falling = jax.nn.sigmoid((duration - time) / repolarisation - jnp.log(9.0))
    return REST + amplitude * rising * falling
