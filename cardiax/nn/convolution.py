"""Convolution that is fast on a CPU too, and whose derivative is."""

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

THIN = 4
"""Numbers of a window, taps · channels, up to which a CPU convolves number by number."""

FEW = 64
"""Numbers of a window below which it convolves by a product of matrices."""

SMALL = 2**17
"""Numbers of all windows, half a MiB, below which it does so too: they stay in the cache of a core."""

LAYOUTS = {
    1: lax.ConvDimensionNumbers((0, 2, 1), (2, 1, 0), (0, 2, 1)),
    2: lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)),
}
"""Of one spatial axis or two: inputs (B, ..., C), kernel (..., C, D), outputs (B, ..., D)."""


def convolve(lhs: jax.Array, rhs: jax.Array, window_strides: Sequence[int], padding: Any, **options: Any) -> jax.Array:
    """`lax.conv_general_dilated` of inputs (B, ..., C) with a kernel (..., C, D): the same values, (B, ..., D).

    It differs in four ways, where XLA's CPU backend loses time; values and gradients agree but for the order of sums,
    and on a GPU or TPU nothing differs but what is said of strides. All times are of two cores.

    Where a window holds fewer than `FEW` numbers, as in the first layer of a network, windows are laid out and
    multiplied: 1.9 ms instead of 2.6 with the kernel's gradient for 12 → 128 channels. Up to `THIN`, as those of one
    lead, their numbers are multiplied in turn, together with what follows: 0.2 ms instead of 0.7 for 1 → 128 channels,
    bias and LeakyReLU included. Windows are also laid out where all together hold fewer than `SMALL` numbers, as those
    of a single beat, for which threads are woken in vain: the whole ResNet1D takes 0.5 ms instead of 1.0.

    The gradient of the kernel is a convolution of the inputs with what comes back, as long as the recording and over
    the batch. Either may be the one that slides; XLA lays out a window of it for every tap. Here it is the one with
    fewer channels: 2.5 ms instead of 2.9 for 128 → 64 channels, 47 instead of 58 for the largest of the 2-D network.

    For that gradient the inputs are transposed, and XLA would work them out once more in transposed order, from
    whatever made them, batch statistics say. The inputs and what comes back are kept apart from that by barriers, which
    hold in programs that were compiled with `cardiax.training.device_mesh.compiler_options`: a tenth of the step of
    ResNet1D.

    On every device, where an axis has a stride longer than 1 and on both sides the widest padding allowed, the gradient
    of the inputs is taken through inputs padded before: XLA's own, with two axes, may end the process while it compiles
    (jaxlib 0.10.2).

    In bfloat16 over one axis it is what `cardiax.nn.bfloat16` tells, for processors that multiply it.

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
        raise ValueError(f"convolve: found padding {padding}, expected less than the kernel's {spatial} on each side")
    return _with_derivative(lhs, rhs, partial(lax.conv_general_dilated, **options), tuple(window_strides), padding)


def _with_derivative(inputs: jax.Array, kernel: jax.Array, convolution: Any, strides: Any, padding: Any) -> jax.Array:
    """The convolution, a function of inputs, kernel, strides and padding, with the derivative that `convolve` tells."""
    *spatial, channels, features = kernel.shape
    inputs_type, kernel_type = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (inputs, kernel))
    native = partial(convolution, window_strides=strides, padding=padding)
    is_plain = _is_plain(convolution.keywords)
    numbers = channels * math.prod(spatial)
    all_numbers = math.prod(inputs.shape[:-1]) // math.prod(strides) * numbers
    is_thin = is_plain and numbers <= THIN
    is_few = is_plain and (numbers < FEW or all_numbers < SMALL)
    is_tiled = is_plain and len(spatial) == 1 and inputs.dtype == kernel.dtype == jnp.bfloat16
    is_swapped = is_plain and features < channels and set(strides) == {1} and max(spatial) > 1
    pads = _pads(inputs, tuple(spatial), strides, padding)
    before, after = pads[0]  # of time, for tiles
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
    """Whether there is neither dilation nor a division of channels or batch into groups."""
    dilation = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    groups = {options.get("feature_group_count", 1), options.get("batch_group_count", 1)}
    return set(dilation) <= {1} and groups == {1}


def _windows(inputs: jax.Array, spatial: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> jax.Array:
    """What each output is made of, (B, ..., taps · C), from inputs (B, ..., C); the last tap moves first."""
    padded = jnp.pad(inputs, ((0, 0), *_pads(inputs, spatial, strides, padding), (0, 0)))
    batch, *sizes, channels = padded.shape
    columns = []
    for index in itertools.product(*map(range, spatial)):
        ends = [size - taps + at + 1 for size, taps, at in zip(sizes, spatial, index, strict=True)]
        columns.append(lax.slice(padded, (0, *index, 0), (batch, *ends, channels), (1, *strides, 1)))
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


class Conv(nn.Module):
    """`nn.Conv` with the derivative of `convolve`; the same parameters under the same names.

    Attributes:
      features: channels of the outputs.
      kernel_size: taps of each spatial axis.
      strides: of every spatial axis.
      padding: as `lax.conv_general_dilated` takes it, or zeros on each side.
      use_bias: whether a bias is added.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: int = 1
    padding: str | int = "SAME"
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Outputs (B, ..., features) of inputs x (B, ..., C)."""
        axes = len(self.kernel_size)
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), shape[-1:]) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias)
        padding = [(self.padding,) * 2] * axes if isinstance(self.padding, int) else self.padding
        y = convolve(x, kernel, (self.strides,) * axes, padding, dimension_numbers=LAYOUTS[axes])
        return y if bias is None else add(y, bias)


@jax.custom_vjp
def add(x: jax.Array, bias: jax.Array) -> jax.Array:
    """x (..., C) plus bias (C,), both of one type; the bias's gradient is summed in float32 at least."""
    return x + jnp.expand_dims(bias, range(x.ndim - 1))


def _add_forward(x: jax.Array, bias: jax.Array) -> tuple[jax.Array, None]:
    return add(x, bias), None


def _add_backward(_: None, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    full = gradient.astype(jnp.promote_types(gradient.dtype, jnp.float32))
    return gradient, jnp.sum(full, range(gradient.ndim - 1)).astype(gradient.dtype)


add.defvjp(_add_forward, _add_backward)
