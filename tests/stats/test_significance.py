"""Which system is better beyond chance: against SciPy, by hand, and how often equal systems are told apart."""

import numpy as np
import pytest
from scipy import stats

from cardiax.stats.significance import beats_chance, independent_units, resampled_figures, stands_out

MANY = 1e9
"""Cases with which t is as good as normal."""


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def as_sums(errors):
    return np.stack([errors, np.ones_like(errors)], axis=1)


def test_of_equal_seeds_it_is_a_paired_test_of_the_cases(random):
    difficulty = random.gamma(2.0, 3.0, 400)
    ours, theirs = (difficulty + random.normal(shift, 0.5, 400) for shift in (0.0, 0.05))
    figures = resampled_figures([as_sums(ours)] * 2 + [as_sums(theirs)] * 2, mean, resamples=4000)
    found = beats_chance(figures[:, :2], figures[:, 2:], MANY)
    assert found == pytest.approx(stats.ttest_rel(ours, theirs).pvalue, abs=0.02)
    # A difference of 0.05 is seen against a difficulty that spreads by 4; unpaired it would not be.
    assert found < stats.ttest_ind(ours, theirs).pvalue / 2


def test_where_cases_leave_no_doubt_it_is_welchs_test_of_the_seeds():
    ours, theirs = np.array([0.91, 0.93, 0.92]), np.array([0.90, 0.88, 0.95, 0.89])
    expected = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
    assert beats_chance(np.tile(ours, (50, 1)), np.tile(theirs, (50, 1)), MANY) == pytest.approx(expected, rel=1e-6)


def table_of(random, systems, cases, deviation, gains=(), seeds=3):
    """Which system of one simulated table is called better: each answers right with probability 0.9 + a seed's own."""
    chances = 0.9 + np.asarray([*gains, *[0.0] * (systems - len(gains))])[:, None]
    chances = chances + deviation * random.normal(size=(systems, seeds))
    hard = random.random(cases)  # the same cases are hard for all
    noise = random.random((systems, seeds, cases))
    right = np.where(noise < 0.5, hard, random.random((systems, seeds, cases))) < chances[..., None]
    figures = resampled_figures([as_sums(run) for run in right.reshape(-1, cases)], mean, resamples=60)
    return stands_out(np.split(figures, systems, axis=1), higher_is_better=True, units=cases)


@pytest.mark.parametrize(("systems", "deviation"), [(2, 0.01), (2, 0.0), (5, 0.01)])
def test_equal_systems_rarely_stand_out(random, systems, deviation):
    alarms = [table_of(random, systems, 300, deviation) is not None for _ in range(300)]
    assert np.mean(alarms) <= 0.05


def table_over_records(random, systems, records, seeds=3):
    """Do as `table_of`, where a system is better in some records and worse in others, and a few have most cases."""
    groups = random.choice(records, size=400, p=random.dirichlet(np.full(records, 0.7)))
    strength = 0.8 * random.normal(size=(systems, 1, records)) + random.normal(size=records)
    chances = 1 / (1 + np.exp(-2 - strength - 0.03 * random.normal(size=(systems, seeds, 1))))
    right = random.random((systems, seeds, 400)) < chances[..., groups]
    figures = resampled_figures([as_sums(run) for run in right.reshape(-1, 400)], mean, groups, resamples=100)
    units = independent_units(np.ones((400, 1)), groups)
    return stands_out(np.split(figures, systems, axis=1), higher_is_better=True, units=units)


@pytest.mark.parametrize(("systems", "records"), [(2, 8), (2, 22), (5, 22)])
def test_equal_systems_rarely_stand_out_over_records(random, systems, records):
    alarms = [table_over_records(random, systems, records) is not None for _ in range(800)]
    assert np.mean(alarms) <= 0.05


