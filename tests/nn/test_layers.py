"""Layers: dropout that the division of the batch does not change, and Flax's own values, parameters and gradients."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from cardiax.nn.layers import Conv, Dropout, leaky_relu, max_over_time, max_pool
from cardiax.training.device_mesh import compiler_options, make_mesh, supported

KEY = jax.random.key(3)


def drop(x, rate=0.5, axis_name=None, key=KEY):
    return Dropout(rate, axis_name).apply({}, x, True, rngs={"dropout": key})


@pytest.mark.parametrize("devices", [2, 8])
def test_mask_is_the_same_however_the_batch_is_divided(devices):
    x = jnp.ones((16, 5, 3))
    mesh = Mesh(np.array(jax.devices()[:devices]), ("data",))
    split = PartitionSpec("data")
    mapped = jax.shard_map(lambda x: drop(x, axis_name="data"), mesh=mesh, in_specs=split, out_specs=split)
    np.testing.assert_array_equal(jax.jit(mapped)(x), drop(x))


def test_examples_and_keys_differ():
    x = jnp.ones((4, 100))
    masks = np.asarray(drop(x))
    assert len(np.unique(masks, axis=0)) == 4
    assert np.any(masks != drop(x, key=jax.random.key(4)))
    np.testing.assert_array_equal(masks, drop(x))


def test_an_examples_mask_does_not_depend_on_the_batch_size():
    np.testing.assert_array_equal(drop(jnp.ones((8, 20)))[:3], drop(jnp.ones((3, 20))))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_rate_and_scale(rate):
    dropped = np.asarray(drop(jnp.full((100, 500), 2.0), rate))
    kept = dropped != 0
    deviation = np.sqrt(rate * (1 - rate) / dropped.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    np.testing.assert_allclose(dropped[kept], 2 / (1 - rate), rtol=1e-6)


def test_identity_without_training_or_rate():
    x = jnp.ones((2, 3))
    assert Dropout(0.5).apply({}, x, False) is x
    assert Dropout(0.0).apply({}, x, True) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_that_is_no_probability_below_1_is_refused(rate):
    with pytest.raises(ValueError, match=rf"a dropout rate lies in \[0, 1\): got {rate}"):
        drop(jnp.ones((2, 3)), rate)


def test_dtype_is_kept():
    assert drop(jnp.ones((2, 3), jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(("samples", "window", "stride", "padding"), [(187, 3, 2, 1), (10, 2, 2, 0), (11, 4, 3, 2)])
def test_max_pool_and_its_gradient_are_flaxs(samples, window, stride, padding):
    x = jax.random.normal(jax.random.key(0), (2, samples, 3))
    theirs = partial(nn.max_pool, window_shape=(window,), strides=(stride,), padding=((padding, padding),))
    ours = partial(max_pool, window=window, stride=stride, padding=padding)
    np.testing.assert_array_equal(ours(x), theirs(x))
    seen = jax.random.normal(jax.random.key(1), theirs(x).shape)
    np.testing.assert_allclose(jax.vjp(ours, x)[1](seen)[0], jax.vjp(theirs, x)[1](seen)[0], atol=1e-6)


def test_max_pool_of_bfloat16_stays_bfloat16_and_shares_a_gradient():
    x = jnp.asarray([[[3.0], [1.0], [2.0], [2.0], [0.0]]], jnp.bfloat16)
    y, pull = jax.vjp(lambda x: max_pool(x, window=3, stride=2, padding=1), x)
    np.testing.assert_array_equal(y, jnp.asarray([[[3.0], [2.0], [2.0]]], jnp.bfloat16))
    (gradient,) = pull(jnp.asarray([[[1.0], [2.0], [4.0]]], jnp.bfloat16))
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_array_equal(gradient[0, :, 0].astype(np.float32), [1, 0, 1, 5, 0])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_leaky_relu_and_its_gradient_are_flaxs(dtype):
    x = jnp.asarray([-3.0, -0.1, -0.0, 0.0, 0.1, 3.0], dtype)
    ours, theirs = partial(leaky_relu, slope=0.01), partial(nn.leaky_relu, negative_slope=0.01)
    (mine, pull), (other, their_pull) = jax.vjp(ours, x), jax.vjp(theirs, x)
    assert mine.dtype == dtype
    np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(pull(x)[0], their_pull(x)[0])


@pytest.mark.parametrize("samples", [1, 2, 3, 7, 24])
def test_maximum_over_time_and_where_its_gradient_goes(samples):
    x = jax.random.normal(KEY, (4, samples, 5))
    np.testing.assert_array_equal(max_over_time(x), np.max(x, axis=1))
    gradient = jax.grad(lambda x: jnp.sum(max_over_time(x)))(x)
    np.testing.assert_array_equal(gradient, x == np.max(x, axis=1, keepdims=True))


def test_the_maximum_has_a_gradient_whatever_the_compiler_does():
    # Without its optimisations XLA works x out twice, with other roundings: jnp.max has NaN for a gradient here.
    x = jax.random.normal(KEY, (128, 24, 128))

    def loss(scale, bias, x):
        mean, variance = jnp.mean(x, (0, 1), keepdims=True), jnp.var(x, (0, 1), keepdims=True)
        x = nn.relu((x - mean) * (scale / jnp.sqrt(variance + 1e-5)) + bias)
        return jnp.sum(max_over_time(x) ** 2) + jnp.sum(jnp.mean(x, axis=1) ** 2)

    arguments = (jnp.ones((1, 1, 128)), jnp.zeros((1, 1, 128)), x)
    gradient = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*arguments)
    compiled = gradient.compile(supported({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": True}))
    assert all(np.isfinite(part).all() for part in compiled(*arguments))


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
