"""The 2-D CNN on fields: its parameters by hand, and that it sees what pyts and a plain pool would show it."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.ecg.augmentation import gramian_angular_field
from cardiax.models.reference_field_cnn import FieldCNN, _pool

BEATS = jax.random.uniform(jax.random.key(0), (2, 187, 1))


@pytest.mark.parametrize(
    ("channels", "outputs", "total"), [((128, 64, 32), 2, 205_726_186), ((64, 32, 16), 5, 102_896_581)]
)
def test_parameters_by_hand(channels, outputs, total):
    shapes = jax.eval_shape(lambda: FieldCNN(outputs, channels).init(jax.random.key(0), BEATS, train=False))
    first, second, third = channels
    convolutions = 10 * first + (9 * first + 1) * second + (9 * second + 1) * third
    dense = (112 * 112 * third + 1) * 512 + (512 + 1) * 216 + (216 + 1) * outputs
    counted = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert counted == convolutions + dense == total


@pytest.mark.parametrize("size", [6, 7])
def test_the_pool_is_flaxs(size):
    x = jax.random.normal(jax.random.key(1), (2, size, size, 3))
    found = jnp.swapaxes(_pool(jnp.swapaxes(_pool(x), 1, 2)), 1, 2)
    np.testing.assert_array_equal(found, nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1))))


def test_a_small_network_steps_and_sees_the_field():
    model = FieldCNN(3, channels=(4, 4, 2), widths=(8, 8), size=16)
    variables = jax.jit(partial(model.init, train=False))(jax.random.key(0), BEATS)
    seen = []

    def note(next_fun, args, kwargs, context):
        if isinstance(context.module, nn.Conv) and not seen:
            seen.append(args[0])
        return next_fun(*args, **kwargs)

    with nn.intercept_methods(note):
        logits = model.apply(variables, BEATS, train=False)
    assert logits.shape == (2, 3)
    np.testing.assert_array_equal(seen[0][..., 0], gramian_angular_field(BEATS[..., 0], 16))
    gradient = jax.jit(
        jax.grad(lambda v: model.apply(v, BEATS, train=True, rngs={"dropout": jax.random.key(2)}).sum())
    )(variables)
    assert all(np.isfinite(leaf).all() and np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))
