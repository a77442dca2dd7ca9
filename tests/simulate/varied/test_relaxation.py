"""Activation on the grid: plane waves worked by hand, and the exact solver's times on the same mesh."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.simulate.eikonal import SPEEDS, travel_times
from cardiax.simulate.heart_geometry import build_heart
from cardiax.simulate.varied.grid_geometry import GridHeart, grid_heart, topology
from cardiax.simulate.varied.relaxation import SWEEPS, Conduction, relax, step_times
from cardiax.simulate.varied.varied_hearts import draw_heart

NONE = jnp.ones(2)

find_steps, spread = jax.jit(step_times), jax.jit(relax, static_argnums=2)


@pytest.fixture(scope="module")
def slab():
    """The left grid unrolled into a slab with 2 mm between its points and axes x, y, z; all else is far away."""
    known = topology()
    points = np.full((len(known.transmural), 3), 1e4)
    points[known.left] = 2.0 * np.stack(np.indices(known.left.shape), axis=-1)
    points[known.left[0, -1]] = 2e4  # the apex belongs to every meridian
    axes = np.broadcast_to(np.eye(3)[:, None], (3, len(points), 3))
    return GridHeart(jnp.asarray(points, jnp.float32), jnp.asarray(axes, jnp.float32), jnp.zeros(48), jnp.zeros(16))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_wave_moves_at_the_speed_of_its_direction(slab, axis):
    speeds, known = np.array([0.6, 0.4, 0.25], np.float32), topology()
    inner = known.left[5:20, :15]  # far from where the slab is closed to a ring
    start = np.take(inner, 0, axis=axis)
    onsets = jnp.full(len(slab.points), jnp.inf).at[start.ravel()].set(0.0)
    times = np.asarray(spread(find_steps(slab, Conduction(jnp.asarray(speeds), NONE, NONE)), onsets, SWEEPS))[inner]
    expected = np.moveaxis(np.zeros(inner.shape), axis, -1) + 2.0 * np.arange(inner.shape[axis]) / speeds[axis]
    np.testing.assert_allclose(np.moveaxis(times, axis, -1), expected, rtol=1e-5, atol=1e-4)


def test_a_point_wave_is_an_ellipsoid(slab):
    speeds, known = np.array([0.6, 0.4, 0.25]), topology()
    centre = known.left[12, 7, 0]
    onsets = jnp.full(len(slab.points), jnp.inf).at[centre].set(3.0)
    times = np.asarray(
        spread(find_steps(slab, Conduction(jnp.asarray(speeds, jnp.float32), NONE, NONE)), onsets, SWEEPS)
    )
    near = known.left[6:19, 2:13]
    expected = 3 + np.linalg.norm((np.asarray(slab.points)[near] - np.asarray(slab.points)[centre]) / speeds, axis=-1)
    assert (times[near] >= expected - 1e-3).all()  # lines that bend at points are not shorter than a straight one
    assert np.mean(times[near] - expected) < 0.03 * expected.mean()


def test_the_purkinje_network_is_fast_up_to_its_height(slab):
    known = topology()
    ring = known.left[5, :15, 0]  # down one meridian of the endocardium
    onsets = jnp.full(len(slab.points), jnp.inf).at[ring[-1]].set(0.0)
    conduction = Conduction(jnp.full(3, 0.5), jnp.array([2.0, 2.0]), jnp.array([0.5, 0.5]))
    times = np.asarray(spread(find_steps(slab, conduction), onsets, SWEEPS))[ring]
    steps = -np.diff(times)[::-1]
    fast = known.apicobasal[ring][::-1][1:] <= 0.5
    np.testing.assert_allclose(steps, np.where(fast, 2.0, 4.0), atol=1e-3)


def test_times_on_a_drawn_heart_are_those_of_the_exact_solver():
    known = topology()
    heart = jax.jit(lambda key: grid_heart(draw_heart(key).shape))(jax.random.key(3))
    mesh = dataclasses.replace(
        build_heart(),
        points=np.asarray(heart.points, np.float64),
        fibres=np.asarray(heart.axes[0], np.float64),
        normals=np.asarray(heart.axes[2], np.float64),
    )
    everywhere = Conduction(jnp.array(SPEEDS), jnp.full(2, 2.0), jnp.full(2, 2.0))
    steps = find_steps(heart, everywhere)
    for source in (known.left[20, 8, 0], known.right[10, 5, 2]):
        expected = travel_times(mesh, np.array([source]), SPEEDS, 2.0)[0]
        onsets = jnp.full(len(expected), jnp.inf).at[source].set(0.0)
        found = np.asarray(spread(steps, onsets, SWEEPS))
        far = expected > 5
        assert np.mean(np.abs(found - expected)[far] / expected[far]) < 0.08
        assert abs(np.mean((found - expected)[far] / expected[far])) < 0.05


def test_no_wave_of_eight_drawn_hearts_needs_more_sweeps():
    known = topology()

    def drawn_steps(key):
        drawn = draw_heart(key)
        return step_times(grid_heart(drawn.shape), drawn.conduction)

    draw = jax.jit(drawn_steps)
    for key in jax.random.split(jax.random.key(0), 8):
        steps = draw(key)
        for source in (known.left[0, 0, -1], known.left[20, 8, 0], known.right[10, 0, 2]):
            onsets = jnp.full(len(known.transmural), jnp.inf).at[source].set(0.0)
            np.testing.assert_array_equal(spread(steps, onsets, SWEEPS), spread(steps, onsets, 2 * SWEEPS))
