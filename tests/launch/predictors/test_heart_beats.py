"""The beats of a recording of twelve leads: found, cut at their onsets, and left out where they cannot be trusted."""

import numpy as np
import pytest

from cardiax.ecg.leads import LEADS
from cardiax.errors import InputError
from cardiax.launch.predictors import heart_beats
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
    return np.concatenate([limb, beat[:, 2:]], axis=1)[:: 1000 // rate]


def read(leads, rate=1000.0, start=None, **options):
    return read_beats(leads, rate, start, list(LEADS), None, **options)


@pytest.mark.parametrize("rate", [500, 1000])
def test_every_beat_is_cut_at_its_onset(rate):
    found = read(recording(rate), float(rate))
    assert found.leads.shape == (len(ONSETS), 500, 12)
    assert np.ptp(found.onsets - ONSETS) <= 2
    assert np.all(np.abs(found.onsets - ONSETS) < 15)
    assert found.notes == ()
    np.testing.assert_allclose(found.leads[2], found.leads[5], atol=0.05)
    early = read(recording(rate), float(rate), lead_in=15)
    assert (found.lead_in, early.lead_in) == (0, 15)
    np.testing.assert_array_equal(early.onsets, found.onsets)
    np.testing.assert_allclose(early.leads[:, 15:], found.leads[:, :-15], atol=0.01)


def test_baseline_wander_is_removed_from_beats_that_are_found():
    wander = np.interp(np.arange(10_000), ONSETS, 0.3 * np.sin(np.arange(len(ONSETS))))[:, None]
    # The same offset in I and II is none in III, half in aVL and aVF, and minus one in aVR.
    offset = wander * np.array([1, 1, 0, -1, 0.5, 0.5, *[1] * 6])
    found, expected = (read(leads).leads[:, 100:] for leads in (recording() + offset, recording()))
    np.testing.assert_allclose(found, expected, atol=0.03)  # the slow wave; the steep one moves with the onset


def with_hum(size):
    """`recording` with hum of `size` mV in all leads but III, as Einthoven's law has it."""
    wave = size * np.sin(2 * np.pi * 0.05003 * np.arange(10_000) + 1)
    return recording() + wave[:, None] * np.array([1, 1, 0, -1, 0.5, 0.5, *[1] * 6])


def test_hum_of_the_mains_is_removed_and_a_note_says_so():
    clean, found = read(recording()), read(with_hum(0.1))
    assert found.notes == ("hum of the mains removed (50 Hz, up to 0.097 mV)",)
    assert np.abs(found.onsets - clean.onsets).max() <= 3
    one = read(with_hum(0.1), start=float(clean.onsets[4]))
    assert one.notes == found.notes
    # The complexes of these leads have 4 % of their range at 50 Hz.
    np.testing.assert_allclose(one.leads[0], clean.leads[4], atol=0.06)
    np.testing.assert_allclose(one.leads[0, 100:], clean.leads[4, 100:], atol=0.02)


def test_hum_hides_no_gap():
    leads = with_hum(0.1)
    leads[3045:3145] = leads[3045]
    (note,) = (note for note in read(leads).notes if "left out" in note)
    assert "found no change in any channel" in note


@pytest.mark.parametrize("lead_in", [0, 15])
def test_a_start_shows_the_beat_as_one_that_is_found(lead_in):
    leads = recording() + np.array([1, 1, 0, -1, 0.5, 0.5, *[1] * 6]) * 0.3
    found = read(leads, lead_in=lead_in)
    given = read(leads, start=float(found.onsets[1]), lead_in=lead_in)
    assert (given.leads.shape, given.lead_in) == ((1, 500, 12), lead_in)
    np.testing.assert_array_equal(given.onsets, found.onsets[1:2])
    np.testing.assert_allclose(given.leads[0], found.leads[1], atol=0.01)  # the baseline between beats has a slope


def test_a_start_without_samples_before_it_reads_one_beat_as_it_is():
    for leads, start in ((recording()[1390:], 10.0), (recording()[1400:1900], None)):
        found = read(leads, start=start, lead_in=15)
        assert (found.leads.shape, found.lead_in) == ((1, 500, 12), 0)
        np.testing.assert_array_equal(found.onsets, [start or 0])
        np.testing.assert_allclose(found.leads[0], recording()[1400:1900], atol=1e-6)


@pytest.mark.parametrize("start", [1250.0, 1750.0])
def test_a_start_without_a_complex_is_refused(start):
    with pytest.raises(
        InputError, match=rf"array: found no QRS complex that begins at {start:g} ms, expected the onset"
    ):
        read(recording(), start=start)


def test_a_beat_with_a_gap_is_left_out_and_named():
    leads = recording()
    leads[3100:3110, 7] = np.nan
    found = read(leads)
    assert len(found.leads) == len(found.onsets) == len(ONSETS) - 1
    assert np.abs(found.onsets - 3000).min() > 400
    (note,) = found.notes
    assert note.startswith("beat at 30")
    assert note.endswith("ms into the beat, expected mV")
    assert "left out: found a missing value in V2" in note


def test_beats_in_a_gap_are_not_found_and_a_note_says_so():
    leads = recording()
    leads[2500:3500, 7] = np.nan
    found = read(leads)
    assert len(found.onsets) < len(ONSETS)
    assert found.notes[0] == "1 s have missing values, from 2.50 s on: no beat is found there"


def test_a_t_wave_is_not_taken_for_a_beat(monkeypatch):
    """The detector finds T waves in recordings of a second, of which a complex lies at an end."""
    slow = sum(np.exp(-(((np.arange(10_000) - onset - 280) / 40) ** 2)) for onset in ONSETS)[:, None]
    leads = recording() + 0.1 * slow * [0, 1, 1, -0.5, -0.5, 1, *[0] * 6]  # III is not flat in the T wave
    expected, wave = read(leads), int(ONSETS[3]) + 200
    onsets = np.sort(np.append(expected.onsets.astype(int), wave))
    monkeypatch.setattr(heart_beats, "_onsets", lambda leads, lead_in: onsets)
    found = read(leads)
    np.testing.assert_array_equal(found.onsets, expected.onsets)
    np.testing.assert_array_equal(found.leads, expected.leads)
    told = f"found no QRS complex that begins at {wave} ms, expected the onset of a beat"
    assert found.notes == (f"beat at {wave} ms left out: {told}",)
    monkeypatch.setattr(heart_beats, "_onsets", lambda leads, lead_in: np.array([wave - 2600]))
    with pytest.raises(InputError, match="array: found no QRS complex that begins at 600 ms"):
        read(leads[2600:3700])


def test_if_no_beat_can_be_trusted_there_is_no_answer():
    leads = recording()
    leads[:, 8] = 0.0
    with pytest.raises(InputError, match=r"array: found no signal in V3 \(flat, or an electrode is off\)"):
        read(leads)


def test_a_flat_line_has_no_beats():
    with pytest.raises(InputError, match="array: found 0 beats in 5 s, expected one every 4 s or more often"):
        read(np.zeros((5000, 12)))


def test_noise_is_no_heart():
    leads = recording()
    noise = 0.3 * np.random.default_rng(1).normal(size=(10_000, 8))
    two = noise[:, :2] @ np.array([[1, 0, -1, -0.5, 1, -0.5], [0, 1, 1, -0.5, -0.5, 1]])
    assert leads.shape == np.concatenate([two, noise[:, 2:]], axis=1).shape
    with pytest.raises(InputError, match=r"found beats that are unlike each other \(correlation 0\.[0-5]"):
        read(np.concatenate([two, noise[:, 2:]], axis=1))


def test_a_long_recording_needs_a_start():
    long = np.zeros((400_000, 12), np.float32)
    with pytest.raises(InputError, match="found 400 s, expected at most 300 s to find its beats; cut it, or give --st"):
        read(long)


def test_uneven_times_need_a_start(tmp_path):
    times = np.arange(10_000) / 1000 + 2.0 * (np.arange(10_000) > 5000)
    table = np.column_stack([times, recording()])
    np.savetxt(tmp_path / "uneven.csv", table, "%.4f", ",", header=",".join(["time_s", *LEADS]), comments="")
    told = r"found uneven times \(a step of 2.001 s after 5 s, where 0.001 s are usual\), expected equal steps"
    with pytest.raises(InputError, match=f"{told} between all samples to find the beats; give --start MS"):
        read_beats(tmp_path / "uneven.csv", 1000.0, None, None, None)
