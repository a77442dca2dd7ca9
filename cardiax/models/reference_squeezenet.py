"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360) in one dimension, as in Landajuela et al., CinC 2022."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.models.reference_scaling import RESTING_VOLTAGE, lead_range
from cardiax.nn.layers import Conv, Dropout, max_pool

FIRES = ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))
"""Squeeze and expand channels of the fire modules; None is a max-pool."""


class Fire(nn.Module):
    """A fire module: a squeeze convolution of width 1, then concatenated expand convolutions of widths 1 and 3."""

    squeeze: int
    expand: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return outputs (B, T, 2 · expand) of inputs (B, T, C)."""
        x = nn.relu(Conv(self.squeeze, (1,), name="squeeze")(x))
        wide = Conv(self.expand, (3,), name="expand3")(x)
        return nn.relu(jnp.concatenate([Conv(self.expand, (1,), name="expand1")(x), wide], axis=-1))


def fires(x: jax.Array, stride: int) -> jax.Array:
    """Apply the fire modules and the max-pools between them, of width 3 and `stride`: (B, T, C) → (B, T', 512)."""
    for i, fire in enumerate(FIRES):
        x = Fire(*fire, name=f"fire{i}")(x) if fire else max_pool(x, window=3, stride=stride, padding=1)
    return x


class ActivationSqueezeNet(nn.Module):
    """The reference SqueezeNet for activation times: twelve leads (B, 500, 12), mV → (B, outputs), ms.

    Each lead is divided by its range in the case. The 500 samples are the channels and the convolutions run along the
    twelve leads: only this gives the stated 0.49 M parameters (486 603). The output is the mean over the remaining
    positions.

    Difference from the reference: pools are padded by 1, since twelve leads are too few for three unpadded ones.
    """

    outputs: int
    dropout_rate: float = 0.5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return times (B, outputs), ms; dropout in training needs the key "dropout"."""
        x = jnp.swapaxes(lead_range(leads).scale(leads), 1, 2)
        x = nn.relu(Conv(64, (3,), 2, name="stem")(x))
        x = fires(max_pool(x, window=3, stride=2, padding=1), stride=2)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        # As in the reference, targets are unscaled, in ms. The last layer has no ReLU, since sites could then die.
        return jnp.mean(Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32)), axis=1)


class TransmembraneSqueezeNet(nn.Module):
    """The reference SqueezeNet for transmembrane voltages: twelve leads (B, 500, 12) → (B, 500, outputs), both in mV.

    It is fully convolutional. Each lead is divided by its range in the case. The reference predicts
    (v + 85.50618677)/135.50618677; here the output is converted back to mV. No layer changes the sampling rate. It has
    the stated 0.39 M parameters (392 907), with leads as channels.
    """

    outputs: int
    dropout_rate: float = 0.5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return voltages (B, 500, outputs), mV; dropout in training needs the key "dropout"."""
        x = nn.relu(Conv(64, (3,), name="stem")(lead_range(leads).scale(leads)))
        x = fires(max_pool(x, window=3, stride=1, padding=1), stride=1)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        voltage = Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32))
        return RESTING_VOLTAGE.undo(voltage)
