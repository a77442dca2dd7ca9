"""Convolution that is fast on a CPU too, and whose derivative is."""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cardiax.fusion import kept_apart

FEW = 64
"""Numbers of a window, taps · channels, below which a CPU convolves by a product of matrices."""

SMALL = 2**17
"""Numbers of all windows, half a MiB, below which it does so too: they stay in the cache of a core."""


def convolve(lhs: jax.Array, rhs: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any) -> jax.Array:
    """`lax.conv_general_dilated` of inputs (B, ..., C) with a kernel (..., C, D): the same values, (B, ..., D).

    It differs in three ways, where XLA's CPU backend loses time; values and gradients agree but for the order of sums,
    and on a GPU or TPU nothing differs. All times are of two cores.

    Where a window holds fewer than `FEW` numbers, as in the first layer of a network, windows are laid out and
    multiplied: 0.7 ms instead of 1.2 with the kernel's gradient for 1 → 128 channels, 1.9 instead of 2.6 for 12 → 128.
    So they are where all windows together hold fewer than `SMALL` numbers, as those of a single beat, for which threads
    are woken in vain: the whole ResNet1D takes 0.5 ms instead of 1.0.

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
      padding: as `lax.conv_general_dilated` takes it, on each side less than the kernel spans.
      options: its other arguments; `dimension_numbers` must be those of the layouts above.

    Raises:
      ValueError: the padding is as wide as the kernel or wider. For the gradient of the inputs XLA would then cut some
        of the outputs' off, where its CPU backend reads other memory (jaxlib 0.10.2).
    """
    spatial = rhs.shape[:-2]
    if not isinstance(padding, str) and any(max(pair) >= taps for taps, pair in zip(spatial, padding, strict=True)):
        raise ValueError(f"convolve: found padding {padding}, wanted less than the kernel's {spatial} on each side")
    return _with_derivative(lhs, rhs, partial(lax.conv_general_dilated, **options), tuple(window_strides), padding)


def _with_derivative(inputs: jax.Array, kernel: jax.Array, convolution: Any, strides: Any, padding: Any) -> jax.Array:
    """The convolution, a function of inputs, kernel, strides and padding, with the derivative that `convolve` tells."""
    *spatial, channels, features = kernel.shape
    native = partial(convolution, window_strides=strides, padding=padding)
    is_plain = _is_plain(convolution.keywords)
    numbers = channels * math.prod(spatial)
    all_numbers = math.prod(inputs.shape[:-1]) // math.prod(strides) * numbers
    few = is_plain and (numbers < FEW or all_numbers < SMALL)
    swaps = is_plain and features < channels and set(strides) == {1} and max(spatial) > 1
    precision = convolution.keywords.get("precision")

    def windows(inputs: jax.Array) -> jax.Array:
        return _windows(inputs, tuple(spatial), strides, padding)

    def multiplied(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.matmul(windows(inputs), kernel.reshape(-1, features), precision=precision)

    def convolved(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.platform_dependent(inputs, kernel, cpu=multiplied if few else native, default=native)

    def forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        inputs = kept_apart(inputs)
        return convolved(inputs, kernel), (inputs, kernel)

    def backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
        inputs, kernel = saved
        gradient = kept_apart(gradient)

        def of_kernel_native(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
            return jax.vjp(lambda kernel: native(inputs, kernel), kernel)[1](gradient)[0]

        def of_kernel_multiplied(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
            columns = windows(inputs).reshape(-1, numbers)
            return jnp.matmul(columns.T, gradient.reshape(-1, features), precision=precision).reshape(kernel.shape)

        def of_kernel_swapped(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
            return _kernel_gradient(inputs, gradient, tuple(spatial), padding)

        on_cpu = of_kernel_multiplied if few else of_kernel_swapped if swaps else of_kernel_native
        of_kernel = lax.platform_dependent(inputs, gradient, cpu=on_cpu, default=of_kernel_native)
        of_inputs = jax.vjp(lambda inputs: native(inputs, kernel), inputs)[1](gradient)[0]
        return of_inputs, of_kernel

    differentiable = jax.custom_vjp(convolved)
    differentiable.defvjp(forward, backward)
    return differentiable(inputs, kernel)


def _is_plain(options: dict[str, Any]) -> bool:
    """Whether there is neither dilation nor a division of channels or batch into groups."""
    dilation = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    groups = {options.get("feature_group_count", 1), options.get("batch_group_count", 1)}
    return set(dilation) <= {1} and groups == {1}


def _windows(inputs: jax.Array, spatial: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> jax.Array:
    """What each output is made of, (B, ..., taps · C), from inputs (B, ..., C); the last tap moves first."""
    padded = jnp.pad(inputs, ((0, 0), *_pads(inputs, spatial, strides, padding), (0, 0)))
    batch, *sizes, channels = padded.shape
    columns = []
    for place in itertools.product(*map(range, spatial)):
        ends = [size - taps + at + 1 for size, taps, at in zip(sizes, spatial, place, strict=True)]
        columns.append(lax.slice(padded, (0, *place, 0), (batch, *ends, channels), (1, *strides, 1)))
    return jnp.concatenate(columns, axis=-1)


def _pads(inputs: jax.Array, spatial: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> Sequence:
    """How many zeros come before and after each spatial axis of inputs (B, ..., C)."""
    return lax.padtype_to_pads(inputs.shape[1:-1], spatial, strides, padding) if isinstance(padding, str) else padding


def _kernel_gradient(inputs: jax.Array, gradient: jax.Array, spatial: tuple[int, ...], padding: Any) -> jax.Array:
    """(*spatial, C, D) of inputs (B, ..., C) and of the outputs' gradient (B, ..., D), which slides; strides are 1."""
    pads = _pads(inputs, spatial, (1,) * len(spatial), padding)
    mirrored = [(taps - 1 - low, taps - 1 - high) for taps, (low, high) in zip(spatial, pads, strict=True)]
    axes = tuple(range(1, inputs.ndim - 1))
    last = inputs.ndim - 1
    # Channels take the batch's place: D is the batch, B is contracted, and C comes out as features.
    layout = lax.ConvDimensionNumbers((last, 0, *axes), (last, 0, *axes), (0, last, *axes))
    taps = lax.conv_general_dilated(gradient, inputs, (1,) * len(axes), mirrored, dimension_numbers=layout)
    return jnp.moveaxis(jnp.flip(taps, axes), 0, -1)


Conv = partial(nn.Conv, conv_general_dilated=convolve)
"""`nn.Conv` with the derivative of `convolve`; the same parameters under the same names."""
