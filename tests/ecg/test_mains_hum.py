"""Hum of the mains is found by its spectrum, and removed without a change of the beats."""

import numpy as np
import pytest

from cardiax.ecg.mains_hum import mains_hum, without_hum


def beats(rate):
    """Two leads of 10 s, (n, 2), mV: narrow complexes and slow waves, with a little noise."""
    time = np.arange(round(10 * rate)) / rate
    phase = (time - 0.3) % 0.8
    one = np.exp(-(((phase - 0.1) / 0.012) ** 2)) + 0.2 * np.exp(-(((phase - 0.38) / 0.05) ** 2))
    return one[:, None] * [1.0, -0.5] + 0.003 * np.random.default_rng(0).normal(size=(len(one), 2))


@pytest.mark.parametrize("mains", [50.0, 60.0])
@pytest.mark.parametrize("rate", [250.0, 360.0, 500.0, 1000.0])
def test_hum_is_found_and_removed(rate, mains):
    clean = beats(rate)
    assert mains_hum(clean, rate) is None
    wave = np.sin(2 * np.pi * (mains + 0.05) * np.arange(len(clean)) / rate + 1)  # it is not exactly of its frequency
    hum = clean + 0.1 * wave[:, None] * [1, 0.5]
    found = mains_hum(hum, rate)
    assert found is not None
    assert found[0] == mains
    assert found[1] == pytest.approx(0.1, rel=0.2)
    left = without_hum(hum, rate, mains) - clean
    inner = left[round(rate) : -round(rate)]
    assert np.sqrt(np.mean(inner**2)) < 0.01
    assert np.abs(inner).max() < 0.03
    assert mains_hum(without_hum(hum, rate, mains), rate) is None


def test_noise_and_what_is_too_short_or_too_slow_have_no_hum():
    rate = 500.0
    assert mains_hum(0.3 * np.random.default_rng(1).normal(size=(5000, 12)), rate) is None
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(5000) / rate)[:, None]
    assert mains_hum(hum[:900], rate) is None
    assert mains_hum(hum[::5], 100.0) is None
