"""The default beat classifier: a small 1-D residual network."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from cardiax.ecg.augmentation import padding_mask
from cardiax.nn.layers import Conv, Dropout, batch_norm, max_over_time, residual_block

RR_WIDTH = 32
"""Width of the two dense layers for the RR features."""


class ResNet1D(nn.Module):
    """A 1-D pre-activation residual network (He et al. 2016, arXiv:1603.05027): (B, T, L) → (B, outputs).

    Two channels are added to the beat: the padding mask, since the length of a beat depends on the heart rate, and the
    position from 0 to 1, since the first sample is always an R peak. The stem and each stage after the first halve the
    sampling rate; mean and maximum over time go to a dense layer. The deviation from the patient's median beat, if
    given, adds a channel for each lead. RR features, if given, go through two dense layers and are concatenated with
    the pooled features.

    Attributes:
      widths: number of channels of each stage.
      blocks: number of residual blocks per stage.
      kernel: kernel size of the convolutions, samples.
      dropout_rate: dropout rate of the features before the last layers.
      pool: factor by which the sampling rate of the input is reduced, by averaging.
      hidden: width of a dense layer before the logits, in which shape and timing meet; 0 for none.
    """

    outputs: int
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2
    kernel: int = 5
    dropout_rate: float = 0.2
    pool: int = 1
    hidden: int = 0
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, leads: jax.Array, train: bool, deviation: jax.Array | None = None, rr: jax.Array | None = None
    ) -> jax.Array:
        """Return logits (B, outputs) of beats; dropout in training needs the key "dropout".

        Args:
          leads: beats (B, T, L).
          train: True in training.
          deviation: difference of each beat from the patient's median beat (B, T, L).
          rr: RR features (B, 22), see `cardiax.ecg.rr_features`.
        """
        x = leads if deviation is None else jnp.concatenate([leads, deviation], axis=-1)
        beat = padding_mask(x[..., 0])[..., None].astype(x.dtype)
        index = jnp.broadcast_to(jnp.linspace(0.0, 1.0, x.shape[1], dtype=x.dtype)[None, :, None], beat.shape)
        x = jnp.concatenate([x, beat, index], axis=-1)
        if self.pool > 1:
            x = nn.avg_pool(x, (self.pool,), (self.pool,), "SAME")
        x = Conv(self.widths[0], (7,), 2, use_bias=False, name="stem")(x)
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = residual_block(x, width, self.kernel, stride, train, self.axis_name, f"stage{stage}_block{block}")
        x = nn.relu(batch_norm(train, self.axis_name, "norm")(x))
        x = jnp.concatenate([jnp.mean(x, axis=1), max_over_time(x)], axis=-1)
        x = Dropout(self.dropout_rate, self.axis_name)(x, train)
        if rr is not None:
            for layer in range(2):
                rr = nn.relu(nn.Dense(RR_WIDTH, name=f"numbers{layer}")(rr))
            x = jnp.concatenate([x, rr], axis=-1)
        if self.hidden:
            x = nn.relu(nn.Dense(self.hidden, name="hidden")(x))
        return nn.Dense(self.outputs, name="logits")(x)
