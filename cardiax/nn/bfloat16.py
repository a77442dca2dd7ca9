"""Matrix products and convolutions in bfloat16 on a CPU.

Newer CPUs have instructions that multiply tiles of bfloat16 several times as fast as float32. XLA's CPU backend uses
them for the product of two row-major bfloat16 matrices with a float32 result, but not for a bfloat16 result, for a
transposed matrix or for a convolution, which it computes in float32. Here convolutions over time and their derivatives
are written as such products, with sums in float32 and results rounded to bfloat16. Arrays are padded and transposed as
integers, since XLA would convert bfloat16 to float32 and back. On two cores of a Xeon with these instructions a
convolution of 128 → 64 channels takes 1.5 ms instead of 3.5, and the gradient of its kernel 3.2 ms instead of 4.6.
"""

from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Pads = tuple[int, int]
"""Number of zeros before and after the samples."""


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return a (..., N, K) times b (K, M): (..., N, M) of the type of a, with sums in float32."""
    return jnp.matmul(a, b, preferred_element_type=jnp.float32).astype(a.dtype)


def convolution(inputs: jax.Array, kernel: jax.Array, stride: int, pads: Pads) -> jax.Array:
    """Convolve inputs (B, T, C) with a kernel (taps, C, D): outputs (B, T', D).

    All samples are multiplied by all taps in one product; the results are then shifted by their taps and added.
    """
    taps, channels, features = kernel.shape
    padded = _padded(inputs, pads)
    wide = jnp.moveaxis(kernel, 0, 1).reshape(channels, taps * features)
    products = jnp.matmul(padded.reshape(-1, channels), wide, preferred_element_type=jnp.float32)
    products = products.reshape(*padded.shape[:2], taps * features)
    last = padded.shape[1] - taps + 1
    moved = [products[:, k : k + last : stride, k * features : (k + 1) * features] for k in range(taps)]
    return reduce(jnp.add, moved).astype(inputs.dtype)


def gradient_of_inputs(gradient: jax.Array, kernel: jax.Array, stride: int, pads: Pads, samples: int) -> jax.Array:
    """Return the gradient of `convolution`'s inputs (B, samples, C) from that of its outputs (B, T', D)."""
    taps = len(kernel)
    spread = (gradient.shape[1] - 1) * stride + 1
    before, after = taps - 1 - pads[0], samples + pads[0] - spread
    dilated = lax.pad(_unsigned(gradient), jnp.uint16(0), ((0, 0, 0), (0, 0, stride - 1), (0, 0, 0)))
    return convolution(_float(dilated), jnp.flip(kernel, 0).swapaxes(1, 2), 1, (before, after))


def gradient_of_kernel(inputs: jax.Array, gradient: jax.Array, taps: int, stride: int, pads: Pads) -> jax.Array:
    """Return the gradient of `convolution`'s kernel (taps, C, D): inputs (B, T, C), gradient (B, T', D)."""
    batch, _, channels = inputs.shape
    padded = _padded(inputs, pads)
    last = padded.shape[1] - taps + 1
    # Each recording is transposed first, since it fits into the first-level cache; then channels go before recordings.
    turned = _laid_out(_unsigned(padded).swapaxes(1, 2).reshape(batch, -1)).reshape(batch, channels, -1)
    rows = jnp.stack([turned[:, :, k : k + last : stride].swapaxes(0, 1) for k in range(taps)])
    rows = _laid_out(_float(rows.reshape(-1))).reshape(taps * channels, -1)
    return product(rows, gradient.reshape(rows.shape[1], -1)).reshape(taps, channels, -1)


def _padded(x: jax.Array, pads: Pads) -> jax.Array:
    """Pad x (B, T, C) with zeros in time."""
    if pads == (0, 0):
        return x
    return _laid_out(_float(jnp.pad(_unsigned(x), ((0, 0), pads, (0, 0)))))


def _laid_out(x: jax.Array) -> jax.Array:
    """Return x as a separate array, which XLA neither fuses with its consumers nor computes twice."""
    return lax.optimization_barrier(x)


def _unsigned(x: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(x, jnp.uint16)


def _float(x: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(x, jnp.bfloat16)


@jax.custom_vjp
def _dense(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return product(x, kernel)


def _dense_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return product(x, kernel), (x, kernel)


def _dense_backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    to_kernel = jnp.matmul(x.T, gradient, preferred_element_type=jnp.float32).astype(kernel.dtype)
    return _transposed(product(kernel, _transposed(gradient))), to_kernel


_dense.defvjp(_dense_forward, _dense_backward)


def _transposed(x: jax.Array) -> jax.Array:
    return _laid_out(_float(_unsigned(x).T.reshape(-1))).reshape(x.shape[::-1])


def dot(lhs: jax.Array, rhs: jax.Array, dimension_numbers: Any, **options: Any) -> jax.Array:
    """`lax.dot_general`; for bfloat16 matrices on a CPU, sums are in float32, also in the derivative."""
    default = partial(lax.dot_general, dimension_numbers=dimension_numbers, **options)
    if not (lhs.ndim == rhs.ndim == 2 and lhs.dtype == rhs.dtype == jnp.bfloat16):
        return default(lhs, rhs)
    return lax.platform_dependent(lhs, rhs, cpu=_dense, default=default)


Dense = partial(nn.Dense, dot_general=dot)
"""`nn.Dense` with the products of `dot` and the same parameters."""
