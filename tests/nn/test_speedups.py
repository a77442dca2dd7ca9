"""Leaving a speedup out: another program, the same values."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.models import build_model
from cardiax.nn.layers import max_pool
from cardiax.nn.speedups import SPEEDUPS, without
from cardiax.training.device_mesh import compiler_options, make_mesh

MODELS = {
    "barriers": ("resnet1d", {"widths": (8,), "blocks": 1, "dropout_rate": 0.0}, (187, 1)),
    "action_potential": ("voltage_template", {"widths": (8,), "blocks": 1, "hidden": 8, "dropout_rate": 0.0}, (90, 12)),
}
"""Speedup → a small network that has it, and the shape of one input."""


FUNCTIONS = {
    "max_pool": lambda: jax.grad(lambda x: jnp.sum(max_pool(x, 3, 2, 1) ** 2))(
        jax.random.normal(jax.random.key(3), (2, 30, 3))
    ),
}
"""Speedup → a computation that has it."""


def loss_and_gradient(name):
    """The compiled program of a network's loss and gradient, and both."""
    model, args, shape = MODELS[name]
    network = build_model(model, 5, args=args)
    inputs = jax.random.normal(jax.random.key(0), (16, *shape))
    # The initial parameters do not depend on the speedups.
    variables = jax.jit(partial(network.init, train=False))(jax.random.key(1), inputs)

    def loss(params):
        outputs, _ = network.apply(variables | {"params": params}, inputs, train=True, mutable=["batch_stats"])
        return jnp.mean(jnp.sin(outputs))

    program = jax.jit(jax.value_and_grad(loss)).lower(variables["params"])
    return program.as_text(), program.compile()(variables["params"])


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_plain_layers_give_the_same_loss_and_gradient(name):
    text, (loss, gradient) = loss_and_gradient(name)
    with without(name):
        jax.clear_caches()
        plain_text, (plain_loss, plain_gradient) = loss_and_gradient(name)
    jax.clear_caches()
    assert text != plain_text
    np.testing.assert_allclose(loss, plain_loss, rtol=1e-3)  # sums are taken in another order
    for ours, plain in zip(jax.tree.leaves(gradient), jax.tree.leaves(plain_gradient), strict=True):
        assert jnp.linalg.norm(ours - plain) <= 1e-3 * jnp.linalg.norm(plain) + 1e-6


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_plain_functions_give_the_same_values(name):
    with_it = FUNCTIONS[name]()
    with without(name):
        jax.clear_caches()
        plain = FUNCTIONS[name]()
    jax.clear_caches()
    chex.assert_trees_all_close(with_it, plain, rtol=1e-4, atol=1e-5)


def test_every_speedup_has_a_test():
    assert {*MODELS, *FUNCTIONS, "compiler_options"} == set(SPEEDUPS)
    assert compiler_options(make_mesh(jax.devices()[:1]))
    with without("compiler_options"):
        assert not compiler_options(make_mesh(jax.devices()[:1]))
