"""Resampling, and windows around R peaks: where they lie, how they end, and the order of leads."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import filtered, lead_order, resample, slope_at_beats, windows


def test_mlii_or_ii_is_first_then_the_order_of_the_file():
    assert lead_order(["V5", "V1", "MLII"]) == [2, 0, 1]
    assert lead_order(["I", "II", "III"]) == [1, 0, 2]
    assert lead_order(["ECG1", "ECG2"]) == [0, 1]


def test_a_window_begins_72_samples_before_the_r_peak_and_repeats_the_ends():
    signals = np.arange(400.0)[:, None] * [1, -1]
    cut = windows(signals, np.array([0, 400, 798]), 360.0)  # samples 0, 200 and 399 at 180 Hz
    assert cut.shape == (3, 192, 2)
    assert cut.dtype == np.float32
    np.testing.assert_array_equal(cut[0, :73, 0], 0)
    np.testing.assert_array_equal(cut[1, :, 0], np.arange(128, 320))
    np.testing.assert_array_equal(cut[1, :, 1], -cut[1, :, 0])
    np.testing.assert_array_equal(cut[2, 72:, 0], 399)
    single = windows(signals[:, :1], np.array([400]), 360.0)
    np.testing.assert_array_equal(single[0], np.stack([np.arange(128, 320), np.zeros(192)], 1))


def test_filtering_keeps_the_beat_and_removes_the_drift():
    time = np.arange(20 * 250) / 250
    wave = np.sin(2 * np.pi * 8 * time)
    found = filtered(np.stack([wave + 3 * time, wave + 2 * np.sin(0.2 * np.pi * time)], 1), 250.0)
    expected = np.sin(2 * np.pi * 8 * np.arange(20 * 180) / 180)
    assert found.shape == (3600, 2)
    np.testing.assert_allclose(found[900:-900], np.stack([expected[900:-900]] * 2, 1), atol=0.1)


def test_the_slope_at_beats_is_of_all_leads_alike():
    signals = np.zeros((1000, 3))
    signals[500:, 0], signals[500:, 1] = 1.0, 100.0  # one step of each lead, within 0.1 s of the beat
    assert slope_at_beats(signals, np.array([505]), 100.0) == pytest.approx(1000 / 21)
    assert slope_at_beats(signals, np.array([505, 100, 200]), 100.0) == 0


@pytest.mark.parametrize("rate", [120.0, 125.0, 180.0, 1000.0])
def test_a_sine_is_the_same_sine_at_another_rate(rate):
    time, new_time = np.arange(3600) / 360, np.arange(round(10 * rate)) / rate
    found = resample(np.stack([np.sin(2 * np.pi * 7 * time), np.cos(2 * np.pi * 3 * time)], axis=1), 360.0, rate)
    assert found.shape == (round(10 * rate), 2)
    inside = slice(round(rate), round(9 * rate))
    np.testing.assert_allclose(found[inside, 0], np.sin(2 * np.pi * 7 * new_time)[inside], atol=0.01)
    np.testing.assert_allclose(found[inside, 1], np.cos(2 * np.pi * 3 * new_time)[inside], atol=0.01)
