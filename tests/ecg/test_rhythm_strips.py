"""The stretches of a recording that are shown, against those chosen by hand."""

import numpy as np
import pytest

from cardiax.ecg.rhythm_strips import choose_strips, clock
from cardiax.ecg.rhythm_summary import BeatSequence, rr_intervals

NONE = np.empty((0, 2))


def chosen(times, names, duration, unreadable=NONE):
    rr = rr_intervals(times, unreadable)
    beats = BeatSequence(times=times, rr=rr, names=np.array(names), unreadable=unreadable, duration=duration)
    return choose_strips(beats)


def test_ectopic_beats_the_longest_rr_interval_and_normal_beats():
    """A run of V at 20 s, an S at 50 s, and no beat from 80 to 83 s; the strips begin 10 / 3 s before."""
    times = np.delete(np.arange(101.0), [81, 82])
    names = np.full(len(times), "N", dtype=object)
    names[[20, 21, 22]], names[50] = "V", "S"
    found = dict(chosen(times, names, 101.0))
    assert found == {
        "longest run (3 beats) of V": pytest.approx(20 - 10 / 3),
        "first S": pytest.approx(50 - 10 / 3),
        "longest RR interval, 3.00 s": pytest.approx(81.5 - 10 / 3),
        "normal beats": 0.0,
    }


def test_events_of_one_strip_share_it_and_an_rr_interval_below_2_s_is_none():
    times = np.delete(np.arange(0, 60, 0.9), 60)
    names = np.full(len(times), "N", dtype=object)
    names[[30, 31]], names[33] = "V", "S"
    assert [what for what, _ in chosen(times, names, 60.0)] == ["couplet of V; first S", "normal beats"]


def test_a_short_recording_is_shown_up_to_its_last_second():
    times = np.arange(0.5, 29, 0.8)
    assert chosen(times, ["V"] * len(times), 25.0) == [("", 0.0), ("", 10.0), ("", 20.0)]
    assert chosen(times[:20], ["V"] * 20, 20.9) == [("", 0.0), ("", 10.0)]


def test_a_recording_of_paced_beats_alone_shows_where_there_are_most():
    """A beat each s, and two from 40 to 50 s."""
    times = np.sort(np.concatenate([np.arange(60.0), np.arange(40.5, 50)]))
    assert chosen(times, ["Q"] * len(times), 60.0) == [("", 40.0)]


def test_a_recording_that_can_nowhere_be_read_for_10_s_shows_where_there_are_most_beats():
    unreadable = np.array([[float(start), start + 1.0] for start in range(4, 60, 5)])
    times = np.array([time for time in np.arange(0.5, 60) if time % 5 < 4])
    assert chosen(times, ["N"] * len(times), 60.0, unreadable) == [("", 0.0)]


def test_clock():
    assert (clock(3723.9), clock(59.0)) == ("1:02:03", "0:00:59")
