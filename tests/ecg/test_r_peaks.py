"""R peaks of drawn beats, where they are, in noise and with an electrode off."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import filtered
from cardiax.ecg.r_peaks import detect, find_r_peaks, likeness, searched_back, skips_beats
from cardiax.stats.beat_matching import match

TIMES = 1.0 + np.cumsum(np.random.default_rng(1).uniform(0.6, 1.1, 60))
SECONDS = 60.0


def found(leads, readable=None, rate=250.0):
    signals = filtered(np.stack(leads, 1), rate)
    return find_r_peaks(signals, np.ones((12, len(leads)), bool) if readable is None else readable) / 180


@pytest.mark.parametrize("rate", [128.0, 250.0, 1000.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_beat_is_found_at_its_r_peak(heartbeats, rate, sign):
    times = TIMES[TIMES < SECONDS - 1]
    wide = np.arange(len(times)) % 7 == 3
    beats = found([sign * heartbeats(times, rate, SECONDS, wide)], rate=rate)
    assert len(beats) == len(times)
    assert np.abs(beats - times).max() < 0.012


def test_the_second_lead_is_read_where_the_first_is_off(heartbeats):
    times = TIMES[TIMES < SECONDS - 1]
    lead = heartbeats(times, 250.0, SECONDS)
    off = lead.copy()
    off[20 * 250 : 40 * 250] = 0.01 * np.random.default_rng(0).normal(size=20 * 250)
    readable = np.ones((12, 2), bool)
    readable[4:8, 0] = False
    ours, theirs = match(times, found([off, 0.5 * lead], readable), 0.05)
    assert len(ours) == len(times)
    assert len(theirs) == len(found([off, 0.5 * lead], readable))


def test_nothing_is_found_where_no_lead_can_be_read(heartbeats):
    times = TIMES[TIMES < SECONDS - 1]
    readable = np.ones((12, 1), bool)
    readable[6:] = False
    beats = found([heartbeats(times, 250.0, SECONDS)], readable)
    np.testing.assert_allclose(beats, times[times < 30], atol=0.012)


def test_a_flat_lead_has_no_beats():
    assert len(found([np.zeros(5000)])) == 0


def test_in_a_short_recording_a_larger_last_beat_is_not_the_measure_of_the_others(heartbeats):
    times = np.arange(0.6, 9.9, 0.9)
    lead = heartbeats(times, 250.0, 10.0)
    lead[round((times[-1] - 0.3) * 250) :] *= 3
    beats = found([lead, 0.7 * lead], np.ones((1, 2), bool))
    np.testing.assert_allclose(beats, times, atol=0.02)


def test_a_steep_t_wave_is_no_beat(heartbeats):
    times = TIMES[TIMES < SECONDS - 1]
    lead = heartbeats(times, 250.0, SECONDS)
    at = np.arange(len(lead)) / 250
    for time in times:
        lead += 0.8 * np.exp(-(((at - time - 0.3) / 0.022) ** 2))
    beats = found([lead])
    assert len(times) <= len(beats) <= len(times) + 1  # of 86 candidates
    assert len(match(times, beats, 0.02)[0]) == len(times)


@pytest.mark.parametrize(("height", "is_found"), [(0.6, True), (0.2, False)])
def test_a_beat_that_the_detector_missed_is_searched_in_a_long_rr_interval(heartbeats, height, is_found):
    times = np.arange(1.0, 29.0, 0.8)
    lead = heartbeats(times, 180.0, 30.0)
    lead[round((times[9] - 0.3) * 180) : round((times[9] + 0.45) * 180)] *= height
    known = np.rint(times * 180).astype(int)
    searched = searched_back(lead, np.delete(known, [9]))
    assert len(searched) == len(known) - (not is_found)
    np.testing.assert_allclose(searched, known if is_found else np.delete(known, [9]), atol=0.1 * 180)
    np.testing.assert_array_equal(searched_back(lead, known), known)
    two = np.delete(known, [14, 15])  # in succession
    np.testing.assert_allclose(searched_back(lead, two), known, atol=0.1 * 180)


def fast(rate, seconds=30.0):
    """QRS complexes alone, so many a minute, at 180 Hz, and their times."""
    times = np.arange(0.5, seconds - 0.5, 60 / rate)
    at = np.arange(round(seconds * 180)) / 180
    lead = sum(a * np.exp(-(((at - times[:, None] - d) / 0.015) ** 2)).sum(0) for a, d in ((1.0, 0.0), (-0.3, 0.03)))
    return lead + 0.01 * np.random.default_rng(0).normal(size=len(at)), times


@pytest.mark.parametrize("rate", [120, 180, 240, 300])
def test_each_beat_of_a_fast_rhythm_is_found(rate):
    lead, times = fast(rate)
    beats = find_r_peaks(lead[:, None], np.ones((6, 1), bool))
    assert not skips_beats(lead, beats)
    np.testing.assert_allclose(beats / 180, times, atol=0.02)


def test_beats_that_are_skipped_are_noticed():
    lead, times = fast(200)
    beats = np.rint(times * 180).astype(int)
    assert skips_beats(lead, beats[::2])
    assert not skips_beats(lead, beats[:2])
    assert skips_beats(*(fast(500)[0], find_r_peaks(fast(500)[0][:, None], np.ones((6, 1), bool))))


def test_likeness_is_a_correlation_with_the_median_beat():
    lead, times = fast(120)
    beats = np.rint(times * 180).astype(int)[1:-1]
    lead[beats[3] - 18 : beats[3] + 24] *= -1
    windows = np.stack([lead[beat - 18 : beat + 24] for beat in beats])
    expected = [np.corrcoef(window, np.median(windows, axis=0))[0, 1] for window in windows]
    np.testing.assert_allclose(likeness(lead, beats), expected, atol=1e-6)
    assert np.argmin(expected) == 3
    assert len(likeness(lead, beats[:0])) == 0


@pytest.mark.parametrize(("flat", "moving"), [(0, 90), (0, 300), (2000, 90), (890, 10)])
def test_the_detector_is_never_given_a_short_signal(monkeypatch, flat, moving):
    """sleepecg 0.6 writes past the end of its arrays, and the process ends, if few samples follow the first change."""
    from sleepecg import heartbeats

    given, plain = [], heartbeats.detect_heartbeats

    def detect_heartbeats(ecg, rate):
        given.append(len(ecg) - np.flatnonzero(ecg != ecg[0])[0])
        return plain(ecg, rate)

    monkeypatch.setattr(heartbeats, "detect_heartbeats", detect_heartbeats)
    lead = np.concatenate([np.zeros(flat), np.random.default_rng(0).normal(size=moving)])
    beats = detect(lead)
    assert min(given) >= 5 * 180
    assert (beats < len(lead)).all()
