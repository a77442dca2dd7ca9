"""Rhythms that no network was trained for: irregular ones by a value worked by hand, paced ones by their spikes."""

import numpy as np
import pytest

from cardiax.ecg.untrained_rhythms import irregular_share, paced, sample_entropy


def test_the_entropy_of_alternating_intervals_by_hand():
    """Of 11 pairs of neighbours, those of equal parity are equal, and so are those that follow: 15 + 10 of both."""
    assert sample_entropy(np.tile([0.5, 1.0], 6)) == pytest.approx(np.log(25 / 25 * 2 * 0.03 / 0.75))
    # 1 2 … 8: no two are within 0.03 s; the tolerance grows to 1 s, where 6 of 21 pairs are equal, and all that follow
    assert sample_entropy(np.arange(1.0, 9.0)) == pytest.approx(np.log(6 / 6 * 2 * 1.0 / 4.5))


def test_irregular_are_random_intervals_and_not_slow_ones_or_bigeminy(random):
    steady, none = 1 + 0.02 * random.normal(size=300), np.zeros(300, bool)
    fibrillation = random.uniform(0.4, 1.0, 300)
    assert irregular_share(steady, none) == 0
    assert irregular_share(fibrillation, none) > 0.8
    assert irregular_share(np.concatenate([[np.nan], fibrillation, steady]), np.zeros(601, bool)) == pytest.approx(
        0.45, abs=0.1
    )
    early = np.arange(300) % 3 == 2
    bigeminy = (
        steady
        * np.where(early, 0.6, 1)
        * np.where(np.roll(early, 1), 1.4, 1)
        * np.where(early, random.uniform(0.7, 1.3, 300), 1)
    )
    assert irregular_share(bigeminy, early) == 0
    assert irregular_share(fibrillation[:11], none[:11]) == 0  # too few to tell
    assert irregular_share(np.empty(0), np.empty(0, bool)) == 0


@pytest.mark.parametrize("rate", [250, 360, 500, 1000])
def test_paced_are_wide_complexes_that_begin_with_a_spike(heartbeats, rate):
    times = np.arange(0.7, 19.5, 0.8)
    wide = np.arange(len(times)) % 2 == 0
    lead, beats = heartbeats(times, rate, 20.0, wide, noise=0.002), np.rint(times * rate).astype(int)
    assert not paced(lead, beats, rate).any()
    for beat in beats:
        at = beat - round(0.03 * rate)
        lead[at : at + max(round(0.004 * rate), 1)] += 0.6
    np.testing.assert_array_equal(paced(lead, beats, rate), wide)
    np.testing.assert_array_equal(paced(-lead, beats, rate), wide)
    assert not paced(lead, beats, 128.0).any()
