"""The loss: a value worked by hand, then jit, gradient, smoothing and shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from cardiax.losses import cross_entropy, mean_huber

LOGITS = np.array([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0], [0.1, 0.2, 0.3], [-4.0, 4.0, 0.0]], np.float32)
LABELS = np.array([2, 1, 0, 1], np.int32)


def test_value_by_hand():
    logits = jnp.log(jnp.array([[1.0, 3.0], [1.0, 3.0]]))  # probabilities 1/4 and 3/4
    loss = cross_entropy(logits, jnp.array([0, 1]))
    np.testing.assert_allclose(loss, [np.log(4), np.log(4 / 3)], rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients(smoothing):
    check_grads(lambda logits: cross_entropy(logits, LABELS, smoothing), (LOGITS,), order=1, rtol=1e-2)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothing_is_cross_entropy_against_the_smoothed_target(smoothing):
    target = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
    probabilities = np.exp(LOGITS.astype(np.float64))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    expected = -(target * np.log(probabilities)).sum(axis=1)
    np.testing.assert_allclose(cross_entropy(LOGITS, LABELS, smoothing), expected, rtol=1e-5)


def test_large_logits_stay_finite():
    np.testing.assert_allclose(cross_entropy(jnp.array([[1e4, 0.0]]), jnp.array([1])), [1e4])


def test_a_label_above_the_range_is_nan_not_a_small_loss():
    assert np.isnan(cross_entropy(LOGITS[:1], jnp.array([3])))[0]


def test_huber_by_hand():
    # Errors 0.5, 3 and none: 0.25/2, 3 - 1/2; the NaN neither counts nor pulls.
    prediction, target = jnp.array([[7.5, 10.0, 9.0]]), jnp.array([[7.0, 7.0, jnp.nan]])
    np.testing.assert_allclose(mean_huber(prediction, target, 1.0), [(0.125 + 2.5) / 2])
    np.testing.assert_allclose(mean_huber(prediction, target, 4.0), [(0.25 / 8 + 9 / 8) / 2])
    gradient = jax.grad(lambda x: mean_huber(x, target, 1.0)[0])(prediction)
    np.testing.assert_allclose(gradient, [[0.25, 0.5, 0.0]])


def test_huber_of_an_example_without_a_target_is_nothing():
    loss = mean_huber(jnp.ones((2, 3, 4)), jnp.stack([jnp.zeros((3, 4)), jnp.full((3, 4), jnp.nan)]), 1.0)
    np.testing.assert_allclose(loss, [0.5, 0.0])
    one = jnp.full((3, 4), jnp.nan).at[1, 2].set(0.0)  # of which the mean is its own loss
    np.testing.assert_allclose(mean_huber(jnp.ones((1, 3, 4)), one[None], 1.0), [0.5])
    with pytest.raises(ValueError, match="one shape"):
        mean_huber(jnp.ones((2, 3)), jnp.ones(2), 1.0)
