"""Layers that the architectures share."""

from functools import reduce

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.barriers import fusion_barrier
from cardiax.nn.batch_norm import BatchNorm
from cardiax.nn.convolution import Conv


class Dropout(nn.Module):
    """Inverted dropout whose mask does not depend on how the batch is divided over devices.

    The mask of an example is a function of the "dropout" key, which every device holds alike, and of the example's
    index in the *global* batch. So a step drops the same units on one device as on eight, where `nn.Dropout` would
    drop the same units on every device, or need a key for each.

    Attributes:
      rate: probability that a unit is set to zero, in [0, 1); the others are scaled by 1 / (1 − rate).
      axis_name: the mapped axis over which the batch is divided, device i holding examples i·B … (i + 1)·B − 1; None
        where the batch is whole.
    """

    rate: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """x (B, ...) with units dropped; x itself unless `train`. B is this device's share of the batch.

        Raises:
          ValueError: if `rate` is not in [0, 1).
        """
        if not 0 <= self.rate < 1:
            raise ValueError(f"a dropout rate lies in [0, 1): got {self.rate}")
        if not train or self.rate == 0:
            return x
        keep = 1 - self.rate
        key = self.make_rng("dropout")
        batch = x.shape[0]
        first = 0 if self.axis_name is None else lax.axis_index(self.axis_name) * batch
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, first + jnp.arange(batch))
        kept = jax.vmap(lambda example_key: jax.random.bernoulli(example_key, keep, x.shape[1:]))(keys)
        return jnp.where(fusion_barrier(kept), x / keep, 0)


def leaky_relu(x: jax.Array, slope: float) -> jax.Array:
    """x where it is not negative and slope · x where it is: `nn.leaky_relu`, whose derivative is one product here."""
    return x * jnp.where(x >= 0, jnp.ones((), x.dtype), jnp.asarray(slope, x.dtype))


def max_pool(x: jax.Array, window: int, stride: int, padding: int) -> jax.Array:
    """Maximum over time, x (B, T, C) → (B, (T + 2·padding − window) // stride + 1, C), as a maximum of shifted slices.

    The same as `nn.max_pool`, whose derivative XLA runs as select-and-scatter, one element after the other on a CPU:
    the reference CNN's whole training step takes 27.1 ms with it and 15.4 ms with this (2 cores). Where two samples of
    a window are equal, the gradient is shared between them. Kept apart, since the derivative would be worked out anew
    for each slice, from whatever comes after the pool: in bfloat16 8 ms of that step.
    """
    steps = (x.shape[1] + 2 * padding - window) // stride + 1
    full = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    padded = jnp.pad(full, ((0, 0), (padding, padding), (0, 0)), constant_values=-jnp.inf)
    slices = [padded[:, start : start + stride * (steps - 1) + 1 : stride] for start in range(window)]
    return fusion_barrier(reduce(jnp.maximum, slices)).astype(x.dtype)


def max_over_time(x: jax.Array) -> jax.Array:
    """Maximum over time, (B, T, C) → (B, C), of halves until one sample is left.

    The derivative of `jnp.max` divides by the number of samples that equal the maximum. Where a compiler works out x
    twice, with and without a fused multiply-add, none may, and the gradient is NaN: seen with XLA's optimisations off.
    """
    while x.shape[1] > 1:
        half = (x.shape[1] + 1) // 2
        x = jnp.maximum(x[:, :half], x[:, x.shape[1] - half :])
    return x[:, 0]


def batch_norm(train: bool, axis_name: str | None, name: str, momentum: float = 0.99) -> BatchNorm:
    """Batch statistics over the whole batch, whichever devices hold it; in evaluation their running means."""
    divided = train and axis_name is not None and lax.axis_size(axis_name) > 1
    return BatchNorm(not train, momentum, axis_name if divided else None, name=name)


def residual_block(
    x: jax.Array, width: int, kernel: int, stride: int, train: bool, axis_name: str | None, name: str
) -> jax.Array:
    """A pre-activation residual block (He et al. 2016, arXiv:1603.05027) over time: (B, T, C) → (B, ⌈T/stride⌉, width).

    To be called where a module is `nn.compact`: the parameters are that module's, and their names begin with `name`.
    """
    h = nn.relu(batch_norm(train, axis_name, f"{name}_norm0")(x))
    shortcut = x
    if stride > 1 or x.shape[-1] != width:
        pooled = nn.avg_pool(h, (stride,), (stride,), "SAME")
        shortcut = Conv(width, (1,), use_bias=False, name=f"{name}_shortcut")(pooled)
    h = Conv(width, (kernel,), stride, use_bias=False, name=f"{name}_conv0")(h)
    h = nn.relu(batch_norm(train, axis_name, f"{name}_norm1")(h))
    return shortcut + Conv(width, (kernel,), use_bias=False, name=f"{name}_conv1")(h)
