"""A parametric action potential for the outputs of a network, with a memory-efficient derivative."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.barriers import fusion_barrier
from cardiax.nn.speedups import uses


class Shape(NamedTuple):
    """The parameters of the action potential at each of S sites.

    Attributes:
      start: time at which the upstroke is half finished (B, 1, S), ms.
      duration: time from `start` until repolarisation is half finished (B, 1, S), ms.
      plateau: voltage of the plateau (B, 1, S), mV.
      notch: height of the peak above the plateau (B, 1, S), mV.
      rest: resting voltage (1, 1, S), mV.
      notch_time, upstroke_time, repolarisation_time: time constants τ (1, 1, S), ms.
      fall: slope by which the plateau falls (1, 1, S), mV/ms.
    """

    start: jax.Array
    duration: jax.Array
    plateau: jax.Array
    notch: jax.Array
    rest: jax.Array
    notch_time: jax.Array
    upstroke_time: jax.Array
    repolarisation_time: jax.Array
    fall: jax.Array


def action_potential(shape: Shape, samples: int) -> jax.Array:
    """Compute voltages (B, samples, S), mV, sampled at 1 kHz.

        V = rest + (plateau − rest + notch · exp(−t⁺/τ_n) − fall · t⁺) · σ(t/τ_u) · σ((duration − t)/τ_r)

    with t the time since `start` and t⁺ = max(t, 0).

    The derivative needs only the sums over time of six arrays and of these times the sample index, which are matrix
    products; everything else is recomputed from `shape`. JAX's own derivative saves and reads twice as many arrays of
    the size of the voltages: 21 ms instead of 16, with a loss, for 32 × 500 × 75 on two cores.
    """
    # The barrier keeps XLA from recomputing the parameters from the network's outputs for every sample.
    shape = jax.tree.map(lambda x: fusion_barrier(x.astype(jnp.promote_types(x.dtype, jnp.float32))), shape)
    sample = jnp.arange(samples, dtype=shape.start.dtype)[None, :, None]
    return _with_derivative(shape, sample) if uses("action_potential") else _voltage(shape, sample)


@jax.custom_vjp
def _with_derivative(shape: Shape, sample: jax.Array) -> jax.Array:
    return _voltage(shape, sample)


def _voltage(shape: Shape, sample: jax.Array) -> jax.Array:
    amplitude, upstroke, repolarisation = _factors(shape, sample)[1:]
    return shape.rest + amplitude * upstroke * repolarisation


def _factors(shape: Shape, sample: jax.Array) -> tuple[jax.Array, ...]:
    """Return exp(−t⁺/τ_n) and the three factors of the voltage above rest."""
    time = sample - shape.start
    after = jnp.maximum(time, 0)
    decay = jnp.exp(-after / shape.notch_time)
    amplitude = shape.plateau - shape.rest + shape.notch * decay - shape.fall * after
    upstroke = jax.nn.sigmoid(time / shape.upstroke_time)
    return decay, amplitude, upstroke, jax.nn.sigmoid((shape.duration - time) / shape.repolarisation_time)


def _forward(shape: Shape, sample: jax.Array) -> tuple[jax.Array, tuple[Shape, jax.Array]]:
    return _with_derivative(shape, sample), (shape, sample)


def _backward(saved: tuple[Shape, jax.Array], gradient: jax.Array) -> tuple[Shape, None]:
    shape, sample = saved
    decay, amplitude, upstroke, repolarisation = _factors(shape, sample)
    powers = jnp.concatenate([jnp.ones_like(sample), sample], axis=2).mT  # (1, 2, T): 1 and the index of each sample.
    powers = jnp.broadcast_to(powers, (len(gradient), *powers.shape[1:]))

    def sums(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the sums over time of x (B, T, S) and of x times the time since `start`, (B, 1, S) each."""
        total, moment = jnp.split(jnp.matmul(powers, x, precision=lax.Precision.HIGHEST), 2, axis=1)
        return total, moment - shape.start * total

    def of_all(x: jax.Array) -> jax.Array:
        """Return the sum over the batch, (1, 1, S)."""
        return jnp.sum(x, axis=0, keepdims=True)

    to_amplitude = gradient * upstroke * repolarisation
    has_begun = sample > shape.start
    voltage, _ = sums(gradient)
    amplitude_sum, _ = sums(to_amplitude)
    begun, begun_moment = sums(jnp.where(has_begun, to_amplitude, 0))
    decayed, decayed_moment = sums(jnp.where(has_begun, to_amplitude * decay, 0))
    # The derivative of both sigmoids is σ' = σ · (1 − σ).
    rising, rising_moment = sums(to_amplitude * amplitude * (1 - upstroke) / shape.upstroke_time)
    falling, falling_moment = sums(to_amplitude * amplitude * (1 - repolarisation) / shape.repolarisation_time)
    pulled = Shape(
        start=shape.notch / shape.notch_time * decayed + shape.fall * begun - rising + falling,
        duration=falling,
        plateau=amplitude_sum,
        notch=decayed + amplitude_sum - begun,  # Before `start` the decay factor is 1.
        rest=of_all(voltage - amplitude_sum),
        notch_time=of_all(shape.notch / shape.notch_time**2 * decayed_moment),
        upstroke_time=of_all(-rising_moment / shape.upstroke_time),
        repolarisation_time=of_all((falling_moment - shape.duration * falling) / shape.repolarisation_time),
        fall=of_all(-begun_moment),
    )
    return pulled, None


_with_derivative.defvjp(_forward, _backward)
