"""Made-up rhythms are what they are said to be."""

import numpy as np
import pytest

from cardiax.ecg.rr_features import RR_FEATURES
from cardiax.simulate.rhythms import fibrillation, pauses

OWN, FOLLOWING, MEDIAN = 3, 4, 11
"""Places in `rr_features`: of the interval before the beat, of that after it, of the record's median."""


@pytest.mark.parametrize(("rhythm", "beats"), [(fibrillation, 36000), (pauses, 72000)])
def test_every_beat_has_its_numbers_and_its_kind(rhythm, beats):
    rr, supraventricular = rhythm()
    assert rr.shape == (beats, len(RR_FEATURES))
    assert rr.dtype == np.float32
    assert np.isfinite(rr).all()
    assert supraventricular.shape == (beats,)


def test_fibrillation_is_irregular_and_nowhere_early():
    found, supraventricular = fibrillation()
    assert not supraventricular.any()
    seconds = np.exp(found[:, 11].astype(np.float64))
    assert seconds.min() > 0.4
    assert seconds.max() < 1.2
    deviations = np.exp(found[:, 13].astype(np.float64)) - 0.02
    assert deviations.min() > 0.07
    assert deviations.max() < 0.33
    # One interval tells nothing of the next.
    np.testing.assert_allclose(np.corrcoef(found[:, 3], found[:, 4])[0, 1], 0, atol=0.02)


def test_the_beat_that_ends_a_pause_is_the_normal_one():
    rr, supraventricular = (of[:36000].reshape(60, 600, -1) for of in pauses())
    seconds = np.exp(rr[..., OWN].astype(np.float64) + rr[..., MEDIAN])
    assert 0.5 < supraventricular.mean() < 0.75
    # The first beat of a record has the interval after it.
    for intervals, ectopic in zip(seconds[:, 1:], supraventricular[:, 1:, 0], strict=True):
        regular, long = intervals[ectopic], intervals[~ectopic]
        assert 0.4 < np.median(regular) < 1
        assert np.std(np.log(regular)) < 0.07
        assert long.min() > 1.15 * np.median(regular)
        assert 1.25 < np.median(long) / np.median(regular) < 3.2


def test_in_block_long_intervals_are_regular_and_no_beat_is_ectopic():
    rr, supraventricular = pauses()
    assert not supraventricular[36000:].any()
    seconds = np.exp(rr[36000:, OWN].astype(np.float64) + rr[36000:, MEDIAN]).reshape(60, 600)
    for intervals in seconds[:, 1:]:
        long = intervals > np.sqrt(intervals.min() * intervals.max())
        assert 0 < long.mean() < 1
        assert 1.5 < np.median(intervals[long]) / np.median(intervals[~long]) < 2.2
        assert np.std(np.log(intervals[long])) < 0.07


@pytest.mark.parametrize("rhythm", [fibrillation, pauses])
def test_the_next_beat_has_the_interval_after_this_one(rhythm):
    rr = rhythm().features.reshape(-1, 600, len(RR_FEATURES))
    np.testing.assert_array_equal(rr[:, :-1, FOLLOWING], rr[:, 1:, OWN])
