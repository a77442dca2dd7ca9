"""The beats of a recording of twelve leads: found, cut at their onsets, and left out where they cannot be trusted."""

import numpy as np
import pytest

from cardiax.ecg.leads import LEADS
from cardiax.errors import InputError
from cardiax.launch.predictors.heart_beats import read_beats

ONSETS = np.arange(600, 9000, 800)


def recording(rate=1000):
    """Twelve leads of 10 s, (T, 12), mV: a sharp and a slow wave from each onset on, as Einthoven's law has it."""
    time = np.arange(10_000) / 1.0
    beat = np.zeros((10_000, 8))
    for onset in ONSETS:
        t = time - onset
        r, s, wave = (np.exp(-(((t - at) / width) ** 2)) for at, width in ((30, 10), (55, 10), (280, 40)))
        beat += r[:, None] * np.linspace(0.5, 1.2, 8) - s[:, None] * np.linspace(0.9, 0.1, 8) + 0.2 * wave[:, None]
    beat += 0.001 * np.random.default_rng(0).normal(size=beat.shape)
    one, two = beat[:, 0], beat[:, 1]
    limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2], axis=1)
    assert LEADS[:6] == ("I", "II", "III", "aVR", "aVL", "aVF")
    return np.concatenate([limb, beat[:, 2:]], axis=1)[:: 1000 // rate]


def read(leads, rate=1000.0, start=None, **options):
    return read_beats(leads, rate, start, list(LEADS), None, **options)


@pytest.mark.parametrize("rate", [500, 1000])
def test_every_beat_is_cut_at_its_onset(rate):
    beats, starts, notes = read(recording(rate), float(rate))
    assert beats.shape == (len(ONSETS), 500, 12)
    assert np.ptp(starts - ONSETS) <= 2
    assert np.all(np.abs(starts - ONSETS) < 15)
    assert notes == ()
    np.testing.assert_allclose(beats[2], beats[5], atol=0.05)
    early, before, _ = read(recording(rate), float(rate), lead_in=15)
    np.testing.assert_array_equal(before, starts - 15)
    np.testing.assert_allclose(early[:, 15:], beats[:, :-15], atol=0.01)


def test_baseline_wander_is_removed_from_beats_that_are_found():
    wander = np.interp(np.arange(10_000), ONSETS, 0.3 * np.sin(np.arange(len(ONSETS))))[:, None]
    # The same offset in I and II is none in III, half in aVL and aVF, and minus one in aVR.
    offset = wander * np.array([1, 1, 0, -1, 0.5, 0.5, *[1] * 6])
    found, expected = (read(leads)[0][:, 100:] for leads in (recording() + offset, recording()))
    np.testing.assert_allclose(found, expected, atol=0.03)  # the slow wave; the steep one moves with the onset


def test_a_start_reads_one_beat():
    beats, starts, _ = read(recording(), start=1400.0)
    assert beats.shape == (1, 500, 12)
    np.testing.assert_array_equal(starts, [1400])
    np.testing.assert_allclose(beats[0], recording()[1400:1900], atol=1e-6)


def test_a_beat_with_a_gap_is_left_out_and_named():
    leads = recording()
    leads[3100:3110, 7] = np.nan
    beats, starts, notes = read(leads)
    assert len(beats) == len(starts) == len(ONSETS) - 1
    assert np.abs(starts - 3000).min() > 400
    (note,) = notes
    assert note.startswith("beat at 30")
    assert note.endswith("ms into the beat, expected mV")
    assert "left out: found a missing value in V2" in note


def test_if_no_beat_can_be_trusted_there_is_no_answer():
    leads = recording()
    leads[:, 8] = 0.0
    with pytest.raises(InputError, match=r"array: found no signal in V3 \(flat, or an electrode is off\)"):
        read(leads)


def test_a_flat_line_has_no_beats():
    with pytest.raises(InputError, match="array: found no beat, expected at least one"):
        read(np.zeros((5000, 12)))


def test_a_long_recording_needs_a_start():
    long = np.zeros((400_000, 12), np.float32)
    with pytest.raises(InputError, match="found 400 s, expected at most 300 s to find its beats; cut it, or give --st"):
        read(long)
