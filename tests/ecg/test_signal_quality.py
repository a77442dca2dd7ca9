"""What cannot be read is found, and what is rare but real is not."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import filtered
from cardiax.ecg.signal_quality import BLUNT, FAULTS, NOISY, judge, without_gaps, without_glitches

TIMES = np.arange(0.5, 60, 0.8)
RATE = 250.0
MIDDLE = slice(20 * 250, 40 * 250)


def faults(lead, rate=RATE):
    _, found, *_ = judge(lead, filtered(without_gaps(lead[:, None]), rate)[:, 0], rate)
    return [FAULTS[one] for one in found]


def noise(size, seed=1):
    return np.random.default_rng(seed).normal(size=size)


def missing(part):
    return np.full(len(part), np.nan)


def flat(part):
    return np.full(len(part), 0.3)


def loose(part):
    return 0.001 * noise(len(part))


def saturated(part):
    return np.where(np.arange(len(part)) // 100 % 2, 5.0, -5.0)


def white(part):
    return 0.5 * noise(len(part))


@pytest.mark.parametrize(
    ("fault", "name"),
    [(missing, "missing"), (flat, "flat"), (loose, "flat"), (saturated, "saturated"), (white, "noise")],
)
@pytest.mark.parametrize("rate", [128.0, 250.0, 1000.0])
def test_each_fault_is_found_where_it_is(heartbeats, fault, name, rate):
    lead = heartbeats(TIMES, rate, 60.0)
    middle = slice(round(20 * rate), round(40 * rate))
    lead[middle] = fault(lead[middle])
    assert faults(lead, rate) == [""] * 4 + [name] * 4 + [""] * 4


@pytest.mark.parametrize("lead", [np.zeros(15_000), np.full(15_000, np.nan), 0.3 * noise(15_000), noise(2500)])
def test_no_window_of_what_is_no_ecg_can_be_read(lead):
    assert all(faults(lead))


@pytest.mark.parametrize(
    "times",
    [
        np.arange(0.5, 60, 0.35),  # 170 per minute
        np.arange(0.5, 60, 2.2),  # 27 per minute
        np.concatenate([np.arange(0.5, 20, 0.8), np.arange(33, 60, 0.8)]),  # a pause of 13 s
        np.concatenate([np.arange(0.5, 20, 0.8), 20 + np.cumsum(np.random.default_rng(0).uniform(0.3, 1.4, 40))]),
    ],
)
def test_slow_fast_irregular_and_paused_rhythms_can_be_read(heartbeats, times):
    times = times[times < 60]
    for wide in (np.zeros(len(times), bool), np.arange(len(times)) % 3 == 1):
        assert not any(faults(heartbeats(times, RATE, 60.0, wide)))


def test_drift_and_some_noise_can_be_read(heartbeats):
    drift = np.sin(2 * np.pi * 0.3 * np.arange(15_000) / RATE)
    assert not any(faults(heartbeats(TIMES, RATE, 60.0, noise=0.08) + drift))


@pytest.mark.parametrize(("gap", "window"), [((1790.0, 1795.0), 358), ((1797.5, 1800.0), 359), ((900.0, 905.0), 180)])
def test_windows_lie_where_their_edges_say_in_a_recording_of_any_length(heartbeats, gap, window):
    lead = np.tile(heartbeats(TIMES, 128.0, 60.0), 30)[:230_399]  # not a multiple of 360
    lead[round(gap[0] * 128) : round(gap[1] * 128)] = np.nan
    found = faults(lead, 128.0)
    assert len(found) == 360
    assert [index for index, fault in enumerate(found) if fault] == [window]
    assert found[window] == "missing"


def test_a_missing_window_is_not_taken_for_0_mv(heartbeats):
    lead = 4.0 + heartbeats(TIMES, RATE, 60.0)
    lead[MIDDLE] = np.where(np.arange(20 * 250) // 25 % 2, 3.0, 4.0 + 0.1 * noise(20 * 250))
    lead[: 5 * 250] = np.nan
    assert faults(lead) == ["missing"] + [""] * 3 + ["saturated"] * 4 + [""] * 4
    ranges = judge(lead, filtered(without_gaps(lead[:, None]), RATE)[:, 0], RATE)[2]
    assert ranges[0] == 0
    assert 1 < ranges[1] < 2


def test_gaps_are_interpolated():
    lead = np.array([[1.0], [np.nan], [np.nan], [4.0], [np.nan]])
    np.testing.assert_allclose(without_gaps(lead)[:, 0], [1, 2, 3, 4, 4])
    np.testing.assert_allclose(without_gaps(np.full((3, 1), np.nan)), 0)


def test_values_that_no_ecg_has_are_missing_unless_the_unit_is_another(heartbeats):
    lead = heartbeats(TIMES, RATE, 60.0)
    leads = np.stack([lead, lead + 200, missing(lead)], 1)
    bad = leads.copy()
    bad[3000:3010, 0], bad[5000, 1] = 163.8, -163.8
    found, count = without_glitches(bad)
    assert count == 11
    assert np.isnan(found[3000:3010, 0]).all()
    assert np.isnan(found[5000, 1])
    np.testing.assert_array_equal(found[bad == leads], leads[bad == leads])
    microvolts, count = without_glitches(1000 * leads)
    assert count == 0
    np.testing.assert_array_equal(microvolts, 1000 * leads)


def test_the_background_tells_clear_beats_from_noise(heartbeats):
    def background(lead):
        return judge(lead, filtered(lead[:, None], RATE)[:, 0], RATE)[3]

    motion = np.cumsum(noise(15_000)) / 5
    assert background(heartbeats(TIMES, RATE, 60.0)).max() < 0.5 * NOISY
    assert np.median(background(heartbeats(TIMES, RATE, 60.0) + motion)) > NOISY


@pytest.mark.parametrize(("wave", "expected"), [(np.sin, -1.5), (lambda at: at / np.pi % 2, -1.2)])
def test_the_kurtosis_of_a_sine_and_a_sawtooth(wave, expected):
    """The excess kurtosis of a sine is -3/2, that of a uniform distribution -6/5."""
    lead = wave(2 * np.pi * 2 * np.arange(10_800) / 180)
    *_, kurtosis, _ = judge(lead, lead, 180.0)
    np.testing.assert_allclose(kurtosis, expected, atol=0.02)


@pytest.mark.parametrize("pulse", [40, 66, 90, 120])
def test_pulse_waves_are_blunt_and_beats_are_not(heartbeats, pulse):
    phase = (np.arange(30 * 180) * pulse / 60 / 180) % 1
    wave = np.exp(-(((phase - 0.22) / 0.1) ** 2)) + 0.45 * np.exp(-(((phase - 0.5) / 0.14) ** 2))
    *_, sharpness = judge(wave, wave, 180.0)
    assert (sharpness < 0.6 * BLUNT).all()
    beats = heartbeats(np.arange(0.5, 29, 60 / pulse), 180.0, 30.0)
    *_, sharpness = judge(beats, beats, 180.0)
    assert (sharpness > 3 * BLUNT).all()
