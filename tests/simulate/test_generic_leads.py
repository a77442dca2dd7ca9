"""The leads that times give on the generic heart, against values worked by hand and the simulator."""

import jax
import numpy as np
import pytest

from cardiax.ecg.leads import LEADS, SITE_NAMES, twelve_leads
from cardiax.ecg.voltage import activation_time, apd90
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.generic_leads import (
    DEPOLARISATION,
    explained_leads,
    fitted,
    generic_heart,
    generic_leads,
)
from cardiax.simulate.heart_geometry import build_heart, spline_weights
from cardiax.simulate.heart_recording import planned_beat, prepare_heart, simulate_beat
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS, lead_field
from cardiax.simulate.patterns import plan
from cardiax.simulate.volunteers import ELECTRODE_DISTANCES, POSE, rotation_about, volunteer


def wave():
    """Times (75,), ms, of a wave from the apex to the base, 50 ms long."""
    heart = generic_heart()
    height = heart.sites[:, 2]
    return 20 + 50 * (height - height.min()) / np.ptp(height)


def test_the_share_and_the_gain_by_hand():
    """Lead 0 of the model is ±1, lead 1 is 0; the recorded ones are twice that with an offset, and ±1 of their own."""
    model, recorded = np.zeros((4, 2)), np.zeros((4, 2))
    model[:, 0], recorded[:, 0], recorded[:, 1] = [1, -1, 1, -1], [5, 1, 5, 1], [1, 1, -1, -1]
    found = fitted(model, recorded)
    assert found.share == pytest.approx(16 / (16 + 4))
    np.testing.assert_allclose(found.leads, np.stack([recorded[:, 0], np.zeros(4)], axis=1))
    opposite = fitted(-model, recorded)
    assert opposite.share == 0
    np.testing.assert_allclose(opposite.leads, [[3, 0]] * 4)
    assert fitted(model, np.zeros((4, 2))).share == fitted(0 * model, recorded).share == 0
    assert fitted(model, 0.1 * model + 7).share == pytest.approx(1)


def test_times_that_are_linear_in_space_give_the_leads_of_the_lead_field():
    """The leads of the whole mesh, as the simulator has them, from times at 75 sites: what these lose is in between."""
    heart = build_heart()
    azimuth, elevation, roll = POSE
    up, forward = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    rotation = rotation_about(up, azimuth) @ rotation_about(forward, -elevation) @ rotation_about(up, -roll)
    electrodes = ELECTRODE_POSITIONS * np.asarray(ELECTRODE_DISTANCES)[:, None]
    field = lead_field(heart.points @ rotation.T, heart.tetrahedra, electrodes)
    height = heart.points[:, 2]
    low, size = height[heart.sites].min(), np.ptp(height[heart.sites])
    times = 20 + 50 * (height - low) / size
    voltage = np.asarray(action_potential(np.arange(500.0)[None] - times[:, None], np.full((len(times), 1), 280.0)))
    expected = twelve_leads((field @ voltage).T)
    found = generic_leads(wave(), np.full(75, 280.0))
    assert found is not None
    assert fitted(found, expected).share > 0.85
    weights = spline_weights(heart.points, heart.points[heart.sites])
    in_steps = voltage[heart.sites].T @ twelve_leads((field @ weights).T)
    assert fitted(in_steps, expected).share < fitted(found, expected).share
    # The wave runs from the apex, at the lower left, to the base: lead II and V6 go down, aVR goes up.
    at = [LEADS.index(name) for name in ("II", "V6", "aVR")]
    first = found[25:60, at].mean(axis=0)
    assert (np.sign(first) == [-1, -1, 1]).all()


def test_times_explain_the_part_of_depolarisation_and_voltages_all():
    times = wave()
    voltage = np.asarray(action_potential(np.arange(500.0)[:, None] - times, np.full(75, 300.0)))
    recorded = generic_leads(times, np.full(75, 300.0))
    of_times, of_voltages = explained_leads(times, None, 3 * recorded), explained_leads(times, voltage, 3 * recorded)
    assert of_times.leads.shape == (DEPOLARISATION, 12)
    assert of_times.share > 0.99
    assert of_voltages.share > 0.99
    np.testing.assert_allclose(of_voltages.leads, 3 * recorded, atol=0.05 * np.abs(3 * recorded).max())
    assert explained_leads(90 - times, None, recorded).share < 0.1  # the wave runs the other way


def test_sites_that_do_not_activate_are_interpolated_unless_they_are_too_many():
    times = wave()
    known = np.arange(75) != SITE_NAMES.index("AHA08")
    some = generic_leads(np.where(known, times, np.nan), np.where(known, 280.0, np.nan))
    whole = generic_leads(times, np.full(75, 280.0))
    assert fitted(some, whole).share > 0.99
    assert generic_leads(np.where(np.arange(75) < 37, times, np.nan)) is None
    assert explained_leads(np.full(75, np.nan), None, whole) is None
    # A duration that is not known is the usual one.
    usual = generic_leads(times)
    np.testing.assert_allclose(generic_leads(times, np.full(75, np.nan))[:180], usual[:180], atol=1e-3)
    assert fitted(generic_leads(times, np.full(75, np.nan)), usual).share > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("number", [13, 16])  # the volunteers of the validation split
def test_what_is_lost_between_75_sites(number):
    """Of a volunteer's own heart and torso: what true times, and true voltages, explain of the simulated leads."""
    person = volunteer(number)
    heart, prepared, step = build_heart(person.shape), prepare_heart(person), jax.jit(simulate_beat)
    weights = spline_weights(heart.points, heart.points[heart.sites])
    shares = []
    for index in np.linspace(0, 449, 48).astype(int):
        electrodes, voltage, _ = map(np.asarray, step(prepared, planned_beat(plan(number, int(index)))))
        times, durations = activation_time(voltage), apd90(voltage)
        durations = np.where(np.isfinite(durations), durations, np.nanmean(durations))
        time = (np.arange(500.0)[None] - (weights @ times)[:, None]).astype(np.float32)
        of_times = np.asarray(action_potential(time, (weights @ durations).astype(np.float32)[:, None]))
        given = [twelve_leads((np.asarray(prepared.leads) @ one).T) for one in (of_times, weights @ voltage.T)]
        shares.append(
            [fitted(one[:part], twelve_leads(electrodes)[:part]).share for one in given for part in (180, 500)]
        )
    found = np.median(shares, axis=0)
    print(f"volunteer {number}: times {found[0]:.2f} (180 ms), {found[1]:.2f} (500 ms); voltages {found[2:]}")
    assert (found[:2] > found[2:]).all()
    assert (found[:2] > 0.65).all()
