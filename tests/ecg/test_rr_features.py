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
    long = beat_intervals(np.cumsum(np.arange(1.0, 31.0)))
    np.testing.assert_allclose(long[15, 2], np.arange(12.0, 22.0).mean())  # five before, five after


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


@pytest.mark.parametrize("of", [rr_features, against_median_beat])
def test_records_know_nothing_of_each_other(of):
    random = np.random.default_rng(0)
    values = random.uniform(0.5, 2, (12, 3)) if of is rr_features else random.normal(size=(12, 20, 2))
    record = np.repeat([207, 100], 6)
    for side in (slice(6), slice(6, 12)):
        apart, together = of(values[side], record[side]), of(values, record)
        chex.assert_trees_all_equal(apart, jax.tree.map(lambda both, side=side: both[side], together))
