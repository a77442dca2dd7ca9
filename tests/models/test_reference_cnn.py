"""The reference CNN: its parameters counted by hand, its shapes, its dropout."""

import jax
import numpy as np
import pytest

from cardiax.models.reference_cnn import ReferenceCNN

BEATS = jax.random.uniform(jax.random.key(0), (3, 187, 1))
SMALL = ReferenceCNN(2, channels=(4, 3), widths=(8,))


@pytest.mark.parametrize(("outputs", "total"), [(1, 1_682_961), (2, 1_683_178), (5, 1_683_829)])
def test_parameters_by_hand(outputs, total):
    shapes = jax.eval_shape(lambda: ReferenceCNN(outputs).init(jax.random.key(0), BEATS, train=False))
    pooled = (187 + 2 - 3) // 2 + 1
    by_hand = {
        "Conv_0": (3 * 1 + 1) * 128,
        "Conv_1": (3 * 128 + 1) * 64,
        "Conv_2": (3 * 64 + 1) * 32,
        "Dense_0": (pooled * 32 + 1) * 512,
        "Dense_1": (512 + 1) * 216,
        "Dense_2": (216 + 1) * outputs,
    }
    counts = {name: sum(leaf.size for leaf in layer.values()) for name, layer in shapes["params"].items()}
    assert counts == by_hand
    assert sum(counts.values()) == total


def test_logits_of_a_hand_written_forward_pass():
    """The same network from its definition in numpy: catches a wrong padding, slope, pool or flattening order."""
    variables = SMALL.init(jax.random.key(1), BEATS, train=False)
    layers = {name: (np.asarray(p["kernel"]), np.asarray(p["bias"])) for name, p in variables["params"].items()}
    x = np.asarray(BEATS)
    for name in ("Conv_0", "Conv_1"):
        kernel, bias = layers[name]
        padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        x = sum(padded[:, i : i + 187] @ kernel[i] for i in range(3)) + bias
        x = np.where(x > 0, x, 0.001 * x)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=-np.inf)
    x = np.stack([padded[:, 2 * i : 2 * i + 3].max(axis=1) for i in range(94)], axis=1).reshape(3, -1)
    x = x @ layers["Dense_0"][0] + layers["Dense_0"][1]
    x = np.where(x > 0, x, 0.001 * x)
    expected = x @ layers["Dense_1"][0] + layers["Dense_1"][1]
    np.testing.assert_allclose(SMALL.apply(variables, BEATS, train=False), expected, rtol=1e-4, atol=1e-5)


def test_dropout_only_in_training():
    variables = SMALL.init(jax.random.key(1), BEATS, train=False)
    quiet = SMALL.apply(variables, BEATS, train=False)
    keys = [{"dropout": jax.random.key(i)} for i in range(2)]
    first, other = (SMALL.apply(variables, BEATS, train=True, rngs=key) for key in keys)
    assert quiet.shape == first.shape == (3, 2)
    assert np.all(first != other)
    np.testing.assert_array_equal(first, SMALL.apply(variables, BEATS, train=True, rngs=keys[0]))
