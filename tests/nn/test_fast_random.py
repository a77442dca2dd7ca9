"""Random numbers: JAX's bits, and the inverse error function against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.nn import fast_random
from cardiax.training.device_mesh import compiler_options, make_mesh


def test_threefry_has_the_known_answers_of_its_authors():
    """kat_vectors of Random123: threefry 2x32 with 20 rounds."""
    for counter, key, expected in (
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ):
        found = fast_random.threefry(jnp.array(key, jnp.uint32), *(jnp.uint32(word) for word in counter))
        assert tuple(map(int, found)) == expected


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31 - 1), shape=st.lists(st.integers(0, 7), max_size=3), folded=st.integers(0, 99))
def test_keys_draw_jaxs_bits(seed, shape, folded):
    @jax.jit
    def draw(key, folded):
        keys = jax.random.split(jax.random.fold_in(key, folded), 3)
        bits = [jax.random.bits(key, shape, kind) for kind in ("uint8", "uint32")]
        return bits, jax.vmap(lambda key: jax.random.uniform(key, shape))(keys)

    ours, theirs = fast_random.key(seed), jax.random.key(seed, impl="threefry2x32")
    jax.tree.map(np.testing.assert_array_equal, draw(ours, folded), draw(theirs, folded))


def test_keys_draw_jaxs_bits_in_a_compiled_step():
    """mixup draws in a loop over one number, where a barrier would not compile."""
    options = compiler_options(make_mesh())
    for draw in (lambda key: jax.random.beta(key, 0.4, 0.4, (8,)), lambda key: jax.random.bernoulli(key, 0.3, (8, 99))):
        compiled = jax.jit(draw, compiler_options=options)
        np.testing.assert_array_equal(compiled(fast_random.key(5)), draw(jax.random.key(5, impl="threefry2x32")))


def test_normal_numbers_are_jaxs_but_for_rounding():
    ours = jax.jit(lambda key: fast_random.normal(key, (300, 200)), compiler_options=compiler_options(make_mesh()))
    theirs = jax.random.normal(jax.random.key(1, impl="threefry2x32"), (300, 200))
    np.testing.assert_allclose(ours(fast_random.key(1)), theirs, rtol=1e-5, atol=1e-4)


def test_the_inverse_error_function_is_scipys():
    x = np.linspace(-1, 1, 100_001, dtype=np.float32)[1:-1]
    np.testing.assert_allclose(
        fast_random.erf_inv(jnp.asarray(x)), scipy.special.erfinv(x.astype(np.float64)), rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(), (0,), (3,)])
def test_normal_has_any_shape(shape):
    drawn = fast_random.normal(fast_random.key(0), shape)
    assert drawn.shape == shape
    assert drawn.dtype == jnp.float32
    assert np.all(np.isfinite(drawn))
