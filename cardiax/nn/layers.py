"""Layers shared by the models."""

from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.nn.barriers import fusion_barrier
from cardiax.nn.batch_norm import BatchNorm
from cardiax.nn.speedups import uses


def convolve(lhs: jax.Array, rhs: jax.Array, *args: Any, **options: Any) -> jax.Array:
    """Compute `lax.conv_general_dilated` between fusion barriers.

    For the gradient of the kernel the inputs and the gradient of the outputs are transposed. XLA would recompute them
    in transposed order, for example from batch statistics.
    """
    return fusion_barrier(lax.conv_general_dilated(fusion_barrier(lhs), rhs, *args, **options))


Conv = partial(nn.Conv, conv_general_dilated=convolve)
"""`nn.Conv` with `convolve`, and the same parameters; a CPU does not compute again what its gradients need."""


class Dropout(nn.Module):
    """Inverted dropout whose mask does not depend on how the batch is divided over devices.

    The mask of an example is a function of the "dropout" key, which is equal on all devices, and of the index of the
    example in the *global* batch. A step therefore drops the same units on one device as on eight. `nn.Dropout` would
    use one mask on every device, or need a key for each.

    Attributes:
      rate: probability that a unit is set to zero, in [0, 1); the others are scaled by 1 / (1 − rate).
      axis_name: mapped axis over which the batch is divided, where device i has the examples i·B … (i + 1)·B − 1; None
        if the batch is not divided.
    """

    rate: float
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Return x (B, ...), B examples of this device, with units dropped if `train`; `ValueError` for a bad rate."""
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
    """Return x if x ≥ 0, else slope · x: `nn.leaky_relu` with a derivative that is a single product."""
    return x * jnp.where(x >= 0, jnp.ones((), x.dtype), jnp.asarray(slope, x.dtype))


def max_pool(x: jax.Array, window: int, stride: int, padding: int) -> jax.Array:
    """Max-pool over time: x (B, T, C) → (B, (T + 2·padding − window) // stride + 1, C).

    Equal to `nn.max_pool`, but computed as a maximum of shifted slices: XLA computes the derivative of `nn.max_pool` by
    select-and-scatter, which is sequential on a CPU. A training step of the reference CNN takes 27.1 ms with
    `nn.max_pool` and 15.4 ms with this (2 cores). Equal samples of a window share the gradient. The barrier keeps XLA
    from recomputing the incoming gradient for each slice, which costs 8 ms of that step in bfloat16.
    """
    if not uses("max_pool"):
        pads: Any = ((padding, padding),)  # Flax annotates it as a string
        return nn.max_pool(x, (window,), (stride,), pads)
    steps = (x.shape[1] + 2 * padding - window) // stride + 1
    full = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    padded = jnp.pad(full, ((0, 0), (padding, padding), (0, 0)), constant_values=-jnp.inf)
    slices = [padded[:, start : start + stride * (steps - 1) + 1 : stride] for start in range(window)]
    return fusion_barrier(reduce(jnp.maximum, slices)).astype(x.dtype)


def max_over_time(x: jax.Array) -> jax.Array:
    """Compute the maximum over time, (B, T, C) → (B, C), by halving until one sample is left.

    The derivative of `jnp.max` divides by the number of samples that equal the maximum. If the compiler computes x
    twice, with and without fused multiply-add, this number may be 0 and the gradient NaN, as observed with XLA's
    optimisations disabled.
    """
    while x.shape[1] > 1:
        half = (x.shape[1] + 1) // 2
        x = jnp.maximum(x[:, :half], x[:, x.shape[1] - half :])
    return x[:, 0]


def batch_norm(train: bool, axis_name: str | None, name: str, momentum: float = 0.99) -> BatchNorm:
    """Return batch normalisation with statistics of the global batch, or with running statistics unless `train`."""
    divided = train and axis_name is not None and lax.axis_size(axis_name) > 1
    return BatchNorm(not train, momentum=momentum, axis_name=axis_name if divided else None, name=name)


def residual_block(
    x: jax.Array, width: int, kernel: int, stride: int, train: bool, axis_name: str | None, name: str
) -> jax.Array:
    """Apply a pre-activation residual block (He et al. 2016, arXiv:1603.05027): (B, T, C) → (B, ⌈T/stride⌉, width).

    Call it in an `nn.compact` method: the parameters belong to that module, and their names start with `name`.
    """
    h = nn.relu(batch_norm(train, axis_name, f"{name}_norm0")(x))
    shortcut = x
    if stride > 1 or x.shape[-1] != width:
        pooled = nn.avg_pool(h, window_shape=(stride,), strides=(stride,), padding="SAME")
        shortcut = Conv(width, (1,), use_bias=False, name=f"{name}_shortcut")(pooled)
    h = Conv(width, (kernel,), stride, use_bias=False, name=f"{name}_conv0")(h)
    h = nn.relu(batch_norm(train, axis_name, f"{name}_norm1")(h))
    return shortcut + Conv(width, (kernel,), use_bias=False, name=f"{name}_conv1")(h)
