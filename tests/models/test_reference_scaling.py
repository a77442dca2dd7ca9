"""The reference systems' scalings, by hand, and their inverses."""

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.models.reference_scaling import ECG_RANGE, RESTING_VOLTAGE, VOLTAGE_RANGE, lead_range, z_score

LEADS = jnp.asarray(np.random.default_rng(0).normal(size=(2, 500, 12)), jnp.float32)


@pytest.mark.parametrize("scaling", [ECG_RANGE, RESTING_VOLTAGE, lead_range(LEADS), z_score(LEADS)])
def test_the_inverse(scaling):
    np.testing.assert_allclose(scaling.undo(scaling.scale(LEADS)), LEADS, atol=1e-4)


def test_lead_range_is_per_lead_and_case():
    scaled = lead_range(LEADS).scale(LEADS)
    np.testing.assert_allclose(scaled.max(axis=1) - scaled.min(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(lead_range(7 * LEADS).scale(7 * LEADS), scaled, rtol=1e-5)
    flat = jnp.full((1, 4, 2), 3.0)
    np.testing.assert_array_equal(lead_range(flat).scale(flat), flat)


def test_z_score_by_hand():
    signal = jnp.asarray([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(z_score(signal).scale(signal), [[-1, 0], [1, 0]])


def test_fixed_ranges_by_hand():
    ends = jnp.asarray([[-93.09], [49.53]])
    np.testing.assert_allclose(VOLTAGE_RANGE.scale(ends), [[0], [1]], atol=1e-6)
    ends = jnp.asarray([[-5.954], [5.473]])
    np.testing.assert_allclose(ECG_RANGE.scale(ends), [[0], [1]], atol=1e-6)
    # (v + 85.50618677) / 135.50618677 of DATA.md: rest is 0, 50 mV is 1.
    ends = jnp.asarray([[-85.50618677], [50.0]])
    np.testing.assert_allclose(RESTING_VOLTAGE.scale(ends), [[0], [1]], atol=1e-6)
