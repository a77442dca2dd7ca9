"""Batch normalisation against Flax's own: values, statistics, gradients, and a batch that is divided over devices."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, PartitionSpec

from cardiax.nn.batch_norm import BatchNorm


def arrays(*shapes):
    random = np.random.default_rng(0)
    return [jnp.asarray(3 * random.standard_normal(shape) + 1, jnp.float32) for shape in shapes]


@partial(jax.jit, static_argnums=(0, 1))
def applied(layer, train, params, statistics, x, pulled):
    """Outputs and new statistics; the gradients of parameters and inputs, of the outputs' gradient `pulled`."""

    def outputs(params, x):
        variables = {"params": params, "batch_stats": statistics}
        return layer(use_running_average=not train, momentum=0.9).apply(variables, x, mutable=["batch_stats"])

    y, pull, new = jax.vjp(outputs, params, x, has_aux=True)
    return (y, {name: new["batch_stats"][name] for name in statistics}), pull(pulled)


@pytest.mark.slow
@given(st.lists(st.integers(1, 6), min_size=2, max_size=4).filter(lambda shape: np.prod(shape[:-1]) > 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_all_is_as_flax_has_it(shape, train):
    x, scale, bias, mean, pulled = arrays(shape, shape[-1:], shape[-1:], shape[-1:], shape)
    params, statistics = {"scale": scale, "bias": bias}, {"mean": mean, "var": mean**2}
    ours, theirs = (applied(layer, train, params, statistics, x, pulled) for layer in (BatchNorm, nn.BatchNorm))
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-3)


def test_the_variables_are_flaxs():
    x = arrays((4, 5, 3))[0]
    ours, theirs = (layer(False).init(jax.random.key(0), x) for layer in (BatchNorm, nn.BatchNorm))
    assert ours["batch_stats"].pop("initial_weight") == 1
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def statistics_after(batches, momentum, averages=()):
    """The running statistics after a few batches, and those of their moving average with these decays."""
    variables = BatchNorm(False, momentum=momentum).init(jax.random.key(0), batches[0])
    average = variables["batch_stats"]
    for batch, decay in zip(batches, averages or [0.0] * len(batches), strict=True):
        _, new = BatchNorm(False, momentum=momentum).apply(variables, batch, mutable=["batch_stats"])
        variables = variables | new
        average = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new, average, new["batch_stats"]
        )
    return variables["params"], average


@pytest.mark.parametrize("steps", [1, 3, 40])
@pytest.mark.parametrize("averaged", [False, True])
def test_a_short_run_evaluates_with_the_batches_it_saw(steps, averaged):
    # Of batches k = 1 … t the corrected mean is Σ w_k mean_k / Σ w_k, w_k = m^(t − k), and the variance is averaged in
    # the same way.
    batches = np.random.default_rng(0).normal(5.0, 3.0, (steps, 16, 2)).astype(np.float32)
    weights = 0.99 ** np.arange(steps - 1, -1, -1.0)
    decays = [(1 + step) / (10 + step) for step in range(steps)] if averaged else ()
    if averaged:  # the average after step k is d_k · average + (1 − d_k) · (the running statistics after it)
        share = [(1 - decay) * np.prod(decays[step + 1 :]) for step, decay in enumerate(decays)]
        weights = np.array([sum(share[t] * 0.99 ** (t - k) for t in range(k, steps)) for k in range(steps)])
    params, statistics = statistics_after(batches, 0.99, decays)
    mean, variance = (weights @ found / weights.sum() for found in (batches.mean(1), batches.var(1)))
    x = batches[0]
    found = BatchNorm(True).apply({"params": params, "batch_stats": statistics}, x)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-4)


def test_a_constant_channel_stays_finite():
    params, statistics = statistics_after(np.full((2, 4, 1), 3.0, np.float32), 0.99)
    found = BatchNorm(True).apply({"params": params, "batch_stats": statistics}, np.full((1, 1), 3.0, np.float32))
    np.testing.assert_allclose(found, [[0.0]], atol=0.01)


def test_before_the_first_step_the_statistics_are_the_initial_ones():
    x = arrays((4, 2))[0]
    variables = BatchNorm(True).init(jax.random.key(0), x)
    np.testing.assert_allclose(BatchNorm(True).apply(variables, x), x / np.sqrt(1 + 1e-5), rtol=1e-6)


def test_by_hand():
    # One channel, 1 and 3: mean 2, variance 1, outputs 5 ∓ 2 but for the epsilon.
    variables = {"params": {"scale": jnp.array([2.0]), "bias": jnp.array([5.0])}}
    y, _ = BatchNorm(False).apply(variables, jnp.array([[1.0], [3.0]]), mutable=["batch_stats"])
    np.testing.assert_allclose(y, [[3], [7]], rtol=1e-5)


@pytest.mark.parametrize("devices", [2, 8])
def test_a_batch_that_is_divided(devices):
    x, scale, bias, pulled = arrays((16, 5, 3), (3,), (3,), (16, 5, 3))
    mesh, split, whole = Mesh(np.array(jax.devices()[:devices]), ("data",)), PartitionSpec("data"), PartitionSpec()

    def gradients(axis_name):
        def apply(params, x):
            return BatchNorm(False, axis_name=axis_name).apply({"params": params}, x, mutable=["batch_stats"])

        def of(x, scale, bias, pulled):
            y, pull, statistics = jax.vjp(apply, {"scale": scale, "bias": bias}, x, has_aux=True)
            to_params, to_x = pull(pulled)
            to_params = jax.lax.psum(to_params, axis_name) if axis_name else to_params
            return (y, to_x), (statistics, to_params)

        return of

    mapped = jax.shard_map(
        gradients("data"),
        mesh=mesh,
        in_specs=(split, whole, whole, split),
        out_specs=(split, whole),
        check_vma=False,
    )
    found, expected = jax.jit(mapped)(x, scale, bias, pulled), gradients(None)(x, scale, bias, pulled)
    jax.tree.map(lambda mine, other: np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4), found, expected)


def test_bfloat16_has_float32_statistics():
    x = (100 + arrays((64, 50, 2))[0]).astype(jnp.bfloat16)
    variables = {"params": {"scale": jnp.ones(2, jnp.bfloat16), "bias": jnp.zeros(2, jnp.bfloat16)}}
    y, new = BatchNorm(False, momentum=0.0).apply(variables, x, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    statistics = new["batch_stats"]
    assert statistics["mean"].dtype == statistics["var"].dtype == jnp.float32
    np.testing.assert_allclose(statistics["mean"], np.mean(np.asarray(x, np.float64), (0, 1)), rtol=1e-5)
