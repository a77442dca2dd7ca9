"""The structured heart: against the mesh builder's, and the sanity of drawn shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES
from cardiax.simulate.heart_geometry import build_heart
from cardiax.simulate.varied.grid_geometry import GridShape, grid_heart, topology
from cardiax.simulate.varied.sites import SitePlacement, site_values
from cardiax.simulate.varied.varied_hearts import draw_heart

MEAN = GridShape(
    left_radius=jnp.float32(23),
    left_length=jnp.float32(78),
    left_wall=jnp.array([10.0, 0.5, 1.0]),
    ellipticity=jnp.float32(0),
    sphericity=jnp.float32(1),
    truncation=jnp.float32(0),
    crowding=jnp.float32(1),
    bend=jnp.zeros(2),
    tilt=jnp.zeros(2),
    right_width=jnp.float32(28),
    right_wall=jnp.float32(4.5),
    right_skew=jnp.array([-0.8, 0, -0.15]),
    right_power=jnp.float32(1),
    right_span=jnp.float32(0),
    waves=jnp.zeros((3, 4, 2)),
    fibres=jnp.array([60.0, -60.0]),
)


at_sites = jax.jit(site_values)


def positions(heart, placement):
    return np.stack([at_sites(heart, placement, heart.points[:, i]) for i in range(3)], axis=1)


@pytest.fixture(scope="module")
def hearts():
    build = jax.jit(lambda key: grid_heart(draw_heart(key).shape))
    return [build(key) for key in jax.random.split(jax.random.key(0), 8)]


@pytest.fixture(scope="module")
def mean_heart():
    return jax.jit(grid_heart)(MEAN)


def test_the_mean_shape_is_that_of_the_mesh_builder(mean_heart):
    found, expected = mean_heart, build_heart()
    apart = np.linalg.norm(found.points - expected.points, axis=1)
    assert apart.max() < 3.0  # its wall thins differently towards the apex
    assert apart.mean() < 1.5
    for axis, other in ((0, expected.fibres), (2, expected.normals)):
        assert np.abs(np.sum(np.asarray(found.axes[axis]) * other, axis=1)).min() > 0.95
    np.testing.assert_allclose(np.linalg.norm(found.axes, axis=2), 1.0, atol=1e-5)
    # The sites of that heart are at 12, 42 and 72 % of the way in latitude.
    levels = jnp.sin(jnp.radians(90 * jnp.array([0.12, 0.42, 0.72])))
    placement = SitePlacement(levels, jnp.float32(1), jnp.zeros(30), jnp.zeros(30), jnp.float32(0.6))
    sites = positions(found, placement)
    assert np.linalg.norm(sites - expected.points[expected.sites], axis=1).max() < 4.0


def test_drawn_hearts_are_hearts(hearts):
    tetrahedra = topology().tetrahedra
    volumes = []
    for heart in hearts:
        a, b, c, d = (np.asarray(heart.points, np.float64)[tetrahedra[:, i]] for i in range(4))
        volume = np.einsum("ei,ei->e", np.cross(b - a, c - a), d - a) / 6
        assert np.mean(volume < 0) < 1e-3
        volumes.append(volume.sum() / 1000)
    # Myocardium of both ventricles, ml; the left one alone is normally 66 to 200 g (Lang et al. 2015, two dimensions),
    # 63 to 190 ml at 1.05 g/ml.
    assert 50 < min(volumes) < max(volumes) < 350
    assert np.std(volumes) > 10


def test_sites_lie_where_their_names_say(hearts):
    place = {name: index for index, name in enumerate(SITE_NAMES)}
    placement = SitePlacement(
        jnp.array([0.17, 0.5, 0.83]), jnp.float32(1), jnp.zeros(30), jnp.zeros(30), jnp.float32(0.5)
    )
    for heart in hearts:
        at = positions(heart, placement)
        assert at[place["AHA07"], 1] > at[place["AHA10"], 1] + 20  # anterior, inferior
        assert at[place["AHA12"], 0] > at[place["AHA08"], 0] + 20  # lateral, septal
        assert at[place["RV07"], 0] < at[place["AHA08"], 0]
        assert at[place["AHA01"], 2] > at[place["AHA07"], 2] > at[place["AHA13"], 2] > at[place["AHA17"], 2]
        inner, middle, outer = (at[place[name]] for name in ("AHA05", "MID_AHA05", "EPI_AHA05"))
        np.testing.assert_allclose(middle, (inner + outer) / 2, atol=0.5)
        septum = (at[place["AHA08"]] + at[place["RV10"]]) / 2
        np.testing.assert_allclose(at[place["SEPTM_AHA08_RV10"]], septum, atol=0.5)


def test_a_field_that_is_linear_on_the_grid_is_interpolated_exactly(mean_heart):
    known = topology()
    depth = np.zeros(len(known.transmural), np.float32)
    depth[known.left] = np.linspace(0, 1, 4)
    placement = SitePlacement(
        jnp.array([0.2, 0.5, 0.8]), jnp.float32(1), jnp.zeros(30), jnp.zeros(30), jnp.float32(0.4)
    )
    found = dict(zip(SITE_NAMES, np.asarray(at_sites(mean_heart, placement, jnp.asarray(depth))).tolist(), strict=True))
    expected = {"AHA04": 0.0, "MID_AHA04": 0.4, "EPI_AHA04": 1.0, "SEPTM_AHA09_RV09": 0.4, "RV09": 1.0}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
