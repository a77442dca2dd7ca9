"""The losses: values worked by hand, then values and gradients against NumPy in float64, smoothing and shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from cardiax.config import with_overrides
from cardiax.losses import cross_entropy, mean_huber
from cardiax.recipes import recipe
from cardiax.tasks import TASKS

LOGITS = np.array([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0], [0.1, 0.2, 0.3], [-4.0, 4.0, 0.0]], np.float32)
LABELS = np.array([2, 1, 0, 1], np.int32)
EPS = np.finfo(np.float32).eps
SCALES = (1e-42, 1e-20, 1.0, 100.0, 1e30)
"""Of values: denormal in float32, tiny, usual, large and huge."""


def cross_entropy_64(logits, labels, smoothing):
    """The loss (B,) and its gradient (B, C), in float64, from the smoothed target distribution."""
    logits = np.asarray(logits, np.float64)
    target = (1 - smoothing) * np.eye(logits.shape[1])[labels] + smoothing / logits.shape[1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(target * log_p).sum(axis=1), np.exp(log_p) - target


def huber_64(prediction, target, delta):
    """The loss (B,) and its gradient, in float64, with a loop over the elements."""
    losses, gradients = [], np.zeros(prediction.shape)
    for case, (ours, true) in enumerate(zip(prediction.astype(float), target.astype(float), strict=True)):
        known = [index for index in np.ndindex(true.shape) if not np.isnan(true[index])]
        total = 0.0
        for index in known:
            error = ours[index] - true[index]
            total += error**2 / (2 * delta) if abs(error) <= delta else abs(error) - delta / 2
            gradients[(case, *index)] = np.clip(error / delta, -1, 1) / len(known)
        losses.append(total / max(len(known), 1))
    return np.array(losses), gradients


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_and_its_gradient_are_those_of_float64(scale, smoothing, random):
    logits = np.concatenate([scale * random.normal(size=(20, 5)), np.full((2, 5), scale)]).astype(np.float32)
    labels = np.arange(22) % 5
    losses, gradients = cross_entropy_64(logits, labels, smoothing)
    found, back = jax.vjp(lambda one: cross_entropy(one, labels, smoothing), jnp.asarray(logits))
    (gradient,) = back(jnp.ones(22))
    np.testing.assert_allclose(found, losses, rtol=8 * EPS, atol=8 * EPS * max(np.abs(logits).max(), 1))
    np.testing.assert_allclose(gradient, gradients, atol=8 * EPS * np.clip(np.abs(logits).max(), 1, 100))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("delta", [1.0, 5.0])
def test_huber_and_its_gradient_are_those_of_float64(scale, delta, random):
    prediction, target = (scale * random.normal(size=(2, 4, 6, 3))).astype(np.float32)
    target[1, 2:] = np.nan
    target[2] = np.nan
    prediction[3] = scale  # a constant signal
    losses, gradients = huber_64(prediction, target, delta)
    found, back = jax.vjp(lambda one: mean_huber(one, jnp.asarray(target), delta), jnp.asarray(prediction))
    (gradient,) = back(jnp.ones(4))
    # XLA takes what float32 holds as denormal for 0, and so the squares of the smallest errors.
    np.testing.assert_allclose(found, losses, rtol=16 * EPS, atol=np.finfo(np.float32).tiny)
    np.testing.assert_allclose(gradient, gradients, rtol=16 * EPS, atol=EPS / 9)  # of at most 1 / 9


@pytest.mark.parametrize("scale", SCALES)
def test_the_training_loss_of_weighted_classes_and_its_gradient_are_those_of_float64(scale, random):
    config = with_overrides(recipe("arrhythmia"), {"balance": "weights", "balance_power": 0.5, "label_smoothing": 0.1})
    targets = np.repeat(np.arange(5), [50, 5, 20, 3, 22])
    loss = TASKS["arrhythmia"].training_loss(config, targets)
    logits, labels = (scale * random.normal(size=(10, 5))).astype(np.float32), np.arange(10) % 5
    shares = np.bincount(targets) / len(targets)
    weights = shares**-0.5 / np.sum(shares * shares**-0.5)  # of mean 1 over the training examples
    losses, gradients = cross_entropy_64(logits, labels, 0.1)
    found, back = jax.vjp(lambda one: loss(one, jnp.asarray(labels)), jnp.asarray(logits))
    (gradient,) = back(jnp.ones(10))
    np.testing.assert_allclose(
        found, weights[labels] * losses, rtol=8 * EPS, atol=40 * EPS * max(np.abs(logits).max(), 1)
    )
    expected = weights[labels][:, None] * gradients
    np.testing.assert_allclose(gradient, expected, atol=40 * EPS * np.clip(np.abs(logits).max(), 1, 100))


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
