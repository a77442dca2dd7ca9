"""The default classifier of beats: a small residual 1-D network."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.ecg.augmentation import padding_mask
from cardiax.ecg.rr_features import NUMBERS
from cardiax.nn.bfloat16 import Dense
from cardiax.nn.convolution import Conv
from cardiax.nn.layers import Dropout, batch_norm, max_over_time, residual_block

NUMBER_WIDTH = 32
"""Of the two layers that numbers go through."""


class ResNet1D(nn.Module):
    """A pre-activation residual network (He et al. 2016, arXiv:1603.05027) over time: (B, T, C) → (B, outputs).

    Two channels join the beat: where it is padded, since its length tells the heart's rate, and the place from 0 to 1,
    since the first sample is always an R peak. The stem halves the rate, and so does each stage after the first; the
    mean and the maximum over time go to one dense layer. Of several channels the last one carries numbers in its first
    samples (see `Classification.arrays`); they go through two dense layers and join the pooled features.

    Attributes:
      outputs: number of logits.
      widths: channels of each stage.
      blocks: residual blocks a stage.
      kernel: samples a convolution spans.
      dropout_rate: of the pooled features.
      axis_name: axis over which the step divides its batch, for batch statistics and dropout; None outside of one.
    """

    outputs: int
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2
    kernel: int = 5
    dropout_rate: float = 0.2
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Logits (B, outputs) of beats (B, T, C); in training, dropout needs the key `dropout`."""
        numbers = None
        if x.shape[2] > 1:
            x, numbers = x[..., :-1], x[:, :NUMBERS, -1]
        beat = padding_mask(x[..., 0])[..., None].astype(x.dtype)
        index = jnp.broadcast_to(jnp.linspace(0.0, 1.0, x.shape[1], dtype=x.dtype)[None, :, None], beat.shape)
        x = Conv(self.widths[0], (7,), 2, use_bias=False, name="stem")(jnp.concatenate([x, beat, index], axis=-1))
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = residual_block(x, width, self.kernel, stride, train, self.axis_name, f"stage{stage}_block{block}")
        x = nn.relu(batch_norm(train, self.axis_name, "norm")(x))
        x = jnp.concatenate([jnp.mean(x, axis=1), max_over_time(x)], axis=-1)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        if numbers is not None:
            for layer in range(2):
                numbers = nn.relu(Dense(NUMBER_WIDTH, name=f"numbers{layer}")(numbers))
            x = jnp.concatenate([x, numbers], axis=-1)
        return Dense(self.outputs, name="logits")(x)
