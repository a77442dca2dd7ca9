"""Convolution whose gradients a CPU computes from arrays that it has, instead of computing them again."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
from jax import lax

from cardiax.nn.barriers import fusion_barrier


def convolve(lhs: jax.Array, rhs: jax.Array, *args: Any, **options: Any) -> jax.Array:
    """Compute `lax.conv_general_dilated` between fusion barriers.

    For the gradient of the kernel the inputs and the gradient of the outputs are transposed. XLA would recompute them
    in transposed order, for example from batch statistics.
    """
    return fusion_barrier(lax.conv_general_dilated(fusion_barrier(lhs), rhs, *args, **options))


Conv = partial(nn.Conv, conv_general_dilated=convolve)
"""`nn.Conv` with `convolve`, and the same parameters."""
