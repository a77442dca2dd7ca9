"""The parts of a recording together: beats at their borders, and stretches across them."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.predictors.recording_parts import (
    Part,
    first_leads,
    merged_beats,
    noisy_share,
    refuse_what_is_no_ecg,
    unreadable_stretches,
)


def part(beats, edges, faults, noisy=None):
    faults = np.array(faults)
    return Part(
        low=0,
        signals=np.zeros((1, 2)),
        leads=("I", "II"),
        beats=np.array(beats, float),
        edges=np.array(edges, float),
        faults=faults,
        ranges=np.ones(faults.shape),
        noisy=np.zeros(len(faults), bool) if noisy is None else np.array(noisy, bool),
        kurtosis=5.0,
        sharpness=0.5,
        likeness=1.0,
        skipped=False,
        paced=np.zeros(len(beats), bool),
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


def test_a_spike_that_float16_does_not_hold_is_cut():
    one = dataclasses.replace(PARTS[0], signals=np.full((1800, 2), 1e6))
    values, _ = first_leads([one], 360.0)
    assert np.isfinite(values).all()


def test_the_share_of_noisy_windows_is_one_of_those_that_can_be_read():
    """Two of six windows are missing; of the other four, all or three are noisy."""
    recording = SimpleNamespace(path=Path("a.hea"), duration=30.0)
    faults = [[1, 1], [1, 1], [0, 0], [0, 1], [0, 0], [0, 0]]
    all_noisy, most = ([part([], np.arange(0, 31, 5), faults, [0, 0, *own])] for own in ([1, 1, 1, 1], [1, 1, 1, 0]))
    assert (noisy_share(all_noisy), noisy_share(most), noisy_share(PARTS)) == (1.0, 0.75, 0.0)
    stretches, _ = unreadable_stretches(all_noisy)
    with pytest.raises(InputError, match=r"^a\.hea: found QRS complexes that do not stand out .* in 100 % of what can"):
        refuse_what_is_no_ecg(recording, all_noisy, stretches)
    refuse_what_is_no_ecg(recording, most, stretches)


def test_without_a_readable_window_no_share_is_noisy():
    assert noisy_share([part([], [0, 5], [[1, 1]])]) == 0


def test_a_wave_that_is_not_sharp_is_no_ecg():
    recording = SimpleNamespace(path=Path("a.hea"), duration=20.0, rate=100.0)
    one = part([100, 200, 300], [0, 10, 20], [[0, 0], [0, 0]])
    refuse_what_is_no_ecg(recording, [one], np.empty((0, 2)))
    told = r"^a\.hea: found a wave without QRS .* \(excess kurtosis 5\.0, 6 % of its range between 12 and 30 Hz"
    with pytest.raises(InputError, match=told):
        refuse_what_is_no_ecg(recording, [dataclasses.replace(one, sharpness=0.06)], np.empty((0, 2)))
