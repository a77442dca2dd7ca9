"""The summary of a rhythm, against values worked by hand."""

import numpy as np
import pytest

from cardiax.ecg.rhythm_summary import BeatSequence, rr_intervals, summarize

NONE = np.empty((0, 2))


def summary(text, spans, unreadable=NONE, duration=None):
    """The summary of beats of the classes in `text`, the first at 1 s and then `spans` apart."""
    times = 1.0 + np.cumsum([0.0, *spans])
    rr, duration = rr_intervals(times, unreadable), duration or times[-1] + 1
    return summarize(
        BeatSequence(times=times, rr=rr, names=np.array([*text]), unreadable=unreadable, duration=duration)
    )


def test_couplets_runs_and_burden():
    found = summary("NVNVVNVVVNSVVVVSSSN", [0.8] * 18)
    ventricular, supraventricular = found.ectopic["V"], found.ectopic["S"]
    assert (ventricular.beats, ventricular.couplets, ventricular.runs) == (10, 1, 2)
    assert ventricular.percent == pytest.approx(1000 / 19)
    assert (ventricular.longest_run_beats, ventricular.longest_run_at_s) == (4, pytest.approx(1 + 11 * 0.8))
    assert (supraventricular.couplets, supraventricular.runs, supraventricular.longest_run_beats) == (0, 1, 3)
    assert found.beats_by_class == {"N": 5, "S": 4, "V": 10, "F": 0, "Q": 0}


def test_rates_are_means_of_ten_intervals():
    found = summary("N" * 41, [1.0] * 15 + [0.5] * 10 + [2.0] * 15)
    assert found.rate_most_per_min == pytest.approx(120)
    assert found.rate_most_at_s == pytest.approx(16.0)
    assert found.rate_least_per_min == pytest.approx(30)
    assert found.rate_least_at_s == pytest.approx(21.0)
    assert found.rate_mean_per_min == pytest.approx(60 * 40 / 50)
    few = summary("NNN", [1.0, 0.5])
    assert few.rate_least_per_min == few.rate_most_per_min == pytest.approx(80)


def test_the_longest_rr_interval():
    found = summary("N" * 6, [1.0, 3.5, 1.0, 0.9, 1.0])
    assert (found.longest_rr_s, found.longest_rr_at_s) == (pytest.approx(3.5), pytest.approx(2.0))


def test_nothing_is_counted_across_an_unreadable_stretch():
    """Beats at 1, 2, 3, 13, 14 and 16 s; 4 to 12 s cannot be read."""
    found = summary("NVVVNN", [1, 1, 10, 1, 2], np.array([[4.0, 12.0]]), 20.0)
    assert (found.longest_rr_s, found.longest_rr_at_s) == (2.0, 14.0)
    assert (found.ectopic["V"].couplets, found.ectopic["V"].runs) == (1, 0)
    assert (found.unreadable_s, found.unreadable_percent) == (8.0, 40.0)
    assert found.rate_mean_per_min == pytest.approx(60 * 4 / 5)


@pytest.mark.parametrize(
    ("stretches", "known"),
    [
        ([], [False, True, True, True]),
        ([(0.0, 0.9)], [False, True, True, True]),
        ([(1.5, 1.6)], [False, False, True, True]),
        ([(0.5, 2.5)], [False, False, False, True]),
        ([(4.0, 9.0)], [False, True, True, True]),
        ([(1.2, 1.3), (1.4, 1.5), (3.5, 4.5)], [False, False, True, False]),
    ],
)
def test_intervals_across_unreadable_stretches_are_unknown(stretches, known):
    found = rr_intervals(np.arange(1.0, 5.0), np.array(stretches, float).reshape(-1, 2))
    assert np.isfinite(found).tolist() == known


def test_a_recording_without_beats():
    none, names = np.empty(0), np.empty(0, str)
    found = summarize(BeatSequence(times=none, rr=none, names=names, unreadable=NONE, duration=10.0))
    assert (found.beats, found.rate_mean_per_min, found.longest_rr_s) == (0, None, None)