def test_equal_systems_rarely_stand_out_where_one_record_has_most_of_a_class(random):
    groups = np.repeat(np.arange(22), 20)
    rare = random.random(440) < np.where(groups == 0, 0.9, 0.015)
    weights = np.stack([rare, ~rare], axis=1).astype(float)
    alarms = []
    for _ in range(400):
        strength = 2 * random.normal(size=(2, 1, 22)) + 0.02 * random.normal(size=(2, 3, 1))
        right = random.random((2, 3, 440)) < 1 / (1 + np.exp(-1 - strength[..., groups]))
        runs = [np.concatenate([weights * one[:, None], weights], axis=1) for one in right.reshape(6, 440)]
        figures = resampled_figures(runs, mean_recall, groups, resamples=60)
        units = independent_units(weights, groups)
        alarms.append(stands_out(np.split(figures, 2, axis=1), higher_is_better=True, units=units) is not None)
    assert np.mean(alarms) <= 0.05


def mean_recall(sums):
    """The mean recall of two classes, of the numbers right (..., 2) and of all (..., 2)."""
    return (sums[..., :2] / np.maximum(sums[..., 2:], 1)).mean(axis=-1)


def test_records_of_unequal_size_count_as_fewer():
    assert independent_units(np.ones((7, 1)), None) == 7
    assert independent_units(np.ones((6, 1)), np.array(["a", "b", "c"] * 2)) == 3
    assert independent_units(np.ones((6, 1)), np.array([0, 0, 0, 0, 1, 2])) == 36 / 18  # (4 + 1 + 1)² / (4² + 1² + 1²)
    # The second class has fewer, (1 + 3)² / (1² + 3²), and the last has no case.
    one_hot = np.eye(3)[[0, 0, 0, 0, 1, 0, 1, 1, 1]]
    assert independent_units(one_hot, np.array([0, 0, 1, 1, 0, 2, 2, 2, 2])) == pytest.approx(16 / 10)


def test_a_single_record_tells_nothing_of_others(random):
    runs = [as_sums(random.random(50) + shift) for shift in (0, 0, 1, 1)]
    groups = np.zeros(50)
    figures = resampled_figures(runs, mean, groups, resamples=20)
    assert beats_chance(figures[:, :2], figures[:, 2:], independent_units(np.ones((50, 1)), groups)) == 1


def test_a_better_system_stands_out(random):
    found = [table_of(random, 4, 1000, 0.003, gains=(0.0, 0.05)) for _ in range(30)]
    assert found.count(1) >= 25
    assert set(found) <= {1, None}


def test_patients_are_drawn_whole():
    groups = np.repeat(np.arange(5), 100)
    errors = np.repeat([0.0, 0.0, 0.0, 0.0, 10.0], 100)
    figures = resampled_figures([as_sums(errors)], mean, groups)
    # A mean over five patients one of which has 10: 2 k for the k times that it is drawn, 0 … 5.
    assert set(np.unique(figures.round(6))) <= {0.0, 2.0, 4.0, 6.0, 8.0, 10.0}
    assert np.mean(figures == 0) == pytest.approx(0.8**5, abs=0.03)


def test_the_same_cases_are_drawn_for_every_system_and_every_call(random):
    errors = random.random(50)
    twice = resampled_figures([as_sums(errors), as_sums(errors)], mean, resamples=300)
    assert np.array_equal(twice[:, 0], twice[:, 1])
    once = resampled_figures([as_sums(errors)], mean, resamples=300)
    np.testing.assert_allclose(once[:, 0], twice[:, 0], rtol=1e-6)
    assert np.ptp(once) > 0


def test_runs_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="must match exactly"):
        resampled_figures([as_sums(np.ones(3)), as_sums(np.ones(4))], mean)
    with pytest.raises(ValueError, match="not broadcastable"):
        resampled_figures([as_sums(np.ones(3))], mean, np.zeros(2))


def test_only_a_system_beyond_chance_stands_out(random):
    chance = random.normal(0, 1, (2000, 2))
    assert stands_out([chance, chance + 5, chance + 2], higher_is_better=True, units=MANY) == 1
    assert stands_out([chance, chance + 5, chance + 2], higher_is_better=False, units=MANY) == 0
    noisy = random.normal(0, 1, (2000, 2))
    assert stands_out([chance, noisy + 0.1], higher_is_better=True, units=MANY) is None
    assert stands_out([chance], higher_is_better=True, units=MANY) is None
    # The mean over seeds counts: here one seed is far better and the other as much worse.
    assert stands_out([chance + np.array([5.0, -5.0]), chance], higher_is_better=True, units=MANY) is None
    # One seed tells nothing of the others (p is 1), and a figure that is not finite nothing at all.
    assert beats_chance(chance[:, :1] + 5, chance, MANY) == 1
    assert stands_out([chance[:, :1] + 5, chance], higher_is_better=True, units=MANY) is None
    assert stands_out([chance + 5, chance[:, :1]], higher_is_better=True, units=MANY) is None
    assert stands_out([chance + np.inf, chance], higher_is_better=True, units=MANY) is None


