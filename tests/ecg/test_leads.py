"""Leads and times: Einthoven's and Goldberger's identities, and crossings worked by hand."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardiax.ecg.leads import ELECTRODES, LEADS, SITE_NAMES, WALLS, twelve_leads
from cardiax.ecg.voltage import activation_time, apd90

POTENTIALS = st.floats(-5, 5, width=32)


@given(electrodes=hnp.arrays(np.float32, st.sampled_from([(10,), (3, 10), (2, 4, 10)]), elements=POTENTIALS))
@settings(deadline=None, max_examples=50)
def test_identities_of_einthoven_and_goldberger(electrodes):
    leads = np.asarray(twelve_leads(electrodes))
    assert leads.shape == (*electrodes.shape[:-1], 12)
    one, two, three, right, left, foot, *chest = np.moveaxis(leads, -1, 0)
    np.testing.assert_allclose(one + three, two, atol=1e-5)
    np.testing.assert_allclose(right + left + foot, 0, atol=1e-5)
    np.testing.assert_allclose(right, -(one + two) / 2, atol=1e-5)
    np.testing.assert_allclose(foot, (two + three) / 2, atol=1e-5)
    wilson = electrodes[..., :3].mean(axis=-1)
    np.testing.assert_allclose(np.stack(chest, -1), electrodes[..., 4:] - wilson[..., None], atol=1e-5)


@given(electrodes=hnp.arrays(np.float32, (5, 10), elements=POTENTIALS), reference=POTENTIALS)
@settings(deadline=None, max_examples=30)
def test_leads_do_not_depend_on_the_reference_nor_on_the_ground(electrodes, reference):
    moved = electrodes + np.float32(reference)
    moved[:, ELECTRODES.index("RL")] += 1
    np.testing.assert_allclose(twelve_leads(moved), twelve_leads(electrodes), atol=2e-5)


def test_leads_by_hand():
    leads = np.asarray(twelve_leads(np.array([0.0, 3.0, 6.0, 100.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0])))
    assert dict(zip(LEADS, leads.tolist(), strict=True)) == pytest.approx(
        {"I": 3, "II": 6, "III": 3, "aVR": -4.5, "aVL": 0, "aVF": 4.5}
        | {"V1": 2, "V2": 1, "V3": 0, "V4": -1, "V5": -2, "V6": -3}
    )


def test_wrong_electrodes_are_told():
    with pytest.raises(ValueError, match=r"RA, LA, LL, RL, V1.*got shape \(500, 12\)"):
        twelve_leads(np.zeros((500, 12)))


def voltages() -> np.ndarray:
    """Five sites: crossing between samples 3 and 4, never, above from the start, late, not repolarised."""
    voltage = np.full((12, 5), -80.0, np.float32)
    voltage[:, 0] = [-80, -80, -80, -20, 30, 20, 10, -40, -80, -80, -80, -80]
    voltage[:, 2] = 10
    voltage[9:, 3] = 5
    voltage[4:, 4] = 20
    return voltage


def test_activation_is_the_first_crossing_of_0_mv():
    expected = [3 + 20 / 50, np.nan, 0, 8 + 80 / 85, 3 + 80 / 100]
    np.testing.assert_allclose(activation_time(voltages()), expected, rtol=1e-6)
    batch = np.stack([voltages(), voltages()])
    np.testing.assert_array_equal(jax.jit(activation_time)(batch)[1], activation_time(voltages()))


def test_apd90_by_hand():
    # Peak 30, rest -80: 90 % repolarised at -69, which the way from -40 to -80 crosses at 7 + 29/40.
    found = np.asarray(apd90(voltages()))
    np.testing.assert_allclose(found[0], 7 + 29 / 40 - 3.4, rtol=1e-6)
    assert np.isnan(found[1:]).all()


def test_float64_of_numpy_is_read_without_a_warning():
    voltage = np.where(np.arange(500)[:, None] < [100, 200], -85.0, 20.0)
    np.testing.assert_allclose(activation_time(voltage), [100 - 20 / 105, 200 - 20 / 105], rtol=1e-5)
    assert np.isnan(apd90(voltage)).all()  # never repolarised


def test_each_site_is_of_one_wall():
    sites = [site for own in WALLS.values() for site in own]
    assert sorted(sites) == list(range(75))
    named = {wall: {SITE_NAMES[site] for site in own} for wall, own in WALLS.items()}
    assert {"AHA08", "RV10", "SEPTM_AHA08_RV10"} <= named["septum"]
    assert {"AHA10", "EPI_AHA10", "MID_AHA10"} <= named["inferior left ventricle"]
    assert {"RV01", "EPI_RV01", "MID_RV12"} <= named["right ventricle"]
