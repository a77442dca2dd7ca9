"""The reference network of the transmembrane task: a CNN and two bidirectional LSTM layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.models.reference_scaling import SCALINGS
from cardiax.nn.convolution import Conv
from cardiax.nn.layers import Dropout
from cardiax.nn.lstm import BiLSTM


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
        x = jnp.swapaxes(x, 0, 1)
        for _ in range(2):
            x = BiLSTM(self.features)(x)
        voltage = jnp.swapaxes(Conv(self.outputs, (1,), name="outputs")(x.astype(jnp.float32)), 0, 1)
        return SCALINGS["voltage_range"](voltage).undo(voltage)
