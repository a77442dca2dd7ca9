"""Convolution that is also fast on a CPU, as is its derivative."""

import itertools
import math
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax

from cardiax.nn import bfloat16
from cardiax.nn.barriers import fusion_barrier
from cardiax.nn.speedups import uses

THIN = 4
"""Largest window size, taps · channels, for which a CPU convolves element by element."""

FEW = 64
"""Window size, taps · channels, below which a CPU convolves by a matrix product."""

SMALL = 2**17
"""Number of elements of all windows below which a CPU also does so: half a MiB, which stays in the cache of a core."""

LAYOUTS = {
    1: lax.ConvDimensionNumbers((0, 2, 1), (2, 1, 0), (0, 2, 1)),
    2: lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)),
}
"""Number of spatial axes → layout: inputs (B, ..., C), kernel (..., C, D), outputs (B, ..., D)."""


def convolve(lhs: jax.Array, rhs: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any) -> jax.Array:
    """Compute `lax.conv_general_dilated` of inputs (B, ..., C) with a kernel (..., C, D): (B, ..., D).

    Values and gradients are the same except for the order of sums. The computation differs where XLA's CPU backend is
    slow; on a GPU or TPU only the case of strides differs. All times are for two cores.

    *Small windows.* Windows with fewer than `FEW` elements, as in the first layer of a network, are gathered and
    multiplied as a matrix: 1.9 ms instead of 2.6 with the kernel's gradient for 12 → 128 channels. Windows with up to
    `THIN` elements, as of one lead, are multiplied element by element and fused with the next operations: 0.2 ms
    instead of 0.7 for 1 → 128 channels, bias and LeakyReLU included. Windows are also gathered if all of them have
    fewer than `SMALL` elements, as for a single beat, where waking threads costs more than it saves: ResNet1D takes
    0.5 ms instead of 1.0.

    *Gradient of the kernel.* It is a convolution of the inputs with the output gradient, contracted over the batch.
    Either may be the sliding one, of which XLA gathers a window for every tap. Here it is the one with fewer channels:
    2.5 ms instead of 2.9 for 128 → 64 channels, 47 instead of 58 for the largest layer of the 2-D network.

    *Barriers.* For the gradient of the kernel the inputs are transposed, and XLA would recompute them in transposed
    order, for example from batch statistics. Barriers on the inputs and the output gradient prevent this in programs
    compiled with `cardiax.training.device_mesh.compiler_options`, which saves a tenth of the step of ResNet1D.

    *Strides.* On every device, if an axis has a stride above 1 and the widest padding allowed on both sides, the
    gradient of the inputs is that of a convolution of padded inputs: with two axes, XLA's own may crash the process
    during compilation (jaxlib 0.10.2).

    *bfloat16.* Convolutions over one axis in bfloat16 use `cardiax.nn.bfloat16` on a CPU.

    Args:
      lhs: inputs (B, ..., C).
      rhs: kernel (..., C, D).
      window_strides: stride of each spatial axis.
      padding: padding as for `lax.conv_general_dilated`, on each side less than the kernel size.
      **options: other arguments of `lax.conv_general_dilated`; `dimension_numbers` must be a value of `LAYOUTS`.

    Returns:
      The outputs (B, ..., D).

    Raises:
      ValueError: if the padding is not less than the kernel size. For the gradient of the inputs XLA would then crop
        the output gradient, where its CPU backend reads out of bounds (jaxlib 0.10.2).
    """
    spatial = rhs.shape[:-2]
    if not isinstance(padding, str) and any(max(pair) >= taps for taps, pair in zip(spatial, padding, strict=True)):
        raise ValueError(f"convolve: found padding {padding}, expected less than the kernel's {spatial} on each side")
    return _with_derivative(lhs, rhs, partial(lax.conv_general_dilated, **options), tuple(window_strides), padding)


