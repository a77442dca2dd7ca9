"""Drawn beats: what physics demands of any of them, and that hearts differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES, twelve_leads
from cardiax.simulate.varied import varied_beats
from cardiax.simulate.varied.grid_geometry import grid_heart, topology
from cardiax.simulate.varied.varied_hearts import draw_heart

COUNT = len(topology().transmural)


@pytest.fixture(scope="module")
def simulated():
    run = jax.jit(varied_beats.simulate_heart, static_argnums=1)
    return [run(jax.random.key(seed), 2) for seed in range(3)]


def test_beats_begin_at_rest_and_spread_through_the_heart(simulated):
    for electrodes, times in simulated:
        assert electrodes.shape == (2, 500, 10)
        assert times.shape == (2, len(SITE_NAMES))
        assert np.isfinite(electrodes).all()
        assert times.min() >= 1.0
        assert 40 < times.max() < 400
        leads = twelve_leads(np.asarray(electrodes))
        peak = np.abs(leads).max(axis=(1, 2))
        assert (peak > 0.05).all()
        assert (peak < 25).all()
        assert (np.abs(leads[:, 0]).max(axis=1) < 0.1 * peak).all()  # nothing is active before the first millisecond
    assert len({float(times[0, 0]) for _, times in simulated}) == 3


def test_a_key_gives_one_heart(simulated):
    again = jax.jit(varied_beats.simulate_heart, static_argnums=1)(jax.random.key(1), 2)
    jax.tree.map(np.testing.assert_array_equal, again, simulated[1])


@pytest.mark.parametrize("bounded", [False, True])
def test_tissue_at_one_voltage_is_not_seen(bounded):
    drawn = jax.jit(draw_heart)(jax.random.key(5))
    drawn = drawn._replace(body=drawn.body._replace(bounded=jnp.asarray(bounded)))
    leads = np.asarray(jax.jit(lambda one: varied_beats.electrode_leads(grid_heart(one.shape), one))(drawn))
    half = np.zeros(COUNT)
    half[topology().left[:24].ravel()] = 100.0
    assert np.abs(leads @ np.full(COUNT, 100.0)).max() < 1e-3 * np.abs(leads @ half).max()
    potentials = twelve_leads((leads @ half)[None])
    assert np.abs(potentials).max() > 0.02


def test_onsets_are_where_the_kinds_of_beats_start():
    known = topology()
    onsets = np.asarray(jax.jit(jax.vmap(varied_beats.draw_onsets))(jax.random.split(jax.random.key(0), 200)))
    started = np.isfinite(onsets)
    counts = started.sum(axis=1)
    assert (counts >= 1).all()
    assert counts.max() <= 9
    assert onsets[started].max() <= 35
    assert onsets[started].min() >= 0
    endocardial = np.array([(known.endocardium[row] > 0).all() for row in started])
    assert 0.5 < endocardial.mean() < 0.75  # 0.55, and the foci that happen to lie there
    left = np.array([(known.endocardium[row] == 1).all() for row in started])
    right = np.array([(known.endocardium[row] == 2).all() for row in started])
    assert left.mean() > 0.08
    assert right.mean() > 0.08
    assert 0.3 < (counts == 1).mean() < 0.55
