"""The action potential: values by hand, and its derivative against JAX's own of the formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from cardiax.nn.shaped_action_potential import Shape, action_potential


def formula(shape, samples):
    """The docstring's, in NumPy's words, for JAX to derive."""
    time = jnp.arange(samples, dtype=shape.start.dtype)[None, :, None] - shape.start
    after = jnp.where(time > 0, time, 0)
    amplitude = shape.plateau - shape.rest + shape.notch * jnp.exp(-after / shape.notch_time) - shape.fall * after
    rise = 1 / (1 + jnp.exp(-time / shape.upstroke_time))
    return shape.rest + amplitude * rise / (1 + jnp.exp((time - shape.duration) / shape.repolarisation_time))


def drawn(batch, sites, dtype=np.float32):
    random = np.random.default_rng(0)
    ranges = {
        "start": (5, 40),
        "duration": (50, 80),
        "plateau": (10, 30),
        "notch": (5, 20),
        "rest": (-90, -80),
        "notch_time": (5, 15),
        "upstroke_time": (1, 3),
        "repolarisation_time": (8, 15),
        "fall": (0.02, 0.1),
    }
    sizes = dict.fromkeys(("start", "duration", "plateau", "notch"), batch)
    return Shape(
        **{name: random.uniform(*ends, (sizes.get(name, 1), 1, sites)).astype(dtype) for name, ends in ranges.items()}
    )


def test_by_hand():
    # One site, sharp upstroke at 2.5 ms, no notch, a plateau of 20 mV that falls by 1 mV a ms, half repolarised at 5.5.
    numbers = (2.5, 3.0, 20.0, 0.0, -80.0, 1.0, 1e-3, 1e-3, 1.0)
    voltage = action_potential(Shape(*(jnp.full((1, 1, 1), number) for number in numbers)), 7)
    np.testing.assert_allclose(voltage[0, :, 0], [-80, -80, -80, 19.5, 18.5, 17.5, -80], atol=1e-4)


def test_values_and_gradients_are_those_of_the_formula():
    shape = jax.tree.map(jnp.asarray, drawn(3, 4))
    pulled = jnp.asarray(np.random.default_rng(1).normal(size=(3, 120, 4)), jnp.float32)

    @jax.jit
    def outcomes(shape, pulled):
        found, pull = jax.vjp(lambda shape: action_potential(shape, 120), shape)
        expected, pull_wanted = jax.vjp(lambda shape: formula(shape, 120), shape)
        return (found, pull(pulled)[0]), (expected, pull_wanted(pulled)[0])

    found, expected = outcomes(shape, pulled)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-4)
    for name, mine, other in zip(Shape._fields, found[1], expected[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3 * np.abs(other).max(), err_msg=name)


def test_check_grads():
    with jax.enable_x64(True):
        shape = drawn(2, 3, np.float64)
        check_grads(jax.jit(lambda shape: action_potential(shape, 100)), (shape,), order=1, modes=["rev"])


def test_vmap_computes_each_as_alone():
    shapes = jax.tree.map(lambda x: jnp.stack([x, x + 0.5]), drawn(2, 3))

    def gradient(shape):
        return jax.grad(lambda shape: jnp.sum(jnp.sin(action_potential(shape, 60))))(shape)

    together = jax.jit(jax.vmap(gradient))(shapes)
    for i in range(2):
        alone = jax.jit(gradient)(jax.tree.map(lambda x, i=i: x[i], shapes))
        jax.tree.map(
            lambda mine, other, i=i: np.testing.assert_allclose(mine[i], other, rtol=1e-4, atol=1e-2), together, alone
        )


@pytest.mark.parametrize("name", ["rest", "start"])
def test_bfloat16_goes_in_and_float32_comes_out(name):
    shape = jax.tree.map(jnp.asarray, drawn(2, 3))
    low = shape._replace(**{name: getattr(shape, name).astype(jnp.bfloat16)})
    gradient = jax.jit(jax.grad(lambda shape: jnp.sum(action_potential(shape, 60))))(low)
    assert action_potential(low, 60).dtype == jnp.float32
    assert getattr(gradient, name).dtype == jnp.bfloat16
