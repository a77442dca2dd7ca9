"""Long short-term memory (Hochreiter and Schmidhuber 1997) whose derivative is made for CPUs and GPUs alike."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.models.convolution import Conv
from cardiax.models.layers import Dropout
from cardiax.scaling import SCALINGS


@jax.custom_vjp
def recurrence(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    """Hidden states of several LSTMs side by side, from zero states.

    Their own derivative saves the gates and forms the kernel's gradient in one product after the backward scan, where
    JAX's would add to it at every step.

    Args:
      inputs: (T, D, B, 4·H), what the gates i, f, g, o of each of D LSTMs are given at each time, biases included.
      kernel: (D, H, 4·H), from the hidden state before to the gates.

    Returns:
      (T, D, B, H).
    """
    return _forward(inputs, kernel)[0]


def _forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    def step(carry: tuple[jax.Array, jax.Array], given: jax.Array) -> tuple:
        hidden, cell = carry
        i, f, g, o = jnp.split(given + hidden @ kernel, 4, axis=-1)
        i, f, g, o = nn.sigmoid(i), nn.sigmoid(f), jnp.tanh(g), nn.sigmoid(o)
        cell = f * cell + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, cell, jnp.concatenate([i, f, g, o], axis=-1))

    zeros = jnp.zeros((*inputs.shape[1:3], kernel.shape[1]), inputs.dtype)
    _, (hidden, cell, gates) = lax.scan(step, (zeros, zeros), inputs)
    return hidden, (hidden, cell, gates, kernel)


def _backward(saved: tuple[jax.Array, ...], pulled: jax.Array) -> tuple[jax.Array, jax.Array]:
    hidden, cell, gates, kernel = saved
    transposed = jnp.swapaxes(kernel, 1, 2)

    def step(carry: tuple[jax.Array, jax.Array], at: tuple[jax.Array, ...]) -> tuple:
        to_hidden, to_cell = carry
        pull, gate, now, before = at
        i, f, g, o = jnp.split(gate, 4, axis=-1)
        to_hidden = to_hidden + pull
        squashed = jnp.tanh(now)
        to_cell = to_cell + to_hidden * o * (1 - squashed**2)
        to_gates = jnp.concatenate(
            [
                to_cell * g * i * (1 - i),
                to_cell * before * f * (1 - f),
                to_cell * i * (1 - g**2),
                to_hidden * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        return (to_gates @ transposed, to_cell * f), to_gates

    zeros = jnp.zeros_like(hidden[:1])
    earlier_cell, earlier_hidden = (jnp.concatenate([zeros, states[:-1]]) for states in (cell, hidden))
    _, to_inputs = lax.scan(step, (zeros[0], zeros[0]), (pulled, gates, cell, earlier_cell), reverse=True)
    return to_inputs, jnp.einsum("tdbh,tdbg->dhg", earlier_hidden, to_inputs)


recurrence.defvjp(_forward, _backward)


class BiLSTM(nn.Module):
    """One bidirectional layer as PyTorch has it, with two bias vectors a direction: (B, T, C) → (B, T, 2 · features).

    Both directions run in one scan; the products with the inputs come before it.

    Attributes:
      features: hidden units of each direction.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Hidden states (B, T, 2 · features), forward ones first."""
        size, width = self.features, 4 * self.features
        to_gates = self.param("input_kernel", nn.initializers.lecun_normal(batch_axis=(0,)), (2, x.shape[-1], width))
        kernel = self.param("recurrent_kernel", nn.initializers.orthogonal(), (2, size, width))
        biases = self.param("bias", nn.initializers.zeros_init(), (2, 2, width))
        series = jnp.stack([x, jnp.flip(x, axis=1)])
        inputs = jnp.einsum("dbtc,dcg->tdbg", series, to_gates) + jnp.sum(biases, axis=0)[None, :, None]
        hidden = recurrence(inputs, kernel)
        return jnp.concatenate(
            [jnp.swapaxes(hidden[:, 0], 0, 1), jnp.swapaxes(jnp.flip(hidden[:, 1], axis=0), 0, 1)], axis=-1
        )


class TransmembraneBiLSTM(nn.Module):
    """Transmembrane voltages (B, T, outputs), mV, from twelve leads (B, T, 12), mV: the reference CNN + BiLSTM.

    Leads and voltages are scaled by the least and greatest value of the dataset. Three convolutions of width 3 (256,
    128 and 64 channels, ReLU, padded), dropout, two bidirectional LSTM layers of 256 units, and a convolution of width
    1. With PyTorch's two bias vectors this gives the stated 2.41 M parameters:

        convolutions  (3·12 + 1)·256 + (3·256 + 1)·128 + (3·128 + 1)·64  =   132 544
        LSTM          2·(64 + 256 + 2)·1024 + 2·(512 + 256 + 2)·1024     = 2 236 416
        outputs       (512 + 1)·75                                       =    38 475
        total                                                              2 407 435

    Attributes:
      outputs: sites.
      dropout_rate: after the convolutions.
      channels: of the convolutions.
      features: of each LSTM in each direction.
      axis_name: the mapped axis over which the batch is divided, see `Dropout`.
    """

    outputs: int
    dropout_rate: float = 0.5
    channels: tuple[int, ...] = (256, 128, 64)
    features: int = 256
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Voltages (B, T, outputs), mV; in training, dropout needs the key `dropout`."""
        x = SCALINGS["ecg_range"](x).scale(x)
        for width in self.channels:
            x = nn.relu(Conv(width, (3,))(x))
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        for _ in range(2):
            x = BiLSTM(self.features)(x)
        voltage = Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32))
        return SCALINGS["voltage_range"](voltage).undo(voltage)
