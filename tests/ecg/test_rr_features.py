"""A beat against its own record, by hand."""

import chex
import jax
import numpy as np
import pytest

from cardiax.ecg.rr_features import RR_FEATURES, against_median_beat, beat_intervals, rr_features

TIMES = np.array([0.0, 1.0, 2.0, 2.5, 4.5, 5.5, 6.5])
"""s: one beat comes after half an interval, and the next after two."""


def intervals(times):
    between = np.diff(times)
    before, after = np.append(between[:1], between), np.append(between, between[-1:])
    return np.stack([before, after, np.full(len(times), 1.25)], axis=1).astype(np.float32)


def test_intervals_by_hand():
    found = beat_intervals(np.array([0.0, 1.0, 1.5, 3.5]))
    np.testing.assert_allclose(found[:, 0], [1.0, 1.0, 0.5, 2.0])  # the first has none before
    np.testing.assert_allclose(found[:, 1], [1.0, 0.5, 2.0, 2.0])  # the last has none after
    np.testing.assert_allclose(found[:, 2], 3.5 / 3)
    spans = np.arange(1.0, 31.0) ** 2
    long = beat_intervals(np.cumsum(spans))
    np.testing.assert_allclose(long[15, 2], spans[11:21].mean())  # five before, five after


def test_the_features_of_a_premature_beat():
    found = rr_features(intervals(TIMES), np.full(7, 100))
    assert found.shape == (7, len(RR_FEATURES)) == (7, 22)
    assert found.dtype == np.float32
    # Of beat 3: intervals 1, 1, 1 and its own 0.5 before, then 2, 1, 1 and, beyond the end, 1; their median is 1.
    half, double = np.log(0.5), np.log(2.0)
    np.testing.assert_allclose(found[3, :8], [0, 0, 0, half, double, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[3, 8:10], np.log([0.5 / 1.25, 2 / 1.25]), rtol=1e-5)
    # Intervals before the beats: 1, 1, 1, 0.5, 2, 1, 1; their mean is 7.5 / 7.
    np.testing.assert_allclose(found[:, 11:13], np.broadcast_to([0, np.log(7.5 / 7)], (7, 2)), atol=1e-6)
    # Their logarithms are five 0 and ± ln 2: of mean 0 and variance 2 ln² 2 / 7.
    np.testing.assert_allclose(found[:, 13], np.log(0.02 + np.log(2) * np.sqrt(2 / 7)), rtol=1e-5)
    # Around any of seven beats lie all seven and 14 times the first or last, which are 0.
    np.testing.assert_allclose(found[:, 10], np.log(0.02 + np.log(2) * np.sqrt(2 / 21)), rtol=1e-5)


def test_the_names_stand_in_the_order_of_the_columns():
    found = dict(zip(RR_FEATURES, rr_features(intervals(TIMES), np.full(7, 100))[3], strict=True))
    assert len(found) == 22
    # As in the test above: the beat's own interval is half the median, and the next one twice.
    assert found["log_rr+0_over_median"] == pytest.approx(np.log(0.5), rel=1e-5)
    assert found["log_rr+1_over_median"] == pytest.approx(np.log(2), rel=1e-5)
    assert found["log_rr_before_over_local_mean"] == pytest.approx(np.log(0.5 / 1.25), rel=1e-5)
    assert found["log_median_s"] == pytest.approx(0, abs=1e-6)
    assert found["log_deviation_of_record"] == pytest.approx(np.log(0.02 + np.log(2) * np.sqrt(2 / 7)), rel=1e-5)
    # More than half of the intervals are equal, so that the quartiles are and the spread is 0.03.
    assert found["prematurity_before_by_median"] == pytest.approx(np.arcsinh(np.log(0.5) / 0.03) / 2, rel=1e-5)
    assert found["prematurity_after_by_median"] == pytest.approx(np.arcsinh(np.log(2) / 0.03) / 2, rel=1e-5)
    assert found["half_log_spread_of_21"] == pytest.approx(np.log(0.03) / 2, rel=1e-5)


def test_how_early_a_beat_is_for_its_rhythm():
    # Before the beats: eight intervals of 0.8 and, in turn, four of 0.8 e^0.1 and four of 0.8 e^-0.1, then one of 0.4.
    logarithms = np.log(0.8) + np.array([0, 0.1, 0, -0.1] * 4)
    before = np.exp(np.append(logarithms, np.log(0.4)))
    after = np.append(before[1:], 0.8)
    found = rr_features(np.stack([before, after, np.full(17, 0.8)], axis=1), np.full(17, 223))[16]
    # Against the median, 0: the quartiles are the 5th and the 13th of 17, and 0.8 of the way is between 13th and 14th.
    quartiles = np.sort(np.append(logarithms, np.log(0.4)) - np.log(0.8))[[4, 12]]
    spread, longest = 0.03 + (quartiles[1] - quartiles[0]) / 1.349, 0.1 * (0.8 * 16 - 12)
    own = np.log(0.5)
    np.testing.assert_allclose(found[14], np.arcsinh(own / spread) / 2, rtol=1e-5)
    np.testing.assert_allclose(found[15], np.arcsinh((own - longest) / spread) / 2, rtol=1e-5)
    np.testing.assert_allclose(found[16], 0, atol=1e-6)  # the next interval is the usual one
    np.testing.assert_allclose(found[19:21], [own - longest, -longest], rtol=1e-5)


def test_every_feature_is_that_of_its_definition():
    """Of 40 beats, one after a tenth of the usual interval and one after ten times it, in loops and by name."""
    spans = 0.8 * np.exp(np.random.default_rng(0).normal(0, 0.2, 40))
    spans[12], spans[30] = 0.08, 8.0
    intervals = beat_intervals(np.cumsum(spans))
    features = dict(zip(RR_FEATURES, rr_features(intervals, np.zeros(40)).T, strict=True))
    before, after, local = intervals.astype(np.float64).T
    median = np.median(before)
    own, following = (np.log(np.clip(one / median, 0.2, 5.0)) for one in (before, after))
    series = [*own, following[-1]]  # and its ends beyond them

    def spread(values):
        return 0.03 + np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349

    for i in range(40):
        eight = {f"log_rr{k:+d}_over_median": series[min(max(i + k, 0), 40)] for k in range(-3, 5)}
        around = [own[min(max(i + k, 0), 39)] for k in range(-10, 11)]
        expected = eight | {
            "log_rr_before_over_local_mean": np.log(before[i] / local[i]),
            "log_rr_after_over_local_mean": np.log(after[i] / local[i]),
            "log_deviation_of_21": np.log(0.02 + np.std(around)),
            "log_median_s": np.log(median),
            "log_mean_over_median": np.log(before.mean() / median),
            "log_deviation_of_record": np.log(0.02 + np.std(own)),
            "log_rr_before_over_quantile": own[i] - np.quantile(own, 0.8),
            "log_rr_after_over_quantile": following[i] - np.quantile(own, 0.8),
            "half_log_spread_of_21": np.log(spread(around)) / 2,
        }
        for which, one in (("before", own[i]), ("after", following[i])):
            early = {"median": one, "quantile": one - np.quantile(own, 0.8)}
            expected |= {f"prematurity_{which}_by_{name}": np.arcsinh(x / spread(own)) / 2 for name, x in early.items()}
            of_21 = np.arcsinh((one - np.quantile(around, 0.8)) / spread(around)) / 2
            expected[f"prematurity_{which}_by_quantile_of_21"] = of_21
        del expected["prematurity_after_by_quantile"]  # is no feature
        assert {name: features[name][i] for name in RR_FEATURES} == pytest.approx(expected, rel=1e-5, abs=1e-6), i


def test_the_rhythm_has_no_unit_but_for_one_number():
    fast, slow = (rr_features(factor * intervals(TIMES), np.zeros(7)) for factor in (1, 3))
    np.testing.assert_allclose(np.delete(fast, 11, axis=1), np.delete(slow, 11, axis=1), atol=1e-5)
    np.testing.assert_allclose(slow[:, 11] - fast[:, 11], np.log(3), rtol=1e-5)


def test_the_median_beat_is_what_is_taken_away():
    usual, odd = np.array([[0.0], [2.8], [-1.0]]), np.array([[0.0], [0.8], [3.0]])
    signal = np.stack([usual, usual, odd, usual]).astype(np.float32)
    scaled, deviation = against_median_beat(signal, np.zeros(4))
    np.testing.assert_allclose(scaled[:2], np.stack([usual, usual]) / 4.0, rtol=1e-6)  # 3.8 + 0.2 mV
    np.testing.assert_allclose(deviation[:2], np.zeros((2, 3, 1)), atol=1e-6)
    np.testing.assert_allclose(deviation[2, :, 0], [0, -0.5, 1.0], atol=1e-6)
    two = against_median_beat(np.concatenate([signal, 0.5 * signal], axis=2), np.zeros(4))
    np.testing.assert_array_equal(two[0][..., :1], scaled)  # whatever the other lead is
    np.testing.assert_allclose(two[1][2, :, 1], np.array([0, -0.5, 1.0]) * 2.0 / 2.1, atol=1e-6)  # 1.9 + 0.2 mV


@pytest.mark.parametrize("of", [rr_features, against_median_beat])
def test_records_know_nothing_of_each_other(of):
    random = np.random.default_rng(0)
    values = random.uniform(0.5, 2, (12, 3)) if of is rr_features else random.normal(size=(12, 20, 2))
    record = np.repeat([207, 100], 6)
    for side in (slice(6), slice(6, 12)):
        apart, together = of(values[side], record[side]), of(values, record)
        chex.assert_trees_all_equal(apart, jax.tree.map(lambda both, side=side: both[side], together))
