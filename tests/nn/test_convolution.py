"""Convolution: XLA's own values, its derivative in another order, and nothing worked out twice."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import lax
from jax.test_util import check_grads

from cardiax.nn.convolution import Conv, add, convolve
from cardiax.training.device_mesh import compiler_options, make_mesh

LAYOUT = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def arrays(*shapes, dtype=jnp.float32):
    random = np.random.default_rng(0)
    return [jnp.asarray(random.standard_normal(shape), dtype) for shape in shapes]


def applied(convolution, strides, padding, **options):
    layout = LAYOUT[len(strides)]
    return partial(convolution, window_strides=strides, padding=padding, dimension_numbers=layout, **options)


def both(x, kernel, strides, padding, **options):
    """Values and the gradients of inputs and kernel, ours and XLA's."""

    def outcome(convolution, x, kernel):
        value, pull = jax.vjp(applied(convolution, strides, padding, **options), x, kernel)
        return value, *pull(jnp.cos(jnp.arange(value.size, dtype=value.dtype)).reshape(value.shape))

    def padded_first(lhs, rhs, *, padding, **options):
        return lax.conv_general_dilated(jnp.pad(lhs, ((0, 0), *padding, (0, 0))), rhs, padding="VALID", **options)

    # XLA's own gradient of the inputs may end the process where a strided axis has the widest padding (jaxlib 0.10.2).
    axes = [] if isinstance(padding, str) else zip(kernel.shape[:-2], strides, padding, strict=True)
    is_full = not options and any(stride > 1 and min(pair) == taps - 1 for taps, stride, pair in axes)
    theirs = padded_first if is_full else lax.conv_general_dilated
    return [jax.jit(partial(outcome, convolution))(x, kernel) for convolution in (convolve, theirs)]


@st.composite
def convolutions(draw):
    """Shapes of inputs and kernel, strides and padding, of one axis or two, with room for at least one window."""
    axes = draw(st.integers(1, 2))
    taps = tuple(draw(st.integers(1, 4)) for _ in range(axes))
    spatial = tuple(draw(st.integers(tap, 9)) for tap in taps)
    channels, features, size = (draw(st.integers(1, 5)) for _ in range(3))
    strides = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    explicit = [(draw(st.integers(0, tap - 1)), draw(st.integers(0, tap - 1))) for tap in taps]
    padding = draw(st.sampled_from(["SAME", "VALID", explicit]))
    return (size, *spatial, channels), (*taps, channels, features), strides, padding


