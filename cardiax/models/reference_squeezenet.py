"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360) in one dimension, as in Landajuela et al., CinC 2022."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.models.reference_scaling import SCALINGS, lead_range
from cardiax.nn.convolution import Conv
from cardiax.nn.layers import Dropout, max_pool

FIRES = ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))
"""Squeeze and expand channels of the fire modules; None is a max-pool."""


class Fire(nn.Module):
    """A narrow convolution of width 1, then two beside each other, of width 1 and 3, end to end in the channels.

    Attributes:
      squeeze: channels of the first.
      expand: channels of each of the two.
    """

    squeeze: int
    expand: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, T, C) → (B, T, 2 · expand)."""
        x = nn.relu(Conv(self.squeeze, (1,), name="squeeze")(x))
        wide = Conv(self.expand, (3,), name="expand3")(x)
        return nn.relu(jnp.concatenate([Conv(self.expand, (1,), name="expand1")(x), wide], axis=-1))


def fires(x: jax.Array, stride: int) -> jax.Array:
    """The fire modules and the pools between them, which are of width 3 and `stride`: (B, T, C) → (B, T', 512)."""
    for i, fire in enumerate(FIRES):
        x = Fire(*fire, name=f"fire{i}")(x) if fire else max_pool(x, window=3, stride=stride, padding=1)
    return x


class ActivationSqueezeNet(nn.Module):
    """Activation times (B, outputs), ms, from twelve leads (B, 500, 12), mV.

    Each lead is divided by its range in the case. The 500 samples are the channels and the convolutions run along the
    twelve leads: only so is the count the stated 0.49 M; with leads as channels it would be 392 907. The mean over
    what is left of the leads answers.

        stem          (3·500 + 1) · 64                            =  96 064
        fire modules  5264 + 6288 + 20768 + 24864 + 49584 + 55728 + 90688 + 98880 = 352 064
        outputs       (512 + 1) · 75                              =  38 475
        total                                                       486 603

    Differences from the reference: pools are padded by 1, since twelve leads would not last for three of them.

    Attributes:
      outputs: sites.
      dropout_rate: before the last layer.
      axis_name: the mapped axis over which the batch is divided, see `Dropout`.
    """

    outputs: int
    dropout_rate: float = 0.5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Times (B, outputs), ms; in training, dropout needs the key `dropout`."""
        x = jnp.swapaxes(lead_range(x).scale(x), 1, 2)
        x = nn.relu(Conv(64, (3,), 2, name="stem")(x))
        x = fires(max_pool(x, window=3, stride=2, padding=1), stride=2)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        # The reference scales nothing: its targets are ms. The last layer has no ReLU, which would leave dead sites.
        return jnp.mean(Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32)), axis=1)


class TransmembraneSqueezeNet(nn.Module):
    """Transmembrane voltages (B, 500, outputs), mV, from twelve leads (B, 500, 12), mV; fully convolutional.

    Each lead is divided by its range in the case; the answer is (v + 85.50618677)/135.50618677 in the reference,
    which is undone here. No layer changes the rate. With leads as channels the count is the stated 0.39 M:
    (3·12 + 1)·64 + 352 064 + (512 + 1)·75 = 392 907.

    Attributes:
      outputs: sites.
      dropout_rate: before the last layer.
      axis_name: the mapped axis over which the batch is divided, see `Dropout`.
    """

    outputs: int
    dropout_rate: float = 0.5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Voltages (B, 500, outputs), mV; in training, dropout needs the key `dropout`."""
        x = nn.relu(Conv(64, (3,), name="stem")(lead_range(x).scale(x)))
        x = fires(max_pool(x, window=3, stride=1, padding=1), stride=1)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        voltage = Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32))
        return SCALINGS["resting_voltage"](voltage).undo(voltage)
