"""Calibration against values worked by hand, scikit-learn and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from cardiax.stats.calibration import (
    class_terms,
    coverage,
    error_by_spread,
    expected_calibration_error,
    rank_correlation,
    reliability,
    spread_and_error,
    spread_terms,
)
from cardiax.tasks import TASKS


def terms_of(probabilities, target):
    return np.asarray(class_terms(jnp.log(jnp.asarray(probabilities)), jnp.asarray(target)))


def test_terms_by_hand():
    terms = terms_of([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [0, 1])
    brier = [0.25 + 2 * 0.0625, 0.01 + 0.64 + 0.49]
    np.testing.assert_allclose(terms[:, 0], [np.log(2), np.log(5)], rtol=1e-6)
    np.testing.assert_allclose(terms[:, 1], brier, rtol=1e-6)
    np.testing.assert_allclose(terms[:, 2:], [[0.5, 1], [0.7, 0]], rtol=1e-6)


def test_means_are_scikit_learns(random):
    probabilities = random.dirichlet(np.ones(4), 200)
    target = random.integers(0, 4, 200)
    nll, brier, *_ = terms_of(probabilities, target).mean(axis=0)
    assert nll == pytest.approx(log_loss(target, probabilities, labels=range(4)), rel=1e-5)
    assert brier == pytest.approx(
        brier_score_loss(target, probabilities, labels=range(4), scale_by_half=False), rel=1e-5
    )


@pytest.mark.parametrize("scale", [1e-42, 1.0, 100.0, 1e30])
def test_terms_are_those_of_float64_for_any_size_of_logits(scale, random):
    logits = np.concatenate([scale * random.normal(size=(40, 4)), np.full((1, 4), scale)]).astype(np.float32)
    target = np.arange(41) % 4
    shifted = np.float64(logits) - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    normal = np.where(np.abs(logits) < np.finfo(np.float32).tiny, 0, logits)  # XLA takes denormals for 0
    expected = [
        [-log_p[i, t], sum((p[i, c] - (c == t)) ** 2 for c in range(4)), p[i].max(), normal[i].argmax() == t]
        for i, t in enumerate(target)
    ]
    found = np.asarray(class_terms(jnp.asarray(logits), jnp.asarray(target)))
    tolerance = 1e-6 * np.clip(np.abs(logits).max(), 1, 100)
    np.testing.assert_allclose(found[:, 1:], np.array(expected)[:, 1:], atol=tolerance)
    np.testing.assert_allclose(found[:, 0], np.array(expected)[:, 0], rtol=1e-6, atol=1e-6 * max(scale, 1))


def test_the_calibration_error_is_that_of_a_loop_over_the_bins(random):
    confidence, hit, weights = random.random(200), random.random(200) < 0.7, random.random(200)
    terms = np.stack([np.zeros(200), np.zeros(200), confidence, hit], axis=1).astype(np.float32)
    total = 0.0
    for bin in range(15):
        inside = [i for i in range(200) if bin / 15 < terms[i, 2] <= (bin + 1) / 15]
        mass = sum(weights[i] for i in inside)
        accuracy, mean = (sum(weights[i] * of[i] for i in inside) / max(mass, 1e-300) for of in (hit, terms[:, 2]))
        total += mass / weights.sum() * abs(accuracy - mean)
    found = expected_calibration_error(reliability(terms, weights=weights))
    assert found == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-42, 1.0, 1e15])
def test_spread_terms_are_those_of_float64(scale, random):
    outputs, target = (scale * random.normal(size=(5, 300))).astype(np.float32), np.full(300, np.float32(scale))
    found = np.asarray(spread_terms(jnp.asarray(outputs), jnp.asarray(target)))
    many = outputs.astype(np.float64)
    error, variance = many.mean(axis=0) - target, many.var(axis=0, ddof=1)
    tiny = np.finfo(np.float32).tiny  # XLA takes smaller values for 0
    np.testing.assert_allclose(found[:, 1:3], np.stack([error**2, variance], axis=1), rtol=2e-5, atol=tiny)
    for column, level in enumerate((0.5, 0.8, 0.95), start=3):
        limit = stats.t.ppf((1 + level) / 2, 4) * np.sqrt(variance * 6 / 5)
        clear = np.abs(np.abs(error) - limit) > 1e-5 * limit + tiny
        np.testing.assert_array_equal(found[clear, column], (np.abs(error) <= limit)[clear])


def test_the_calibration_error_by_hand():
    # Bins of a fifth: 0.6 and 0.55 in (0.4, 0.6], 0.95 in (0.8, 1]; gaps |1 − 1.15| and |0 − 0.95| over 3 examples.
    terms = np.array([[0, 0, 0.6, 1], [0, 0, 0.55, 0], [0, 0, 0.95, 0]])
    sums = reliability(terms, bins=5)
    np.testing.assert_allclose(sums, [[0, 0, 0], [0, 0, 0], [2, 1, 1.15], [0, 0, 0], [1, 0, 0.95]])
    assert expected_calibration_error(sums) == pytest.approx((0.15 + 0.95) / 3)
    rounded = np.array([[0, 0, np.nextafter(np.float32(1), np.float32(2)), 1]])  # a softmax in float32 may exceed 1
    assert reliability(rounded, bins=5)[:, 0].tolist() == [0, 0, 0, 0, 1]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_every_example_lies_in_one_bin_whose_bounds_hold_it(examples, bins):
    confidence, hit = np.transpose([(float(one), float(right)) for one, right in examples])
    terms = np.stack([np.zeros_like(hit), np.zeros_like(hit), confidence, hit], axis=1)
    sums = reliability(terms, bins)
    assert sums[:, 0].sum() == len(examples)
    assert sums[:, 1].sum() == hit.sum()
    means = sums[:, 2] / np.maximum(sums[:, 0], 1)
    upper = np.arange(1, bins + 1) / bins
    held = sums[:, 0] > 0
    assert np.all(means[held] <= upper[held] + 1e-12)
    assert np.all(means[held] >= upper[held] - 1 / bins - 1e-12)
    assert 0 <= expected_calibration_error(sums) <= 1


def test_calibrated_answers_have_little_error_and_overconfident_ones_their_gap(random):
    confidence = random.uniform(0.5, 1, 50_000)
    hit = random.random(50_000) < confidence
    honest = np.stack([0 * confidence, 0 * confidence, confidence, hit], axis=1)
    assert expected_calibration_error(reliability(honest)) < 0.01
    boastful = honest.copy()
    boastful[:, 2] = 1.0
    assert expected_calibration_error(reliability(boastful)) == pytest.approx(0.25, abs=0.01)


def test_spread_by_hand():
    # Members 1 and 3: mean 2, variance (1 + 1) / (2 − 1) = 2; a target of 2.9 is off by 0.9, 0.64 standard deviations.
    outputs = jnp.asarray([[1.0, 1.0, 5.0], [3.0, 3.0, 5.0]])
    terms = np.asarray(spread_terms(outputs, jnp.asarray([2.9, jnp.nan, 6.0])))
    np.testing.assert_allclose(terms[0], [1, 0.81, 2, 1, 1, 1], rtol=1e-5)
    np.testing.assert_array_equal(terms[1], np.zeros(6))
    np.testing.assert_allclose(terms[2], [1, 1, 0, 0, 0, 0])
    spread, error = spread_and_error(terms)
    np.testing.assert_allclose(spread, [np.sqrt(2), np.nan, 0], rtol=1e-5)
    np.testing.assert_allclose(error, [0.9, np.nan, 1], rtol=1e-5)
    np.testing.assert_array_equal(spread_and_error(np.stack([terms, terms])), np.stack([[spread] * 2, [error] * 2]))
    certain = spread_terms(jnp.full((2, 1), 5.0), jnp.full(1, 5.0))  # equal members that are right
    np.testing.assert_array_equal(certain, [[1, 0, 0, 1, 1, 1]])
    four = jnp.concatenate([outputs, outputs]).at[0, 0].set(jnp.nan)
    unknown = np.asarray(spread_terms(four, jnp.asarray([2.9, jnp.nan, 6.0])))
    assert not np.isfinite(unknown[0, 1:3]).any()  # a member that diverged is not left out
    assert np.isfinite(unknown[1:]).all()


def test_intervals_of_many_normal_members_hold_what_they_should(random):
    # Targets drawn as the members are: the interval of mean ± z s of 200 of them holds its nominal share.
    scale = random.uniform(0.1, 10, 4000).astype(np.float32)
    outputs = scale * random.normal(size=(200, 4000)).astype(np.float32)
    target = scale * random.normal(size=4000).astype(np.float32)
    terms = np.asarray(spread_terms(jnp.asarray(outputs), jnp.asarray(target)))
    np.testing.assert_allclose(coverage(terms.sum(axis=0)), [0.5, 0.8, 0.95], atol=0.03)
    spread, error = error_by_spread(terms, bins=8).T
    assert np.all(np.diff(spread) > 0)
    np.testing.assert_allclose(error, spread, rtol=0.15)


@pytest.mark.parametrize("members", [2, 3, 5, 10])
def test_a_calibrated_ensemble_of_few_members_holds_what_it_should(random, members):
    scale = random.uniform(0.1, 10, 20_000).astype(np.float32)
    drawn = scale * random.normal(size=(members + 1, 20_000)).astype(np.float32)
    terms = np.asarray(spread_terms(jnp.asarray(drawn[1:]), jnp.asarray(drawn[0])))
    np.testing.assert_allclose(coverage(terms.sum(axis=0, dtype=np.float64)), [0.5, 0.8, 0.95], atol=0.012)


def test_groups_of_like_spread_leave_out_what_has_no_target():
    terms = np.array([[1, 4, 1, 0, 0, 0], [1, 16, 9, 0, 0, 0], [0] * 6, [1, 36, 25, 0, 0, 0], [1, 64, 49, 0, 0, 0]])
    found = error_by_spread(terms, bins=2)
    np.testing.assert_allclose(found, [[np.sqrt(5), np.sqrt(10)], [np.sqrt(37), np.sqrt(50)]])
    assert error_by_spread(terms, bins=10).shape == (4, 2)


def test_the_rank_correlation_is_scipys_over_known_indices(random):
    first, second = random.random((2, 50))
    expected = stats.spearmanr(first, second).statistic
    for more in ((np.nan, 7.0), (7.0, np.nan)):
        assert rank_correlation(np.append(first, more[0]), np.append(second, more[1])) == pytest.approx(expected)
    two = first > 0.5  # two values are not constant
    assert rank_correlation(two, second) == pytest.approx(stats.spearmanr(two, second).statistic)
    assert np.isnan(rank_correlation(first, np.ones(50)))
    assert np.isnan(rank_correlation(np.full(3, np.nan), np.ones(3)))


def test_ensembles_average_probabilities_times_and_voltages():
    logits = jnp.log(jnp.asarray([[[0.9, 0.1]], [[0.3, 0.7]]])) + 5.0  # unnormalised
    np.testing.assert_allclose(jnp.exp(TASKS["heartbeat"].combine(logits)), [[0.6, 0.4]], rtol=1e-5)
    # A member that is sure to within float32 leaves the others' share, and no infinity.
    far = jnp.asarray([[[0.0, -300.0]], [[0.0, 0.0]]])
    np.testing.assert_allclose(TASKS["heartbeat"].combine(far), jnp.log(jnp.asarray([[0.75, 0.25]])), rtol=1e-5)
    times = jax.random.normal(jax.random.key(0), (3, 4, 75))
    np.testing.assert_allclose(TASKS["activation"].combine(times), np.mean(times, axis=0), rtol=1e-5, atol=1e-6)