# XLA's own gradient of the inputs ends the process while it compiles (jaxlib 0.10.2).
@pytest.mark.slow
@example(((1, 3, 8, 4), (2, 2, 4, 5), (2, 2), [(0, 0), (1, 1)]), False)
@example(((3, 6, 5, 4), (2, 4, 4, 1), (2, 2), [(1, 1), (0, 3)]), True)
@example(((1, 4, 2, 3), (2, 2, 3, 1), (2, 3), [(1, 1), (1, 0)]), True)
@given(convolutions(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_values_and_gradients_are_those_of_xla(convolution, is_large):
    x_shape, kernel_shape, strides, padding = convolution
    with pytest.MonkeyPatch.context() as patch:
        if is_large:  # no windows are laid out
            for limit in ("THIN", "FEW", "SMALL"):
                patch.setattr(f"cardiax.nn.convolution.{limit}", 0)
        ours, theirs = both(*arrays(x_shape, kernel_shape), strides, padding)
    if is_large:
        np.testing.assert_array_equal(ours[0], theirs[0])
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=2e-5)


def test_the_kernels_gradient_by_hand():
    # One beat of 3 samples, two channels to one; the gradient of the outputs is (1, 10, 100).
    x = jnp.array([[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]])
    _, pull = jax.vjp(applied(convolve, (1,), "SAME"), x, jnp.zeros((3, 2, 1)))
    _, kernel = pull(jnp.array([[[1.0], [10.0], [100.0]]]))
    # Tap 0 meets the sample before, tap 1 the sample itself, tap 2 the one after.
    np.testing.assert_allclose(kernel[..., 0], [[10 * 1 + 100 * 2, 540], [1 + 20 + 300, 654], [1 * 2 + 10 * 3, 65]])


@pytest.mark.parametrize("shape", [(3, 4, 2), (3, 2, 4), (3, 3, 4, 2), (3, 30, 2), (3, 30, 40), (3, 3, 9, 2)])
def test_check_grads(shape, monkeypatch):
    monkeypatch.setattr("cardiax.nn.convolution.SMALL", 0)
    x, kernel = arrays((2, *[6] * (len(shape) - 2), shape[-2]), shape)
    convolution = applied(convolve, (1,) * (len(shape) - 2), "SAME")
    check_grads(convolution, (x, kernel), order=1, modes=["rev"], atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    "options",
    [{"rhs_dilation": (2,)}, {"lhs_dilation": (2,)}, {"feature_group_count": 2}, {"precision": lax.Precision.HIGHEST}],
)
@pytest.mark.parametrize(("stride", "padding"), [(1, (1, 2)), (2, (2, 2))])
def test_other_arguments_keep_their_meaning(options, stride, padding):
    groups = options.get("feature_group_count", 1)
    x, kernel = arrays((2, 9, 4), (3, 4 // groups, 2))
    for mine, other in zip(*both(x, kernel, (stride,), [padding], **options), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def test_padding_wider_than_the_kernel_is_refused():
    # XLA's own gradient of these inputs is other memory on eight devices without optimisations (jaxlib 0.10.2).
    x, kernel = arrays((1, 2, 2), (2, 2, 4))
    with pytest.raises(ValueError, match=r"found padding \[\(3, 0\)\], expected less than the kernel's \(2,\)"):
        applied(convolve, (1,), [(3, 0)])(x, kernel)


def test_bfloat16_stays_bfloat16():
    ours, theirs = both(*arrays((4, 20, 6), (3, 6, 2), dtype=jnp.bfloat16), (1,), "SAME")  # see test_bfloat16
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == jnp.bfloat16
        np.testing.assert_allclose(mine.astype(np.float32), other.astype(np.float32), rtol=0.05, atol=0.5)


def test_members_of_a_population_are_each_as_alone():
    x, kernel = arrays((3, 2, 8, 4), (3, 3, 4, 2))

    def gradient(x, kernel):
        return jax.grad(lambda kernel: jnp.sum(applied(convolve, (1,), "SAME")(x, kernel) ** 2))(kernel)

    alone = jnp.stack([gradient(x[i], kernel[i]) for i in range(3)])
    np.testing.assert_allclose(jax.vmap(gradient)(x, kernel), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"use_bias": False}])
@pytest.mark.parametrize("axes", [1, 2])
def test_the_module_has_flaxs_first_parameters_values_and_gradients(axes, options):
    x = arrays((2, *[10] * axes, 3))[0]
    ours, theirs = Conv(4, (3,) * axes, **options), nn.Conv(4, (3,) * axes, **options)
    variables = theirs.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(0), x), variables)
    variables = jax.tree.map(lambda leaf: leaf + 0.1, variables)  # a bias that is not 0

    def summed(module, variables, x):
        return jnp.sum(jnp.sin(module.apply(variables, x)))

    for mine, other in zip(
        *(
            jax.tree.leaves(jax.value_and_grad(partial(summed, module), (0, 1))(variables, x))
            for module in (ours, theirs)
        ),
        strict=True,
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def test_types_are_promoted_as_flax_does():
    x = arrays((2, 10, 3))[0]
    variables = Conv(4, (3,)).init(jax.random.key(0), x)
    low = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables)
    np.testing.assert_allclose(Conv(4, (3,)).apply(low, x), nn.Conv(4, (3,)).apply(low, x), rtol=1e-5, atol=1e-6)


def test_a_biass_gradient_is_summed_in_float32():
    # 400 ones: bfloat16 cannot count beyond 256.
    x, bias = jnp.zeros((4, 100, 2), jnp.bfloat16), jnp.zeros(2, jnp.bfloat16)
    gradient = jax.grad(lambda bias: jnp.sum(add(x, bias).astype(jnp.float32)))(bias)
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_array_equal(gradient.astype(np.float32), [400, 400])


def test_the_inputs_are_kept_apart_in_a_program_compiled_for_cpus():
    def gradient(x, kernel):
        return jax.grad(lambda kernel: jnp.sum(applied(convolve, (1,), "SAME")(jnp.tanh(x), kernel) ** 2))(kernel)

    lowered = jax.jit(gradient, compiler_options=compiler_options(make_mesh(jax.devices()[:1]))).lower(
        *arrays((4, 20, 4), (3, 4, 2))
    )
    assert "opt-barrier" in lowered.compile().as_text()
