"""Conformal quantiles: by hand, and their coverage of further draws."""

import numpy as np
import pytest

from cardiax.stats.conformal import conformal_quantile


def test_the_quantile_by_hand():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert conformal_quantile(scores, 0.9) == 18  # the 18th of 19, since 20 · 0.9 = 18
    assert conformal_quantile(scores[scores < 19], 0.9) == 18  # the 18th of 18, since 19 · 0.9 = 17.1
    assert conformal_quantile(np.arange(1.0, 10.0), 0.9) == 9
    assert conformal_quantile(np.arange(1.0, 9.0), 0.9) == np.inf  # eight scores bound no ninth at 90 %
    assert conformal_quantile(np.arange(1.0, 100.0), 0.99) == 99


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_quantile_is_that_of_numpy_for_scores_of_any_size(level, random):
    scores = np.abs(random.normal(size=(37, 3))) * [1e-310, 1.0, 1e300]
    expected = np.quantile(scores, np.ceil(38 * level) / 37, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(conformal_quantile(scores, level), expected)
    assert conformal_quantile(np.full(37, 2.5), level) == 2.5


def test_a_missing_score_is_left_out_site_by_site():
    scores = np.stack([np.arange(1.0, 20.0), np.full(19, np.nan), np.arange(19.0)], axis=1)
    scores[9:, 2] = np.nan
    np.testing.assert_array_equal(conformal_quantile(scores, 0.9), [18, np.inf, 8])


@pytest.mark.parametrize("count", [20, 100])
def test_a_further_draw_is_inside_as_often_as_stated(count):
    draws = np.random.default_rng(1).standard_cauchy((count + 1, 40_000)) ** 2
    inside = np.mean(draws[-1] <= conformal_quantile(draws[:-1], 0.9))
    exact = np.ceil((count + 1) * 0.9) / (count + 1)  # of continuous draws
    assert exact >= 0.9
    assert inside == pytest.approx(
        exact, abs=4 * np.sqrt(0.09 / 40_000)
    )  # 0.006; one rank more or less is 0.01 or more
