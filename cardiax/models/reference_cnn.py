"""The 1-D CNNs of the reference projects."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.models.reference_scaling import lead_range, z_score
from cardiax.nn.layers import Conv, Dropout, batch_norm, leaky_relu, max_pool


class ReferenceCNN(nn.Module):
    """The 1-D CNN of the reference heartbeat and arrhythmia projects: beats (B, 187, 1) → logits (B, outputs).

    The layers are three convolutions of width 3 (128, 64, 32 channels, zero padding that keeps the length), each with a
    LeakyReLU of slope 0.001; *one* max-pool of width 3, stride 2 and padding 1 after the last of them; dropout; dense
    layers of 512 and 216 with the same LeakyReLU; and a dense output layer.

    Only this architecture gives the stated 1.68 M parameters for a beat of 187 × 1 (1 682 961 with one output): without
    padding in the convolutions they would be 1.63 M, with a pool after each of them 0.54 M.

    Differences from the reference: its heartbeat network has one sigmoid output and binary cross entropy, ours two
    softmax outputs and cross entropy (the same family of functions: the sigmoid of a difference of two logits). Its
    weights are initialised by PyTorch's uniform ±1/√fan_in, ours by Flax's LeCun normal with zero biases. The defaults
    are those of its heartbeat network; that for arrhythmia has a dropout of 0.3, and scales each beat to mean 0 and
    standard deviation 1 (`z_score`).
    """

    outputs: int
    dropout_rate: float = 0.5
    axis_name: str | None = None
    channels: tuple[int, ...] = (128, 64, 32)
    widths: tuple[int, ...] = (512, 216)
    z_score: bool = False

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return logits (B, outputs) of beats (B, samples, 1); dropout in training needs the key "dropout"."""
        x = z_score(leads).scale(leads) if self.z_score else leads
        for features in self.channels:
            x = leaky_relu(Conv(features, kernel_size=(3,))(x), 0.001)
        x = max_pool(x, window=3, stride=2, padding=1)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        x = x.reshape(x.shape[0], -1)
        for features in self.widths:
            x = leaky_relu(nn.Dense(features)(x), 0.001)
        return nn.Dense(self.outputs)(x)


class ActivationCNN(nn.Module):
    """The 1-D CNN of the reference activation project: twelve leads (B, 500, 12), mV → times (B, outputs), ms.

    Each lead is divided by its range in the case. The layers are three convolutions of width 3 (128, 128, 64 channels,
    padded), each with batch normalisation and a LeakyReLU of slope 0.01; one max-pool of width 4; and dense layers of
    128 and `outputs`. One pool, after the last convolution, gives the stated 1.11 M parameters (1 113 099).
    """

    outputs: int
    channels: tuple[int, ...] = (128, 128, 64)
    width: int = 128
    axis_name: str | None = None

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return times (B, outputs), ms, of leads (B, 500, 12), mV."""
        x = lead_range(leads).scale(leads)
        for layer, features in enumerate(self.channels):
            x = Conv(features, kernel_size=(3,))(x)
            x = leaky_relu(batch_norm(train, self.axis_name, f"BatchNorm_{layer}", 0.9)(x), 0.01)
        x = max_pool(x, window=4, stride=4, padding=0)
        x = leaky_relu(nn.Dense(self.width)(x.reshape(x.shape[0], -1)), 0.01)
        return nn.Dense(self.outputs)(x.astype(jnp.float32))
