"""Convolution whose derivative is fast on a CPU too."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax


def convolve(lhs: jax.Array, rhs: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any) -> jax.Array:
    """`lax.conv_general_dilated` of inputs (B, ..., C) with a kernel (..., C, D): the same values, (B, ..., D).

    Its reverse derivative differs in two ways, where XLA's CPU backend loses time; the values agree but for the order
    of sums, and on a GPU or TPU nothing differs.

    The gradient of the kernel is a convolution of the inputs with what comes back, as long as the recording and over
    the batch. Either may be the one that slides; XLA lays out a window of it for every tap. Here it is the one with
    fewer channels: 2.5 ms instead of 2.9 for 128 → 64 channels, 47 instead of 58 for the largest of the 2-D network.

    For that gradient the inputs are transposed, and XLA would work them out once more in transposed order, from
    whatever made them, batch statistics say. The inputs and what comes back are kept apart from that by barriers, which
    hold in programs that were compiled with `cardiax.parallel.compiler_options`: a tenth of the step of ResNet1D.

    Args:
      lhs: inputs.
      rhs: the kernel.
      window_strides: one for each spatial axis.
      padding: as `lax.conv_general_dilated` takes it.
      options: its other arguments; `dimension_numbers` must be those of the layouts above.
    """
    return _with_derivative(lhs, rhs, partial(lax.conv_general_dilated, **options), tuple(window_strides), padding)


def _with_derivative(inputs: jax.Array, kernel: jax.Array, convolution: Any, strides: Any, padding: Any) -> jax.Array:
    """The convolution, a function of inputs, kernel, strides and padding, with the derivative that `convolve` tells."""
    *spatial, channels, features = kernel.shape
    plain = partial(convolution, window_strides=strides, padding=padding)
    swaps = features < channels and set(strides) == {1} and max(spatial) > 1 and _is_plain(convolution.keywords)

    @jax.custom_vjp
    def convolved(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return plain(inputs, kernel)

    def forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        inputs = kept_apart(inputs)
        return plain(inputs, kernel), (inputs, kernel)

    def backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
        inputs, kernel = saved
        gradient = kept_apart(gradient)

        def native(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
            return jax.vjp(lambda kernel: plain(inputs, kernel), kernel)[1](gradient)[0]

        def swapped(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
            return _kernel_gradient(inputs, gradient, tuple(spatial), padding)

        of_inputs = jax.vjp(lambda inputs: plain(inputs, kernel), inputs)[1](gradient)[0]
        of_kernel = lax.platform_dependent(inputs, gradient, cpu=swapped if swaps else native, default=native)
        return of_inputs, of_kernel

    convolved.defvjp(forward, backward)
    return convolved(inputs, kernel)


def _is_plain(options: dict[str, Any]) -> bool:
    """Whether there is neither dilation nor a division of channels or batch into groups."""
    dilation = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    groups = {options.get("feature_group_count", 1), options.get("batch_group_count", 1)}
    return set(dilation) <= {1} and groups == {1}


def _kernel_gradient(inputs: jax.Array, gradient: jax.Array, spatial: tuple[int, ...], padding: Any) -> jax.Array:
    """(*spatial, C, D) of inputs (B, ..., C) and of the outputs' gradient (B, ..., D), which slides; strides are 1."""
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(inputs.shape[1:-1], spatial, (1,) * len(spatial), padding)
    mirrored = [(taps - 1 - low, taps - 1 - high) for taps, (low, high) in zip(spatial, padding, strict=True)]
    axes = tuple(range(1, inputs.ndim - 1))
    last = inputs.ndim - 1
    # Channels take the batch's place: D is the batch, B is contracted, and C comes out as features.
    layout = lax.ConvDimensionNumbers((last, 0, *axes), (last, 0, *axes), (0, last, *axes))
    taps = lax.conv_general_dilated(gradient, inputs, (1,) * len(axes), mirrored, dimension_numbers=layout)
    return jnp.moveaxis(jnp.flip(taps, axes), 0, -1)


def kept_apart(x: jax.Array) -> jax.Array:
    """x; on a CPU the compiler may not move work over this point."""
    return lax.platform_dependent(x, cpu=lax.optimization_barrier, default=lambda x: x)


Conv = partial(nn.Conv, conv_general_dilated=convolve)
"""`nn.Conv` with the derivative of `convolve`; the same parameters under the same names."""
