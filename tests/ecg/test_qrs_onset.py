"""The onset of drawn complexes, where it is, whatever their size, shape, noise and offset."""

import numpy as np
import pytest

from cardiax.ecg.qrs_onset import baseline, begins_with_complex, qrs_onsets

ONSETS = np.array([400, 1200, 2100])


def recording(width=90, size=1.0, noise=0.0, p_wave=0.1):
    """Twelve leads of 3 s: half a sine of `width` ms from each onset on, a smaller one 200 ms before it, and noise."""
    leads = np.zeros((3000, 12))
    shape = np.sin(np.pi * np.arange(width) / width)
    for onset in ONSETS:
        leads[onset : onset + width] += shape[:, None] * np.linspace(-1, 1, 12)
        leads[onset - 200 : onset - 110] += p_wave * np.sin(np.pi * np.arange(90) / 90)[:, None]
    return size * leads + noise * np.random.default_rng(0).normal(size=leads.shape)


@pytest.mark.parametrize("size", [0.3, 3.0])
@pytest.mark.parametrize("width", [80, 140])
def test_the_onset_of_a_complex(width, size):
    found = qrs_onsets(recording(width, size), ONSETS + width // 2)
    # The smoothed slope begins some of its standard deviations of 6 ms before the drawn corner.
    np.testing.assert_allclose(found, ONSETS - 10, atol=6)
    assert np.ptp(found - ONSETS) <= 1


def test_a_complex_begins_where_it_does():
    leads = recording(noise=0.002)
    begins = {
        shift: begins_with_complex(leads[1200 + shift : 1700 + shift]) for shift in (-250, -150, -50, 0, 20, 150, 300)
    }
    assert begins == {-250: False, -150: False, -50: True, 0: True, 20: True, 150: False, 300: False}
    assert not begins_with_complex(np.random.default_rng(0).normal(size=(500, 12)))
    assert not begins_with_complex(np.zeros((500, 12)))


def test_noise_moves_it_little():
    clean, noisy = (qrs_onsets(recording(noise=noise), ONSETS + 45) for noise in (0.0, 0.005))
    np.testing.assert_allclose(noisy, clean, atol=8)


def test_an_offset_of_the_leads_does_not_move_it():
    shifted = recording() + np.linspace(-1, 2, 12)
    np.testing.assert_array_equal(qrs_onsets(shifted, ONSETS + 45), qrs_onsets(recording(), ONSETS + 45))


def test_the_baseline_is_linear_between_the_values_before_onsets():
    leads = recording()
    leads += np.interp(np.arange(3000), [390, 1190, 2090], [0.1, 0.5, -0.4])[:, None]
    found = baseline(leads, ONSETS)
    np.testing.assert_allclose(
        found[[0, 400, 800, 1200, 1650, 2100, 2999], 3], [0.1, 0.1, 0.3, 0.5, 0.05, -0.4, -0.4], atol=0.01
    )
