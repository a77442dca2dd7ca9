"""Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167) whose running statistics hold after few steps."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax


class BatchNorm(nn.BatchNorm):
    """`nn.BatchNorm` over all axes but the last, evaluated without the initial values of its running statistics.

    These are mean 0 and variance 1, whose weight after t steps is momentum^t: a third after 112 steps with 0.99.
    `initial_weight` stores this weight, and evaluation removes the initial values, like the bias correction of Adam
    (Kingma and Ba 2015, arXiv:1412.6980, section 3). The three variables are linear in the averaged values, so the
    correction also holds for a moving average of them.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return outputs (..., C) of inputs x (..., C)."""
        initial = self.variable("batch_stats", "initial_weight", jnp.ones, (), jnp.float32)
        if not self.use_running_average:
            if not self.is_initializing():
                initial.value = self.momentum * initial.value
            return super().__call__(x)
        channels = x.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32).value
        variance = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32).value
        scale = self.param("scale", self.scale_init, channels)
        bias = self.param("bias", self.bias_init, channels)
        known = 1 - jnp.where(initial.value < 1, initial.value, 0.0)
        # Rounding could make a variance of 0 negative.
        variance = jnp.maximum(variance - (1 - known), 0) / known
        factor = lax.rsqrt(variance + self.epsilon) * scale
        mean, factor, bias = (jnp.expand_dims(leaf, range(x.ndim - 1)) for leaf in (mean / known, factor, bias))
        return ((x - mean) * factor + bias).astype(x.dtype)
