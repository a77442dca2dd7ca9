"""The 2-D CNN of the reference heartbeat and arrhythmia projects; Gramian angular fields are computed on the device."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.ecg.augmentation import gramian_angular_field
from cardiax.nn.layers import Conv, Dropout, leaky_relu, max_pool


class FieldCNN(nn.Module):
    """A 2-D CNN on the 224 × 224 Gramian angular summation field of a beat: (B, 187, 1) → logits (B, outputs).

    The reference writes 16 GB of fields to disk; here the step computes them from the 187 samples. The layers are three
    convolutions of 3 × 3 (zero padding that keeps the size) with a LeakyReLU of slope 0.001; one max-pool of 3 × 3,
    stride 2 and padding 1 after the last; dropout; dense layers of 512 and 216; and a dense output layer.

    It has the stated 206 M parameters (205 726 186) with the heartbeat project's channels 128, 64, 32 and two outputs,
    and 103 M (102 896 581) with the arrhythmia project's 64, 32, 16 and five, whose dropout is 0.3. A field of a `size`
    less than 224 gives a smaller network, for small machines.
    """

    outputs: int
    channels: tuple[int, ...] = (128, 64, 32)
    widths: tuple[int, ...] = (512, 216)
    size: int = 224
    dropout_rate: float = 0.5
    axis_name: str | None = None

    evaluation_batch: ClassVar[int] = 64
    """Examples per evaluation step: of 64 fields of 224 × 224 the first layer's output takes 1.6 GB, of 1024 26 GB."""

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return logits (B, outputs) of beats (B, samples, 1); dropout in training needs the key "dropout"."""
        x = gramian_angular_field(leads[..., 0], self.size)[..., None].astype(leads.dtype)
        for features in self.channels:
            x = leaky_relu(Conv(features, kernel_size=(3, 3))(x), 0.001)
        x = _pool(jnp.swapaxes(_pool(x), 1, 2))
        x = Dropout(self.dropout_rate, self.axis_name)(jnp.swapaxes(x, 1, 2), train).reshape(x.shape[0], -1)
        for features in self.widths:
            x = leaky_relu(nn.Dense(features)(x), 0.001)
        return nn.Dense(self.outputs)(x)


def _pool(x: jax.Array) -> jax.Array:
    """Max-pool along axis 1 with width 3, stride 2 and padding 1: (B, H, W, C) → (B, ⌈H/2⌉, W, C)."""
    rows = max_pool(x.reshape(*x.shape[:2], -1), window=3, stride=2, padding=1)
    return rows.reshape(*rows.shape[:2], *x.shape[2:])