def _with_derivative(inputs: jax.Array, kernel: jax.Array, convolution: Any, strides: Any, padding: Any) -> jax.Array:
    """Apply `convolution`, a function of inputs, kernel, strides and padding, with the derivative of `convolve`."""
    *spatial, channels, features = kernel.shape
    inputs_type, kernel_type = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (inputs, kernel))
    native = partial(convolution, window_strides=strides, padding=padding)
    is_plain = _is_plain(convolution.keywords)
    numbers = channels * math.prod(spatial)
    all_numbers = math.prod(inputs.shape[:-1]) // math.prod(strides) * numbers
    small = is_plain and uses("small_windows")
    is_thin = small and numbers <= THIN
    is_few = small and (numbers < FEW or all_numbers < SMALL)
    is_tiled = is_plain and uses("bfloat16") and len(spatial) == 1 and inputs.dtype == kernel.dtype == jnp.bfloat16
    is_swapped = (
        is_plain and uses("kernel_gradient") and features < channels and set(strides) == {1} and max(spatial) > 1
    )
    pads = _pads(inputs, tuple(spatial), strides, padding)
    before, after = pads[0]  # Padding in time, for `cardiax.nn.bfloat16`.
    axes = zip(spatial, strides, pads, strict=True)
    is_full = is_plain and any(stride > 1 and min(pair) == taps - 1 for taps, stride, pair in axes)
    multiply = partial(
        jnp.matmul,
        precision=convolution.keywords.get("precision"),
        preferred_element_type=jnp.promote_types(inputs.dtype, jnp.float32),
    )

    def padded_first(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolution(jnp.pad(inputs, ((0, 0), *pads, (0, 0))), kernel, window_strides=strides, padding="VALID")

    def windows(inputs: jax.Array) -> jax.Array:
        return _windows(inputs, tuple(spatial), strides, padding)

    def one_by_one(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        columns = fusion_barrier(windows(inputs)).astype(jnp.promote_types(inputs.dtype, jnp.float32))
        rows = kernel.reshape(numbers, *[1] * (inputs.ndim - 1), features)
        terms = [columns[..., i, None] * row for i, row in enumerate(rows)]
        return reduce(jnp.add, terms).astype(inputs.dtype)

    def multiplied(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return multiply(windows(inputs), kernel.reshape(-1, features)).astype(inputs.dtype)

    def tiled(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        return bfloat16.convolution(inputs, kernel, strides[0], (before, after))

    def convolved(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
        on_cpu = one_by_one if is_thin else multiplied if is_few else tiled if is_tiled else native
        if on_cpu is native:
            return native(inputs, kernel)
        return lax.platform_dependent(inputs, kernel, cpu=on_cpu, default=native)

    def forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        inputs = fusion_barrier(inputs)
        return convolved(inputs, kernel), (inputs, kernel)

    def of_kernel_native(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
        return jax.linear_transpose(partial(native, inputs), kernel_type)(gradient)[0]

    def of_kernel_multiplied(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
        columns = windows(inputs).reshape(-1, numbers)
        return multiply(columns.T, gradient.reshape(-1, features)).astype(kernel.dtype).reshape(kernel.shape)

    def of_kernel_swapped(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
        return _kernel_gradient(inputs, gradient, tuple(spatial), padding)

    def of_kernel_tiled(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
        return bfloat16.gradient_of_kernel(inputs, gradient, spatial[0], strides[0], (before, after))

    def of_inputs_native(gradient: jax.Array, kernel: jax.Array) -> jax.Array:
        forwards = padded_first if is_full else native
        return jax.linear_transpose(lambda inputs: forwards(inputs, kernel), inputs_type)(gradient)[0]

    def of_inputs_tiled(gradient: jax.Array, kernel: jax.Array) -> jax.Array:
        return bfloat16.gradient_of_inputs(gradient, kernel, strides[0], (before, after), inputs.shape[1])

    def backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
        inputs, kernel = saved
        gradient = fusion_barrier(gradient)
        in_float32 = of_kernel_multiplied if is_few else of_kernel_swapped if is_swapped else of_kernel_native
        of_kernel = of_kernel_tiled if is_tiled else in_float32
        of_inputs = of_inputs_tiled if is_tiled else of_inputs_native
        return (
            lax.platform_dependent(gradient, kernel, cpu=of_inputs, default=of_inputs_native),
            lax.platform_dependent(inputs, gradient, cpu=of_kernel, default=of_kernel_native),
        )

    differentiable = jax.custom_vjp(convolved)
    differentiable.defvjp(forward, backward)
    return differentiable(inputs, kernel)


def _is_plain(options: dict[str, Any]) -> bool:
    """Return True if there is no dilation and channels and batch are not grouped."""
    dilation = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    groups = {options.get("feature_group_count", 1), options.get("batch_group_count", 1)}
    return set(dilation) <= {1} and groups == {1}


def _windows(inputs: jax.Array, spatial: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> jax.Array:
    """Gather the window of each output, (B, ..., taps · C), from inputs (B, ..., C); taps are in row-major order."""
    padded = jnp.pad(inputs, ((0, 0), *_pads(inputs, spatial, strides, padding), (0, 0)))
    batch, *sizes, channels = padded.shape
    columns = []
    for index in itertools.product(*map(range, spatial)):
        ends = [size - taps + at + 1 for size, taps, at in zip(sizes, spatial, index, strict=True)]
        columns.append(lax.slice(padded, (0, *index, 0), (batch, *ends, channels), (1, *strides, 1)))
    return jnp.concatenate(columns, axis=-1)


def _pads(inputs: jax.Array, spatial: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> Sequence:
    """Return the number of zeros before and after each spatial axis of inputs (B, ..., C)."""
    return lax.padtype_to_pads(inputs.shape[1:-1], spatial, strides, padding) if isinstance(padding, str) else padding


def _kernel_gradient(inputs: jax.Array, gradient: jax.Array, spatial: tuple[int, ...], padding: Any) -> jax.Array:
    """Return the kernel gradient (*spatial, C, D), with the output gradient as the sliding operand; strides are 1.

    Args:
      inputs: inputs (B, ..., C).
      gradient: output gradient (B, ..., D).
      spatial: kernel size.
      padding: padding of the convolution.
    """
    pads = _pads(inputs, spatial, (1,) * len(spatial), padding)
    mirrored = [(taps - 1 - low, taps - 1 - high) for taps, (low, high) in zip(spatial, pads, strict=True)]
    axes = tuple(range(1, inputs.ndim - 1))
    last = inputs.ndim - 1
    # The axes are exchanged: D is the batch, B is contracted, and C is the feature axis of the output.
    layout = lax.ConvDimensionNumbers((last, 0, *axes), (last, 0, *axes), (0, last, *axes))
    taps = lax.conv_general_dilated(gradient, inputs, (1,) * len(axes), mirrored, dimension_numbers=layout)
    return jnp.moveaxis(jnp.flip(taps, axes), 0, -1)


class Conv(nn.Module):
    """`nn.Conv` with padding "SAME", computed by `convolve`, with the same parameters.

    Attributes:
      features: number of output channels.
      kernel_size: number of taps of each spatial axis.
      strides: stride of all spatial axes.
      use_bias: True to add a bias.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: int = 1
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return outputs (B, ..., features) of inputs x (B, ..., C)."""
        axes = len(self.kernel_size)
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), shape[-1:]) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias)
        y = convolve(x, kernel, (self.strides,) * axes, "SAME", dimension_numbers=LAYOUTS[axes])
        return y if bias is None else add(y, bias)


@jax.custom_vjp
def add(x: jax.Array, bias: jax.Array) -> jax.Array:
    """Return x (..., C) plus bias (C,) of the same type; the gradient of the bias is summed in at least float32."""
    return x + jnp.expand_dims(bias, range(x.ndim - 1))


def _add_forward(x: jax.Array, bias: jax.Array) -> tuple[jax.Array, None]:
    return add(x, bias), None


def _add_backward(_: None, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    full = gradient.astype(jnp.promote_types(gradient.dtype, jnp.float32))
    return gradient, jnp.sum(full, range(gradient.ndim - 1)).astype(gradient.dtype)


add.defvjp(_add_forward, _add_backward)
