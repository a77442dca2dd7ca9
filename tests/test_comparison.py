"""The paired bootstrap against values worked by hand and against SciPy."""

import numpy as np
import pytest
from scipy import stats

from cardiax.comparison import difference_interval, resampled_figures, stands_out

RANDOM = np.random.default_rng(0)


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def as_sums(errors):
    return np.stack([errors, np.ones_like(errors)], axis=1)


def test_the_interval_of_a_difference_is_scipys_paired_bootstrap():
    difficulty = RANDOM.gamma(2.0, 3.0, 400)
    ours, theirs = (difficulty + RANDOM.normal(shift, 0.5, 400) for shift in (0.0, 0.3))
    figures = resampled_figures([as_sums(ours), as_sums(theirs)], mean, resamples=4000)
    low, high = difference_interval(figures[:, :1], figures[:, 1:])
    wanted = stats.bootstrap((ours - theirs,), np.mean, method="percentile", n_resamples=4000, rng=1)
    assert (low, high) == pytest.approx(tuple(wanted.confidence_interval), abs=0.01)
    # Paired, a difference of 0.3 stands out from a difficulty that spreads by 4; unpaired it would not.
    assert high < 0
    assert stats.ttest_ind(ours, theirs).pvalue > 0.05


def test_patients_are_drawn_whole():
    groups = np.repeat(np.arange(5), 100)
    errors = np.repeat([0.0, 0.0, 0.0, 0.0, 10.0], 100)
    figures = resampled_figures([as_sums(errors)], mean, groups)
    # A mean over five patients one of which has 10: 2 k for the k times that it is drawn, 0 … 5.
    assert set(np.unique(figures.round(6))) <= {0.0, 2.0, 4.0, 6.0, 8.0, 10.0}
    assert np.mean(figures == 0) == pytest.approx(0.8**5, abs=0.03)


def test_the_same_cases_are_drawn_for_every_system_and_every_call():
    errors = RANDOM.random(50)
    twice = resampled_figures([as_sums(errors), as_sums(errors)], mean, resamples=300)
    assert np.array_equal(twice[:, 0], twice[:, 1])
    once = resampled_figures([as_sums(errors)], mean, resamples=300)
    np.testing.assert_allclose(once[:, 0], twice[:, 0], rtol=1e-6)
    assert np.ptp(once) > 0


def test_runs_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="same cases"):
        resampled_figures([as_sums(np.ones(3)), as_sums(np.ones(4))], mean)
    with pytest.raises(ValueError, match="same cases"):
        resampled_figures([as_sums(np.ones(3))], mean, np.zeros(2))


def test_only_a_system_beyond_chance_stands_out():
    chance = RANDOM.normal(0, 1, (2000, 2))
    assert stands_out([chance, chance + 5, chance + 2], higher_is_better=True) == 1
    assert stands_out([chance, chance + 5, chance + 2], higher_is_better=False) == 0
    noisy = RANDOM.normal(0, 1, (2000, 2))
    assert stands_out([chance, noisy + 0.1], higher_is_better=True) is None
    assert stands_out([chance], higher_is_better=True) is None
    # The mean over seeds counts: here one seed is far better and the other as much worse.
    assert stands_out([chance + np.array([5.0, -5.0]), chance], higher_is_better=True) is None