def test_the_closest_rival_decides_and_holm_corrects_the_others():
    # Of seeds 0 and 2 ε apart, t with two degrees of freedom: p of the two comparisons is 0.02 and 0.04 by hand.
    def system(centre, half):
        return np.tile([centre - half, centre + half], (10, 1))

    best = system(0.0, 0.1)
    rivals = [system(-stats.t.isf(p / 2, 2) * np.sqrt(0.02), 0.1) for p in (0.02, 0.04)]
    assert [beats_chance(best, rival, MANY) for rival in rivals] == pytest.approx([0.02, 0.04])
    assert stands_out([best, *rivals], higher_is_better=True, units=MANY) == 0  # 2 · 0.02 and 0.04
    assert stands_out([best, rivals[1], rivals[1]], higher_is_better=True, units=MANY) is None  # 2 · 0.04


def test_few_cases_leave_few_degrees_of_freedom():
    # Equal seeds: nothing varies but the cases, and t has one degree of freedom less than there are of them. Resamples
    # of n cases have (n - 1)/n of the variance: differences of mean 1 and variance 1 are of a variance of 4/3 for four.
    draws = np.repeat([0.0, 1.0, 2.0], 2).reshape(3, 2)
    nothing = np.zeros((3, 2))
    assert beats_chance(draws, nothing, units=4) == pytest.approx(2 * stats.t.sf(np.sqrt(3 / 4), 3))
    assert beats_chance(nothing, draws, units=4) == pytest.approx(2 * stats.t.sf(np.sqrt(3 / 4), 3))
    assert beats_chance(draws, nothing, MANY) == pytest.approx(2 * stats.norm.sf(1), abs=1e-6)
    # Of 20 standard deviations four cases are certain to one in three thousand, and two are not.
    assert stands_out([draws + 19, nothing], higher_is_better=True, units=4) == 0
    assert stands_out([draws + 9, nothing], higher_is_better=True, units=2) is None


def test_variances_of_cases_and_of_seeds_add_up():
    # Cases: differences 0.5, 1.5, 2.5, variance 1, of ten cases 10/9. Seeds of ours 1 and 2: s²/n 1/4. So t is
    # 1.5 / √(10/9 + 1/4), of Welch's (10/9 + 1/4)² / ((10/9)²/9 + 0.25²/1) degrees of freedom.
    ours = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    total = 10 / 9 + 1 / 4
    expected = 2 * stats.t.sf(1.5 / np.sqrt(total), total**2 / ((10 / 9) ** 2 / 9 + 0.25**2))
    assert beats_chance(ours, np.zeros((3, 2)), units=10) == pytest.approx(expected)


def test_without_any_variance_a_difference_is_certain():
    same = np.full((5, 2), 0.9)
    assert beats_chance(same, same, MANY) == 1.0
    assert beats_chance(same, same - 0.1, MANY) == 0.0


def test_resamples_are_as_many_as_asked(random):
    errors = as_sums(random.random(20))
    first = resampled_figures([errors], mean, resamples=501)
    assert first.shape == (501, 1)
    assert len(np.unique(first)) > 490


def test_resamples_without_a_figure_are_left_out(random):
    figures = random.normal(0, 0.1, (500, 2))
    gaps = figures.copy()
    gaps[::7] = np.nan
    assert beats_chance(gaps + 1, figures, MANY) < 0.05
    assert stands_out([gaps + 1, figures], higher_is_better=True, units=MANY) == 0


def test_a_seed_without_a_figure_is_not_left_out(random):
    figures = random.normal(0, 0.1, (500, 2))
    broken = figures + np.array([1.0, np.nan])
    assert stands_out([broken, figures], higher_is_better=True, units=MANY) is None
