"""An action potential that a network shapes, with a derivative that reads few arrays."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.barriers import fusion_barrier


class Shape(NamedTuple):
    """Of an action potential at each site.

    Attributes:
      start: (B, 1, S), ms, when the upstroke is half done.
      duration: (B, 1, S), ms, until repolarisation is half done.
      plateau: (B, 1, S), mV.
      notch: (B, 1, S), mV by which the peak lies above the plateau.
      rest: (1, 1, S), mV.
      notch_time, upstroke_time, repolarisation_time: (1, 1, S), ms, time constants τ.
      fall: (1, 1, S), mV/ms, of the plateau.
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
    """Voltages (B, samples, S), mV, one sample a ms.

        V = rest + (plateau − rest + notch · exp(−t⁺/τ_n) − fall · t⁺) · σ(t/τ_u) · σ((duration − t)/τ_r)

    with t the time since `start` and t⁺ = max(t, 0).

    All that the derivative needs is a sum over time of six arrays, and of them times the sample, which are products of
    matrices; everything else is worked out anew from `shape`. JAX's own keeps and reads twice as many arrays of all
    voltages: 21 ms instead of 16, with a loss, for 32 × 500 × 75 on two cores.
    """
    # Kept apart, lest they are taken from the network's answers anew for every sample.
    shape = jax.tree.map(lambda x: fusion_barrier(x.astype(jnp.promote_types(x.dtype, jnp.float32))), shape)
    return _with_derivative(shape, jnp.arange(samples, dtype=shape.start.dtype)[None, :, None])


@jax.custom_vjp
def _with_derivative(shape: Shape, sample: jax.Array) -> jax.Array:
    amplitude, upstroke, repolarisation = _factors(shape, sample)[1:]
    return shape.rest + amplitude * upstroke * repolarisation


def _factors(shape: Shape, sample: jax.Array) -> tuple[jax.Array, ...]:
    """exp(−t⁺/τ_n), and the three factors of the voltage above rest."""
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
    powers = jnp.concatenate([jnp.ones_like(sample), sample], axis=2).mT  # (1, 2, T): of each sample 1 and itself
    powers = jnp.broadcast_to(powers, (len(gradient), *powers.shape[1:]))

    def sums(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Of x (B, T, S) over time, and of x times the time since `start`: (B, 1, S) each."""
        total, moment = jnp.split(jnp.matmul(powers, x, precision=lax.Precision.HIGHEST), 2, axis=1)
        return total, moment - shape.start * total

    def of_all(x: jax.Array) -> jax.Array:
        """The sum over the batch, (1, 1, S)."""
        return jnp.sum(x, axis=0, keepdims=True)

    to_amplitude = gradient * upstroke * repolarisation
    has_begun = sample > shape.start
    voltage, _ = sums(gradient)
    amplitude_sum, _ = sums(to_amplitude)
    begun, begun_moment = sums(jnp.where(has_begun, to_amplitude, 0))
    decayed, decayed_moment = sums(jnp.where(has_begun, to_amplitude * decay, 0))
    # Of the two sigmoids: σ' = σ · (1 − σ).
    rising, rising_moment = sums(to_amplitude * amplitude * (1 - upstroke) / shape.upstroke_time)
    falling, falling_moment = sums(to_amplitude * amplitude * (1 - repolarisation) / shape.repolarisation_time)
    pulled = Shape(
        start=shape.notch / shape.notch_time * decayed + shape.fall * begun - rising + falling,
        duration=falling,
        plateau=amplitude_sum,
        notch=decayed + amplitude_sum - begun,  # before `start` nothing has decayed
        rest=of_all(voltage - amplitude_sum),
        notch_time=of_all(shape.notch / shape.notch_time**2 * decayed_moment),
        upstroke_time=of_all(-rising_moment / shape.upstroke_time),
        repolarisation_time=of_all((falling_moment - shape.duration * falling) / shape.repolarisation_time),
        fall=of_all(-begun_moment),
    )
    return pulled, None


_with_derivative.defvjp(_forward, _backward)
