"""Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167) whose derivative takes two passes over its inputs."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.speedups import uses

EPSILON = 1e-5
"""Added to the variance, as in Flax and PyTorch."""


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalized(
    x: jax.Array, scale: jax.Array, bias: jax.Array, axis_name: str | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalise x to mean `bias` and standard deviation `scale` over all axes but the last.

    JAX's own derivative saves x − mean and computes the gradient from five terms. This one saves only x and computes
    the gradient in one pass after its two sums.

    Args:
      x: inputs (..., C) of any float type; sums are in float32.
      scale, bias: parameters of each channel (C,).
      axis_name: mapped axis over which the batch is divided; None if it is not divided.

    Returns:
      The outputs (..., C), of the type of x, and the mean and variance (C,) of x, which are not differentiable.
    """
    return _forward(x, scale, bias, axis_name)[0]


def _forward(
    x: jax.Array, scale: jax.Array, bias: jax.Array, axis_name: str | None
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    full = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean, square = _means((full, full**2), axis_name)
    variance = jnp.maximum(square - mean**2, 0)  # Rounding could make it negative.
    return (affine(x, mean, variance, scale, bias), mean, variance), (x, mean, variance, scale, bias)


def _backward(
    axis_name: str | None, saved: tuple[jax.Array, ...], pulled: tuple[jax.Array, ...]
) -> tuple[jax.Array, ...]:
    x, mean, variance, scale, bias = saved
    gradient = pulled[0].astype(mean.dtype)
    factor = lax.rsqrt(variance + EPSILON)
    standard = (x.astype(mean.dtype) - _wide(mean, x)) * _wide(factor, x)
    axes = tuple(range(x.ndim - 1))
    to_bias, to_scale = jnp.sum(gradient, axes), jnp.sum(gradient * standard, axes)
    share = 1 / (x.size // x.shape[-1])
    pull, tilt = to_bias * share, to_scale * share
    if axis_name is not None:
        pull, tilt = lax.pmean((pull, tilt), axis_name)
    to_x = _wide(scale * factor, x) * (gradient - _wide(pull, x) - standard * _wide(tilt, x))
    return to_x.astype(x.dtype), to_scale.astype(scale.dtype), to_bias.astype(bias.dtype)


normalized.defvjp(_forward, _backward)


def _plain(
    x: jax.Array, scale: jax.Array, bias: jax.Array, axis_name: str | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Do as `normalized`, with JAX's own derivative."""
    return _forward(x, scale, bias, axis_name)[0]


def affine(x: jax.Array, mean: jax.Array, variance: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """Normalise x (..., C), of the given mean and variance (C,), to mean `bias` and standard deviation `scale` (C,)."""
    factor = lax.rsqrt(variance + EPSILON) * scale
    return ((x - _wide(mean, x)) * _wide(factor, x) + _wide(bias, x)).astype(x.dtype)


def _means(of: tuple[jax.Array, ...], axis_name: str | None) -> tuple[jax.Array, ...]:
    """Return the mean (C,) of each array (..., C) over all axes but the last of the global batch."""
    means = tuple(jnp.mean(x, tuple(range(x.ndim - 1))) for x in of)
    return means if axis_name is None else lax.pmean(means, axis_name)


def _wide(x: jax.Array, like: jax.Array) -> jax.Array:
    """Reshape x (C,) to (1, …, 1, C), with the rank of `like`."""
    return x.reshape(*[1] * (like.ndim - 1), -1)


class BatchNorm(nn.Module):
    """`nn.BatchNorm` over all axes but the last, with the derivative of `normalized` and the same variable names.

    The running statistics start at mean 0 and variance 1, whose weight after t steps is momentum^t: a third after 112
    steps with 0.99. `initial_weight` stores this weight, and evaluation removes the initial values, like the bias
    correction of Adam (Kingma and Ba 2015, arXiv:1412.6980, section 3). The three variables are linear in the averaged
    values, so the correction also holds for a moving average of them.

    Attributes:
      use_running_average: True to use the running mean and variance, as in evaluation; False to use those of the batch.
      momentum: decay of the running statistics.
      axis_name: mapped axis over which the batch is divided; None if it is not divided.
    """

    use_running_average: bool
    momentum: float = 0.99
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return outputs (..., C) of inputs x (..., C)."""
        channels = x.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        variance = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32)
        initial = self.variable("batch_stats", "initial_weight", jnp.ones, (), jnp.float32)
        scale = self.param("scale", nn.initializers.ones, channels)
        bias = self.param("bias", nn.initializers.zeros, channels)
        if self.use_running_average:
            return affine(x, *_without_initial(mean.value, variance.value, initial.value), scale, bias)
        normalize = normalized if uses("batch_norm") else _plain
        outputs: Any = normalize(x, scale, bias, self.axis_name)
        y, *found = outputs
        if not self.is_initializing():
            for running, new in zip((mean, variance), found, strict=True):
                running.value = self.momentum * running.value + (1 - self.momentum) * new
            initial.value = self.momentum * initial.value
        return y


def _without_initial(mean: jax.Array, variance: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Remove the initial mean 0 and variance 1, of the given weight, from running statistics (C,), unless it is 1."""
    initial = jnp.where(weight < 1, weight, 0.0)
    # Rounding could make a variance of 0 negative.
    return mean / (1 - initial), jnp.maximum(variance - initial, 0) / (1 - initial)
