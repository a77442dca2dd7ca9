"""Volunteers, patterns and beats: different where they must be, equal where they must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES, twelve_leads
from cardiax.ecg.voltage import activation_time
from cardiax.simulate.heart_recording import Beat, beat_duration, planned_beat, prepare_heart, simulate_beat
from cardiax.simulate.patterns import PATTERNS, pattern_onsets, plan
from cardiax.simulate.volunteers import VOLUNTEERS, volunteer


@pytest.fixture(scope="module")
def heart():
    return prepare_heart(volunteer(1))


def beat(name, speed=1.0):
    onsets = np.where(np.asarray(SITE_NAMES) == name, 0.0, np.inf)
    return Beat(
        onsets=jnp.asarray(onsets, jnp.float32),
        speed=jnp.float32(speed),
        duration=jnp.float32(300.0),
        moved=jnp.zeros((10, 3)),
    )


def test_volunteers_differ_in_shape_pose_torso_and_conduction():
    people = [volunteer(number) for number in range(1, VOLUNTEERS + 1)]
    for person in people:
        np.testing.assert_allclose(person.rotation @ person.rotation.T, np.eye(3), atol=1e-12)
        apex = person.rotation @ [0, 0, -1.0]
        assert apex[1] > 0.2  # the apex points forward
        assert apex[2] < -0.2  # and down
    for name in ("left_radius", "left_length", "left_wall", "right_width", "fibre_endocardium"):
        assert np.std([getattr(person.shape, name) for person in people]) > 0
    assert len({person.speed for person in people}) == VOLUNTEERS
    assert np.ptp([person.electrodes for person in people], axis=0).min() > 5
    again = volunteer(3)
    assert again.shape == people[2].shape
    np.testing.assert_array_equal(again.electrodes, people[2].electrodes)


def test_a_beat_begins_at_its_stimulus_and_spreads(heart):
    electrodes, voltage, times = jax.jit(simulate_beat)(heart, beat("RV07"))
    assert electrodes.shape == (500, 10)
    assert voltage.shape == (500, 75)
    assert int(jnp.argmin(times)) == SITE_NAMES.index("RV07")
    np.testing.assert_allclose(times.min(), 1.0)
    np.testing.assert_allclose(activation_time(voltage), times, atol=0.15)
    # The other ventricle's lateral wall is reached last.
    assert times[SITE_NAMES.index("EPI_AHA11")] > times[SITE_NAMES.index("RV11")] + 30


def test_conduction_speed_scales_the_times(heart):
    slow, quick = (simulate_beat(heart, beat("AHA08", speed))[2] - 1.0 for speed in (1.0, 1.25))
    np.testing.assert_allclose(quick, slow / 1.25, rtol=1e-5, atol=1e-5)


def test_leads_see_where_the_beat_comes_from(heart):
    # From the right ventricle the wave runs to the left and back: the QRS is upright in lead I and V6 and negative in
    # V1, as in left bundle branch block. From the left lateral wall it is the other way round.
    for name, sign in (("RV07", 1), ("EPI_AHA11", -1)):
        leads = np.asarray(twelve_leads(simulate_beat(heart, beat(name))[0]))[:160].sum(axis=0)
        assert sign * leads[0] > 0
        assert sign * leads[11] > 0
        assert sign * leads[6] < 0


def test_moving_an_electrode_moves_its_potential_alone(heart):
    still = beat("AHA08")
    moved = Beat(still.onsets, still.speed, still.duration, still.moved.at[5, 1].set(-10.0))
    change = np.abs(np.asarray(simulate_beat(heart, moved)[0] - simulate_beat(heart, still)[0])).max(axis=0)
    assert change[5] > 0.01
    np.testing.assert_array_equal(np.delete(change, 5), 0)


def test_patterns_are_declared_and_differ():
    seen = {tuple(pattern_onsets(pattern)) for pattern in range(PATTERNS)}
    assert len(seen) == PATTERNS
    for pattern in range(PATTERNS):
        assert np.isfinite(pattern_onsets(pattern)).any()
        assert pattern_onsets(pattern).min() == 0
    assert not any(np.isfinite(pattern_onsets(p)[SITE_NAMES.index("RV07")]) for p in range(15, 20))  # right block


def test_plans_cover_sites_and_patterns_and_repeat():
    plans = [plan(5, number) for number in range(150)]
    assert {one.innerindex for one in plans} == {-1, *range(75)}
    assert {one.pattern for one in plans} == {-1, *range(PATTERNS)}
    names = {(one.pattern, one.innerindex, one.repetition) for one in plans}
    assert len(names) == 150
    np.testing.assert_array_equal(plan(5, 7).onsets, plans[7].onsets)
    assert not np.array_equal(plan(6, 7).moved, plans[7].moved)
    electrodes = planned_beat(plans[0]).moved
    assert 1 < float(jnp.std(electrodes)) < 5


def test_slow_rates_and_little_current_make_long_action_potentials():
    assert beat_duration(1000, 100) > beat_duration(600, 100)
    assert beat_duration(1000, 50) == pytest.approx(1.10 * beat_duration(1000, 100), rel=0.01)
