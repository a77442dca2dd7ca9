"""Long short-term memory (Hochreiter and Schmidhuber 1997) with a derivative that is fast on CPUs and GPUs."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.barriers import fusion_barrier
from cardiax.nn.speedups import uses


@jax.custom_vjp
def recurrence(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    """Compute the hidden states of D LSTMs in parallel, from zero initial states.

    The custom derivative saves the gates and computes the kernel's gradient in one product after the backward loop,
    where JAX's would accumulate it at every step. A gate σ(z) is computed as (1 + tanh(z/2))/2, so that one tanh gives
    all four gates.

    Args:
      inputs: contributions of inputs and biases to the gates i, f, g, o at each time (D, T, B, 4·H).
      kernel: kernel from the previous hidden state to the gates (D, H, 4·H).

    Returns:
      The hidden states (D, T, B, H).
    """
    return _forward(inputs, kernel)[0]


def _forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    lstms, times, batch, width = inputs.shape
    halved = _halved(kernel)

    def step(t: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        hidden, cell, all_hidden, all_cells, all_squashed = carry
        squashed = jnp.tanh(_halved(_at(inputs, t)) + hidden @ halved)
        i, f, g, o = _gates(squashed)
        cell = f * cell + i * g
        hidden = o * jnp.tanh(cell)
        return hidden, cell, _put(all_hidden, hidden, t), _put(all_cells, cell, t), _put(all_squashed, squashed, t)

    state, states = (jnp.zeros((lstms, *sizes, width // 4), inputs.dtype) for sizes in ((batch,), (times, batch)))
    start = (state, state, states, states, jnp.zeros_like(inputs))
    _, _, hidden, cells, squashed = lax.fori_loop(0, times, step, start)
    return hidden, (hidden, cells, squashed, kernel)


def _backward(saved: tuple[jax.Array, ...], pulled: jax.Array) -> tuple[jax.Array, jax.Array]:
    hidden, cells, squashed, kernel = saved
    lstms, times, batch, width = squashed.shape
    transposed = jnp.swapaxes(kernel, 1, 2)

    def step(since_last: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        to_hidden, to_cell, to_inputs = carry
        t = times - 1 - since_last
        i, f, g, o = _gates(_at(squashed, t))
        before = jnp.where(t > 0, _at(cells, jnp.maximum(t - 1, 0)), 0)
        out = fusion_barrier(jnp.tanh(_at(cells, t)))
        to_hidden = to_hidden + _at(pulled, t)
        to_cell = fusion_barrier(to_cell + to_hidden * o * (1 - out**2))
        to_gates = [
            to_cell * g * i * (1 - i),
            to_cell * before * f * (1 - f),
            to_cell * i * (1 - g**2),
            to_hidden * out * o * (1 - o),
        ]
        to_gates = fusion_barrier(jnp.concatenate(to_gates, axis=-1))
        return to_gates @ transposed, to_cell * f, _put(to_inputs, to_gates, t)

    state = jnp.zeros_like(hidden[:, 0])
    _, _, to_inputs = lax.fori_loop(0, times, step, (state, state, jnp.zeros_like(squashed)))
    earlier = jnp.pad(hidden[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
    rows = times * batch
    to_kernel = jnp.einsum("dnh,dng->dhg", earlier.reshape(lstms, rows, -1), to_inputs.reshape(lstms, rows, width))
    return to_inputs, to_kernel


recurrence.defvjp(_forward, _backward)


def _at(series: jax.Array, t: jax.Array) -> jax.Array:
    """Return the element (D, ...) of a series (D, T, ...) at time t."""
    return lax.dynamic_index_in_dim(series, t, axis=1, keepdims=False)


def _put(series: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """Return the series (D, T, ...) with x (D, ...) at time t."""
    return lax.dynamic_update_index_in_dim(series, x, t, axis=1)


def _halved(gates: jax.Array) -> jax.Array:
    """Return gate inputs (..., 4·H) with i, f and o halved and g unchanged."""
    factors = jnp.repeat(jnp.asarray((0.5, 0.5, 1.0, 0.5), gates.dtype), gates.shape[-1] // 4)
    return gates * jnp.expand_dims(factors, range(gates.ndim - 1))


def _gates(squashed: jax.Array) -> list[jax.Array]:
    """Return the gates i, f, g, o, each (..., H), from the tanh of the values of `_halved` (..., 4·H)."""
    i, f, g, o = jnp.split(squashed, 4, axis=-1)
    return [(1 + i) / 2, (1 + f) / 2, g, (1 + o) / 2]


class BiLSTM(nn.Module):
    """A bidirectional layer with two bias vectors per direction, as in PyTorch: (T, B, C) → (T, B, 2 · features).

    Both directions run in one loop, after the products with the inputs. Time is the first axis, so that a step reads
    contiguous memory.

    Attributes:
      features: number of hidden units of each direction.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return hidden states (T, B, 2 · features), forward direction first."""
        size, width = self.features, 4 * self.features
        to_gates = self.param("input_kernel", nn.initializers.lecun_normal(batch_axis=(0,)), (2, x.shape[-1], width))
        kernel = self.param("recurrent_kernel", nn.initializers.orthogonal(), (2, size, width))
        biases = self.param("bias", nn.initializers.zeros_init(), (2, 2, width))
        series = jnp.stack([x, jnp.flip(x, axis=0)]).reshape(2, -1, x.shape[-1])
        inputs = series @ to_gates + jnp.sum(biases, axis=0)[:, None, :]
        series = inputs.reshape(2, *x.shape[:2], width)
        forwards, backwards = recurrence(series, kernel) if uses("lstm") else _forward(series, kernel)[0]
        return jnp.concatenate([forwards, jnp.flip(backwards, axis=0)], axis=-1)
