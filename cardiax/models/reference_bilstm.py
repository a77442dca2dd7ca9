"""The reference CNN + BiLSTM of the transmembrane task."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.models.reference_scaling import ECG_RANGE, VOLTAGE_RANGE
from cardiax.nn.layers import Conv, Dropout
from cardiax.nn.lstm import BiLSTM


class TransmembraneBiLSTM(nn.Module):
    """The reference CNN + BiLSTM: twelve leads (B, T, 12), mV → transmembrane voltages (B, T, outputs), mV.

    Leads and voltages are scaled by the minimum and maximum of the dataset. The layers are three convolutions of width
    3 (256, 128 and 64 channels, ReLU, padded), dropout, two bidirectional LSTM layers of 256 units, and a convolution
    of width 1. With PyTorch's two bias vectors this gives the stated 2.41 M parameters (2 407 435).
    """

    outputs: int
    dropout_rate: float = 0.5
    channels: tuple[int, ...] = (256, 128, 64)
    features: int = 256
    axis_name: str | None = None

    @nn.compact
    def __call__(self, leads: jax.Array, train: bool) -> jax.Array:
        """Return voltages (B, T, outputs), mV; dropout in training needs the key "dropout"."""
        x = ECG_RANGE.scale(leads)
        for width in self.channels:
            x = nn.relu(Conv(width, (3,))(x))
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        x = jnp.swapaxes(x, 0, 1)
        for _ in range(2):
            x = BiLSTM(self.features)(x)
        voltage = jnp.swapaxes(Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32)), 0, 1)
        return VOLTAGE_RANGE.undo(voltage)
