"""Convolution: Flax's own parameters, values and gradients, and nothing computed twice on a CPU."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.nn.convolution import Conv
from cardiax.training.device_mesh import compiler_options, make_mesh


def inputs(*shape):
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape), jnp.float32)


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"use_bias": False}])
@pytest.mark.parametrize("axes", [1, 2])
def test_parameters_values_and_gradients_are_flaxs(axes, options):
    x = inputs(2, *[10] * axes, 3)
    ours, theirs = Conv(4, (3,) * axes, **options), nn.Conv(4, (3,) * axes, **options)
    variables = theirs.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(0), x), variables)

    def summed(module, variables, x):
        return jnp.sum(jnp.sin(module.apply(variables, x)))

    found, expected = (jax.value_and_grad(partial(summed, module), (0, 1))(variables, x) for module in (ours, theirs))
    for mine, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def test_vmap_computes_each_as_alone():
    x, module = inputs(3, 2, 8, 4), Conv(2, (3,))
    variables = jax.vmap(lambda key: module.init(key, x[0]))(jax.random.split(jax.random.key(0), 3))
    found = jax.vmap(module.apply)(variables, x)
    for i in range(3):
        alone = module.apply(jax.tree.map(lambda leaf, i=i: leaf[i], variables), x[i])
        np.testing.assert_allclose(found[i], alone, rtol=1e-5, atol=1e-6)


def test_inputs_and_gradients_are_kept_apart_in_a_program_compiled_for_cpus():
    module, x = Conv(4, (3,)), inputs(4, 20, 4)
    variables = module.init(jax.random.key(0), x)

    def loss(variables, x):
        return jnp.sum(jnp.tanh(module.apply(variables, jnp.tanh(x))) ** 2)

    lowered = jax.jit(jax.grad(loss), compiler_options=compiler_options(make_mesh(jax.devices()[:1])))
    assert lowered.lower(variables, x).compile().as_text().count("opt-barrier(") >= 3
