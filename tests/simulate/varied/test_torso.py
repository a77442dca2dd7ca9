"""Potentials on a torso: a sphere's closed form, the unbounded conductor, and the host's lead field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_legendre

from cardiax.simulate.heart_geometry import build_heart
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS, lead_field
from cardiax.simulate.varied import torso

RADIUS = 100.0
SHAPE = jax.tree.map(
    jnp.float32, torso.TorsoShape(160.0, 115.0, 2.4, 200.0, -330.0, 0.7, 0.85, np.array([-12.0, -8.0]))
)


solve = jax.jit(torso.transfer)


def sphere(outside: float, meridians: int = 32, rows: int = 16) -> torso.Surfaces:
    angle, latitude = np.linspace(0, 2 * np.pi, meridians + 1), np.linspace(-np.pi / 2, np.pi / 2, rows + 1)[:, None]
    grid = RADIUS * np.stack(
        [np.cos(latitude) * np.cos(angle), np.cos(latitude) * np.sin(angle), np.sin(latitude) + 0 * angle], axis=-1
    )
    corners = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2).reshape(-1, 4, 3)
    count = len(corners)
    return torso.Surfaces(
        jnp.asarray(corners, jnp.float32), jnp.ones(count), jnp.full(count, outside), jnp.zeros(count, jnp.int32)
    )


@pytest.mark.parametrize("depth", [0.0, 50.0])
def test_a_dipole_in_a_sphere_has_the_potential_of_its_series(depth):
    surface = sphere(0.0)
    at = np.asarray(torso.centres(surface), np.float64)
    away = at - [0, 0, depth]
    unbounded = away[:, 2] / np.linalg.norm(away, axis=1) ** 3 / (4 * np.pi)
    found = np.asarray(solve(surface, jnp.eye(len(at)))) @ unbounded
    # A radial dipole at distance b from the centre of a sphere of radius R, on its surface:
    # φ = 1/(4πR²) Σ (2l + 1) (b/R)^(l − 1) P_l (Wilson and Bayley 1950, Circulation 1:84).
    radius = np.linalg.norm(at, axis=1)
    terms = [(2 * n + 1) * (depth / radius) ** (n - 1) * eval_legendre(n, at[:, 2] / radius) for n in range(1, 40)]
    expected = np.sum(terms, axis=0) / (4 * np.pi * radius**2)
    found, expected = found - found.mean(), expected - expected.mean()
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


def test_without_a_boundary_the_potential_is_that_of_the_unbounded_conductor():
    surface = sphere(1.0, 12, 6)
    np.testing.assert_allclose(solve(surface, jnp.eye(72)) + 1 / 72, np.eye(72) + 1 / 72, atol=0.02)


def test_the_lead_field_is_that_of_the_host():
    heart = build_heart()
    points, places = (jnp.asarray(one, jnp.float32) for one in (heart.points, ELECTRODE_POSITIONS))
    potential = torso.reciprocal_potential(points, places, jnp.eye(10))
    fibres = jnp.asarray(heart.fibres, jnp.float32)
    found = torso.tissue_leads(points, heart.tetrahedra, fibres, jnp.float32(1), potential)
    front = 100.0 * (heart.points @ np.random.default_rng(1).normal(size=(3, 6)) > 0)  # plane waves
    expected = lead_field(heart.points, heart.tetrahedra, ELECTRODE_POSITIONS) @ front
    assert np.linalg.norm(found @ front - expected) < 0.01 * np.linalg.norm(expected)
    np.testing.assert_allclose(found.sum(axis=1), 0.0, atol=1e-5)  # tissue at one voltage makes no potential


def test_fibres_that_conduct_better_add_a_dipole_along_them():
    # One tetrahedron with legs of 1 mm, Z = x and V = x: −∫ ∂V/∂x a ∂Z/∂x = −a/6 for fibres along x, else −1/6.
    points = jnp.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    for axis, expected in ((0, -3 / 6), (1, -1 / 6)):
        fibres = jnp.broadcast_to(jnp.eye(3)[axis], (4, 3))
        leads = torso.tissue_leads(points, np.array([[0, 1, 2, 3]]), fibres, jnp.float32(3), points[:, :1])
        np.testing.assert_allclose(leads @ points[:, 0], [expected], rtol=1e-5)


def test_an_inverted_tetrahedron_cancels_what_it_overlaps():
    # The fourth corner was folded below the other three: the flow through one is that through the other, reversed.
    points = jnp.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]])
    fibres = jnp.broadcast_to(jnp.eye(3)[0], (5, 3))
    both = np.array([[0, 1, 2, 3], [0, 1, 2, 4]])
    leads = torso.tissue_leads(points, both, fibres, jnp.float32(1), points[:, :1])
    np.testing.assert_allclose(leads @ points[:, 0], [0.0], atol=1e-6)


def test_elements_are_smallest_at_the_front_towards_the_left():
    angle = np.degrees(np.asarray(torso.torso_grid(SHAPE)[0]))
    assert (np.diff(angle) > 0).all()
    smallest = np.argmin(np.diff(angle))
    middle = (angle[smallest] + angle[smallest + 1]) / 2
    assert 60 < middle < 85  # 0 is the left and 90 the front
    assert np.diff(angle).min() < 0.6 * 360 / torso.AROUND


def test_an_electrode_takes_the_elements_around_it():
    surface = torso.torso_surface(SHAPE, jnp.float32(0))
    at = torso.centres(surface)
    angle, height = jnp.array([0.3, 1.6, -3.0, 3.1, 6.1]), jnp.array([100.0, 0.0, -200.0, 40.0, -30.0])
    weights = jax.jit(torso.electrode_weights)(SHAPE, angle, height)
    assert weights.shape == (5, len(at))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)
    expected = torso.torso_points(SHAPE, angle, height)
    assert np.linalg.norm(weights @ at - expected, axis=1).max() < 10.0  # chords of elements of 20 to 60 mm
