"""The parts of a recording together: beats at their borders, and stretches across them."""

import numpy as np

from cardiax.launch.predictors.recording_parts import Part, merged_beats, unreadable_stretches


def part(beats, edges, faults):
    faults = np.array(faults)
    nothing = np.zeros(len(faults), bool)
    return Part(
        0, np.zeros((1, 2)), ("I", "II"), np.array(beats, float), np.array(edges, float), faults, faults, nothing
    )


PARTS = [
    part([100, 900, 995], [0, 5, 10], [[0, 0], [2, 4]]),
    part([1005, 1500], [10, 15, 20], [[2, 1], [3, 0]]),
]


def test_a_beat_that_two_parts_find_is_counted_once():
    samples, owners = merged_beats(PARTS, 100.0)
    assert (samples.tolist(), owners.tolist()) == ([100, 900, 995, 1500], [0, 0, 0, 1])
    assert len(merged_beats([part([], [0, 5], [[0, 0]])], 100.0)[0]) == 0


def test_a_stretch_goes_on_across_the_border_of_parts():
    stretches, reasons = unreadable_stretches(PARTS)
    assert (stretches.tolist(), reasons) == ([[5.0, 15.0]], ("flat",))
