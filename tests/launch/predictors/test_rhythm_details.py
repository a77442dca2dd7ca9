"""What is told of the beats of a recording: flags, example beats, notes and warnings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from cardiax.catalog import AAMI_CLASSES
from cardiax.ecg.rhythm_summary import BeatSequence, rr_intervals, summarize
from cardiax.launch.formats.wfdb_annotations import Beats
from cardiax.launch.predictors.recording_parts import Part
from cardiax.launch.predictors.rhythm_details import (
    compared,
    flags_of,
    notes_of,
    quartiles_of,
    warnings_of,
    with_most_beats,
)


def part(leads, heights, beats, faults, noisy, low=0):
    """A part at 180 Hz from sample `low` on, whose leads are constant."""
    faults = np.array(faults)
    return Part(
        low=low,
        signals=np.tile(np.float32(heights), (1800, 1)),
        leads=leads,
        beats=np.array(beats, float),
        edges=low / 180 + 5.0 * np.arange(len(faults) + 1),
        faults=faults,
        ranges=np.ones(faults.shape),
        noisy=np.array(noisy, bool),
        kurtosis=5.0,
        sharpness=0.5,
        likeness=1.0,
        skipped=False,
        paced=np.zeros(len(beats), bool),
    )


PARTS = (
    part(("II",), [1.0], [], [[0], [0]], [0, 0]),
    part(("II", "V1"), [1.0, 2.0], [2000, 2100, 2800], [[0, 0], [2, 0]], [1, 0], 1800),
    part(("V1", "V5"), [2.0, 3.0], [4000], [[0, 0], [1, 1]], [0, 0], 3600),
)
SAMPLES, OWNERS = np.array([2000.0, 2100, 2800, 4000]), np.array([1, 1, 1, 2])


def test_median_beats_are_of_one_pair_of_leads():
    assert with_most_beats(PARTS, OWNERS) == ("II", "V1")
    found = quartiles_of(SAMPLES, OWNERS, np.array(["N", "V", "N", "N"]), PARTS, 180.0, AAMI_CLASSES)
    assert {name: beats.shape for name, beats in found.items()} == {"N": (3, 192, 2), "V": (3, 192, 2)}
    for beats in found.values():
        assert (beats == [1.0, 2.0]).all()


def test_beats_are_flagged_where_no_class_is_likely_in_noise_and_where_a_lead_is_lost():
    found = flags_of(SAMPLES / 180, np.array([False, True, False, False]), PARTS, OWNERS)
    assert found.tolist() == ["noisy", "uncertain noisy", "II_unreadable", ""]


def test_notes_count_the_leads_that_are_read_together():
    recording = SimpleNamespace(names=("II", "V1", "V5", "V6"))
    assert notes_of(recording, ("II", "V1", "V5"), PARTS, True) == [
        "II and V1 and V5 read, V6 not",
        "R peaks given, not detected",
    ]
    assert notes_of(SimpleNamespace(names=("II",)), ("II",), PARTS[:1], False) == [
        "II read",
        "a single lead; the network was trained on two",
    ]


def normal_beats(times):
    """Normal beats at these times, s, of a recording that can be read."""
    none = np.empty((0, 2))
    rr, names = rr_intervals(times, none), np.array(["N"] * len(times))
    return BeatSequence(times=times, rr=rr, names=names, unreadable=none, duration=times[-1] + 1)


def test_a_warning_of_noise_counts_the_windows_that_can_be_read():
    """Of six windows one cannot be read, and one of the others is noisy: 20 %."""
    beats = normal_beats(np.arange(0.5, 100, 0.8))
    summary = summarize(beats)
    (warning,) = warnings_of(beats, summary, PARTS)
    assert warning.startswith("QRS complexes do not stand out in 20 % of what can be read")
    assert warnings_of(beats, summary, PARTS[2:]) == ()
    irregular = replace(beats, rr=np.random.default_rng(0).uniform(0.4, 1.0, len(beats.times)))
    (warning,) = warnings_of(irregular, summary, PARTS[2:])
    assert "of the rhythm is irregularly irregular, as in atrial fibrillation" in warning
    fused = replace(beats, names=np.where(np.arange(len(beats.times)) % 12 == 11, "F", "N"))
    (warning,) = warnings_of(beats, summarize(fused), PARTS[2:])
    assert warning.startswith("8 % of the beats are called F, which is rare")
    (warning,) = warnings_of(beats, summary, [replace(PARTS[2], paced=np.ones(3, bool))])
    assert warning.startswith("100 % of the beats begin with a spike as of a pacemaker")
    (warning,) = warnings_of(beats, summary, PARTS[2:], 0.3, 0.14)
    assert warning.startswith("30 % of the beats are uncertain, more than in any recording with which the network was")
    assert "(at most 14 %)" in warning
    assert warnings_of(beats, summary, PARTS[2:], 0.14, 0.14) == ()
    assert warnings_of(beats, replace(summary, longest_rr_s=2.99), PARTS[2:]) == ()
    (warning,) = warnings_of(beats, replace(summary, longest_rr_s=3.0, longest_rr_at_s=75.0), PARTS[2:])
    assert warning == "the longest RR interval is 3.0 s, at 0:01:15: a pause, or missed beats"
    assert warnings_of(beats, summary, PARTS[2:], 0.3, None) == ()


@pytest.mark.parametrize(
    ("count", "uncertain", "usual", "warned"),
    [
        (59, 59, 0.1, False),  # too few beats to tell
        (60, 60, 0.1, True),
        (1000, 122, 0.1, False),  # from 10.2 %, worked with scipy.stats.binomtest
        (1000, 135, 0.1, True),  # from 11.4 %
        (100, 17, 0.1, False),  # as large a share as of 1,000 that are a warning, from 10.2 %
        (1000, 170, 0.1, True),
        (1000, 4, 0.0, False),  # "0 %"
        (1000, 0, 0.0, False),
        (100_000, 10_400, 0.1, False),  # surely more, but both read "10 %"
    ],
)
def test_a_share_of_uncertain_beats_is_a_warning_where_it_is_surely_unusual(count, uncertain, usual, warned):
    beats = normal_beats(np.arange(count) * 0.8)
    low = binomtest(uncertain, count).proportion_ci().low
    assert warned == (count >= 60 and low > usual + 0.01)
    found = warnings_of(beats, summarize(beats), PARTS[2:], uncertain / count, usual)
    assert any("of the beats are uncertain" in one for one in found) == warned


def test_beats_without_a_class_and_beats_in_flutter_are_left_out_of_a_comparison():
    reference = Beats(np.array([180.0, 360, 540, 720]), np.array([0, -1, 1, -1]), np.array([[900, 1000]]))
    found = np.array([180.0, 365, 545, 950, 1080])  # the last without a reference beat
    table = compared(reference, found, np.array([0, 1, 0, 1, 1]), 180.0, 2)
    assert table.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
