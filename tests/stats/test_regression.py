"""Errors with units: against values worked by hand, scikit-learn, and a plain bootstrap."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from cardiax.stats.regression import bootstrap_cases, error_sums, regression_metrics


def test_sums_by_hand():
    sums = error_sums(jnp.array([3.0, 1.0, jnp.nan, 2.0]), jnp.array([1.0, 1.0, jnp.nan, jnp.nan]))
    expected = [[1, 2, 4, 1, 1], [1, 0, 0, 1, 1], [0] * 5, [0] * 5]
    np.testing.assert_array_equal(sums, expected)
    metrics = regression_metrics(np.asarray(sums).sum(axis=0))
    assert metrics["mae"] == 1.0
    assert metrics["rmse"] == pytest.approx(np.sqrt(2))
    assert np.isnan(metrics["r2"])  # both targets are 1


@pytest.mark.parametrize("wrong", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_prediction_that_is_not_finite_has_no_error_that_is(wrong):
    sums = error_sums(jnp.array([1.0, wrong, 1.0]), jnp.array([0.0, 0.0, jnp.nan]))
    np.testing.assert_array_equal(sums[:, 0], [1, 1, 0])
    metrics = regression_metrics(np.asarray(sums).sum(axis=0))
    assert not any(np.isfinite(value) for value in metrics.values())
    assert not np.isfinite(bootstrap_cases(np.asarray(sums)[1:2], resamples=5)["mae"]).any()


@given(seed=st.integers(0, 2**31), size=st.integers(3, 200), bias=st.floats(-20, 20))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_metrics_are_scikit_learns(seed, size, bias):
    random = np.random.default_rng(seed)
    target = random.normal(80, 30, size).astype(np.float32)
    prediction = target + random.normal(bias, 5, size).astype(np.float32)
    metrics = regression_metrics(np.asarray(error_sums(prediction, target), np.float64).sum(axis=0))
    assert metrics["mae"] == pytest.approx(mean_absolute_error(target, prediction), rel=1e-5)
    assert metrics["rmse"] == pytest.approx(root_mean_squared_error(target, prediction), rel=1e-5)
    # Of sums of float32 terms the spread is known to about 1e-6 of the squares, however small it is.
    expected, spread = r2_score(np.float64(target), np.float64(prediction)), np.var(target, dtype=np.float64)
    tolerance = 1e-5 + 1e-6 * np.mean(np.float64(target) ** 2) / spread
    assert metrics["r2"] == pytest.approx(expected, abs=1e-6 + (1 - expected) * tolerance)


@pytest.mark.parametrize(("size", "finite"), [(1e-42, True), (1e-15, True), (1.0, True), (1e15, True), (1e30, False)])
def test_errors_of_any_size_are_those_of_float64_or_infinite(size, finite, random):
    prediction, target = (size * random.normal(size=(2, 50))).astype(np.float32)
    error = np.float64(prediction) - target
    metrics = regression_metrics(np.asarray(error_sums(jnp.asarray(prediction), jnp.asarray(target))).sum(axis=0))
    tiny = float(np.finfo(np.float32).tiny)  # XLA takes smaller values for 0
    assert metrics["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5, abs=tiny)
    expected = np.sqrt(np.mean(error**2)) if finite else np.inf  # float32 holds squares up to those of 1.8e19
    assert metrics["rmse"] == pytest.approx(expected, rel=1e-5, abs=np.sqrt(tiny))
    if not finite:
        assert np.isnan(metrics["r2"])
    same = regression_metrics(np.asarray(error_sums(jnp.full(9, size), jnp.full(9, size))).sum(axis=0))
    assert (same["mae"], same["rmse"]) == (0, 0)  # a constant signal, whose R² is not defined
    assert np.isnan(same["r2"])


def test_a_group_without_elements_has_no_figures():
    metrics = regression_metrics(np.zeros((2, 5)))
    assert all(np.isnan(values).all() for values in metrics.values())


def test_intervals_are_those_of_drawing_cases_again():
    random = np.random.default_rng(1)
    errors = random.normal(0, 1, (40, 7)) * random.uniform(0.5, 3, (40, 1))
    sums = np.asarray(error_sums(jnp.asarray(errors, jnp.float32), jnp.zeros((40, 7))))
    intervals = bootstrap_cases(sums.sum(axis=1), resamples=4000)
    drawn = [np.abs(errors[random.integers(0, 40, 40)]).mean() for _ in range(4000)]
    np.testing.assert_allclose(intervals["mae"], np.quantile(drawn, [0.025, 0.975]), rtol=0.02)
    assert bootstrap_cases(sums)["mae"].shape == (2, 7)


def test_resamples_without_a_figure_are_left_out():
    sums = np.zeros((3, 5))
    sums[0] = [2, 4, 8, 0, 0]  # of three cases one has elements, errors of 2 and 2: its mean error wherever it is drawn
    np.testing.assert_array_equal(bootstrap_cases(sums, resamples=50)["mae"], [2, 2])
