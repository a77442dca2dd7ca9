"""Products of bfloat16: sums in float32, rounded once, whatever they are laid out as; integers make that exact."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from cardiax.nn import bfloat16
from cardiax.nn.convolution import LAYOUTS, convolve


def whole(random, *shape):
    """Small whole numbers: products and sums of them are exact in float32."""
    return random.integers(-8, 9, shape).astype(np.float32)


@st.composite
def convolutions(draw):
    """Inputs (B, T, C), kernel (taps, C, D), stride and padding, with room for at least one window."""
    taps = draw(st.integers(1, 5))
    samples, stride = draw(st.integers(taps, 24)), draw(st.integers(1, 3))
    batch, channels, features = (draw(st.integers(1, 6)) for _ in range(3))
    explicit = [(draw(st.integers(0, taps - 1)), draw(st.integers(0, taps - 1)))]
    padding = draw(st.sampled_from(["SAME", "VALID", explicit]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return whole(random, batch, samples, channels), whole(random, taps, channels, features), stride, padding


@pytest.mark.slow
@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_a_convolution_and_its_gradients_are_those_of_float32_rounded_once(convolution):
    inputs, kernel, stride, padding = convolution
    options = {"window_strides": (stride,), "padding": padding, "dimension_numbers": LAYOUTS[1]}

    def outcome(convolve, dtype):
        @jax.jit
        def run(inputs, kernel):
            value, pull = jax.vjp(partial(convolve, **options), inputs, kernel)
            return value, *pull(jnp.asarray(whole(np.random.default_rng(1), *value.shape), dtype))

        return run(inputs.astype(dtype), kernel.astype(dtype))

    exact = outcome(lax.conv_general_dilated, jnp.float32)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("THIN", "FEW", "SMALL"):
            patch.setattr(f"cardiax.nn.convolution.{limit}", 0)
        tiled = outcome(convolve, jnp.bfloat16)
    for found in (outcome(convolve, jnp.bfloat16), tiled):
        for mine, expected in zip(found, exact, strict=True):
            assert mine.dtype == jnp.bfloat16
            np.testing.assert_array_equal(mine, expected.astype(jnp.bfloat16))


def test_a_dense_layer_is_flaxs_with_sums_in_float32():
    random = np.random.default_rng(0)
    x, gradient = whole(random, 6, 40), whole(random, 6, 3)
    variables = nn.Dense(3).init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, bfloat16.Dense(3).init(jax.random.key(0), x), variables)
    variables = {"params": {"kernel": whole(random, 40, 3), "bias": np.zeros(3, np.float32)}}

    def outcome(layer, dtype):
        def run(x, kernel):
            return layer(3).apply({"params": variables["params"] | {"kernel": kernel}}, x)

        given = (jnp.asarray(array, dtype) for array in (x, variables["params"]["kernel"]))
        value, pull = jax.vjp(run, *given)
        return value, *pull(jnp.asarray(gradient, value.dtype))

    for mine, expected in zip(outcome(bfloat16.Dense, jnp.float32), outcome(nn.Dense, jnp.float32), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-6)
    variables["params"]["bias"] = jnp.zeros(3, jnp.bfloat16)
    for mine, expected in zip(outcome(bfloat16.Dense, jnp.bfloat16), outcome(nn.Dense, jnp.float32), strict=True):
        assert mine.dtype == jnp.bfloat16
        np.testing.assert_array_equal(mine, expected.astype(jnp.bfloat16))


def test_members_of_a_population_are_each_as_alone():
    random = np.random.default_rng(0)
    x, kernel = (jnp.asarray(whole(random, 3, *shape), jnp.bfloat16) for shape in ((5, 4), (4, 2)))

    def gradient(x, kernel):
        return jax.grad(lambda kernel: jnp.sum(product(x, kernel).astype(jnp.float32) ** 2))(kernel)

    def product(x, kernel):
        return bfloat16.dot(x, kernel, (((1,), (0,)), ((), ())))

    alone = jnp.stack([gradient(x[i], kernel[i]) for i in range(3)])
    np.testing.assert_array_equal(jax.vmap(gradient)(x, kernel), alone)


def test_products_are_asked_for_in_float32():
    x, kernel = jnp.zeros((4, 8), jnp.bfloat16), jnp.zeros((8, 2), jnp.bfloat16)
    numbers = (((1,), (0,)), ((), ()))
    (line,) = [
        line
        for line in jax.jit(lambda x, kernel: bfloat16.dot(x, kernel, numbers)).lower(x, kernel).as_text().splitlines()
        if "dot_general" in line
    ]
    assert line.rstrip().endswith("(tensor<4x8xbf16>, tensor<8x2xbf16>) -> tensor<4x2xf32>")
