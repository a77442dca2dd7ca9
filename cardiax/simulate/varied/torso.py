"""Electrode potentials on a torso of finite extent, by the boundary element method; pure functions of JAX.

The torso and what lies in it are closed surfaces of quadrilaterals, each with a conductivity inside and outside, and a
constant potential on each element. On element i (Geselowitz 1967, Biophys. J. 7:1-11; collocation at its centre,
Barnard et al. 1967, doi:10.1016/S0006-3495(67)86599-8)

    (σ⁻ᵢ + σ⁺ᵢ)/2 φᵢ = σ φ∞(cᵢ) + 1/4π Σⱼ (σ⁻ⱼ − σ⁺ⱼ) Ωᵢⱼ φⱼ,

with the potential φ∞ in the unbounded conductor σ and the solid angles Ωᵢⱼ (van Oosterom and Strackee 1983,
doi:10.1109/TBME.1983.325207). A potential in the torso is known up to a constant; here its mean is that of φ∞.

The lead field is the reciprocal potential Z at the heart's points, times the stiffness matrix of the tissue: for V_m
linear in each tetrahedron, φ = −∫ ∇V_m · D ∇Z, where D is the intracellular conductivity over that of the torso.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Surfaces(NamedTuple):
    """Closed surfaces, together N elements.

    Attributes:
      corners: (N, 4, 3), mm, of each quadrilateral, in order around it; two may coincide.
      inside, outside: (N,), conductivities on the two sides of each, relative to that around the heart.
      surface: int (N,), number of the surface that each belongs to.
    """

    corners: jax.Array
    inside: jax.Array
    outside: jax.Array
    surface: jax.Array


def centres(surfaces: Surfaces) -> jax.Array:
    """Return the centres (N, 3), mm, of the elements."""
    return jnp.mean(surfaces.corners, axis=1)


def transfer(surfaces: Surfaces, weights: jax.Array) -> jax.Array:
    """Compute the matrix (X, N) from φ∞ at the centres to the potentials at X electrodes.

    Args:
      surfaces: the torso, and what lies in it.
      weights: (X, N), the potential at an electrode as a weighted mean of those of elements.
    """
    at = centres(surfaces)
    quads = surfaces.corners
    angles = _solid_angles(at, quads[:, [0, 1, 2]]) + _solid_angles(at, quads[:, [0, 2, 3]])
    same = surfaces.surface[:, None] == surfaces.surface[None]
    count = angles.shape[0]
    others = angles * (1 - jnp.eye(count))
    # A closed surface fills 2π as seen from a point on it; elements that are not flat miss that a little.
    outward = jnp.sign(jnp.sum(jnp.where(same, others, 0.0), axis=1))
    others = others * outward[None, :]
    full = jnp.diag(2 * jnp.pi - jnp.sum(jnp.where(same, others, 0.0), axis=1))
    jump = (surfaces.inside - surfaces.outside)[None, :]
    matrix = jnp.diag((surfaces.inside + surfaces.outside) / 2) - jump * (others + full) / (4 * jnp.pi)
    return jnp.linalg.solve(matrix.T + 1.0 / count, weights.T).T


def _solid_angles(at: jax.Array, triangles: jax.Array) -> jax.Array:
    """Compute the solid angles (M, N) of triangles (N, 3, 3) as seen from points (M, 3)."""
    a, b, c = (triangles[None, :, i] - at[:, None] for i in range(3))
    la, lb, lc = (jnp.sqrt(jnp.sum(v * v, axis=-1)) for v in (a, b, c))
    volume = jnp.sum(a * jnp.cross(b, c), axis=-1)
    below = la * lb * lc + jnp.sum(a * b, axis=-1) * lc + jnp.sum(b * c, axis=-1) * la + jnp.sum(c * a, axis=-1) * lb
    return 2 * jnp.arctan2(volume, below)


def reciprocal_potential(points: jax.Array, at: jax.Array, weights: jax.Array) -> jax.Array:
    """Compute Z (P, X), 1/mm: of unit currents at `at` (N, 3), mm, weighted (X, N), at the points (P, 3), mm."""
    distance = jnp.linalg.norm(points[:, None] - at[None], axis=-1)
    return (1 / (4 * jnp.pi * distance)) @ weights.T


def tissue_leads(
    points: jax.Array, tetrahedra: np.ndarray, fibres: jax.Array, anisotropy: jax.Array, potential: jax.Array
) -> jax.Array:
    """Compute the lead field (X, P), for which its product with V_m (P, …) gives the electrode potentials.

    Args:
      points: (P, 3), mm.
      tetrahedra: int (E, 4), point indices, of positive volume; where a drawn shape inverts a tetrahedron, its part is
        subtracted, because the tissue that it covers is covered twice by others.
      fibres: (P, 3), unit vectors.
      anisotropy: (), conductivity along the fibres over that across them, which is 1.
      potential: (P, X), 1/mm, the reciprocal potential Z.
    """
    corners = points[tetrahedra]
    a, b, c = (corners[:, i] - corners[:, 0] for i in (1, 2, 3))
    volume = jnp.sum(a * jnp.cross(b, c), axis=1, keepdims=True)  # six times that of the tetrahedron, signed
    safe = jnp.where(jnp.abs(volume) < 1e-6, 1e-6, volume)
    normals = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)
    slopes = jnp.concatenate([-jnp.sum(normals, axis=1, keepdims=True), normals], axis=1) / safe[:, None]
    gradient = jnp.einsum("eic,eix->ecx", slopes, potential[tetrahedra])
    fibre = jnp.sum(fibres[tetrahedra], axis=1)
    fibre = fibre / jnp.maximum(jnp.linalg.norm(fibre, axis=1, keepdims=True), 1e-12)
    along = jnp.einsum("ec,ecx->ex", fibre, gradient)
    flow = (gradient + (anisotropy - 1) * fibre[:, :, None] * along[:, None]) * (volume / 6)[..., None]
    shares = -jnp.einsum("eic,ecx->eix", slopes, flow)
    return jnp.zeros_like(potential).at[tetrahedra].add(shares).T


class TorsoShape(NamedTuple):
    """A torso as a stack of superellipses, narrower towards the neck and the hips; mm.

    Attributes:
      breadth, depth: (), half axes at the level of the heart, along x (left) and y (front).
      power: (), exponent of the superellipse: 2 is an ellipse, more is boxier.
      top, bottom: (), heights of its ends, from the heart's base.
      shoulder, waist: (), breadth at the two ends, as a fraction.
      centre: (2,), position of its axis along x and y.
    """

    breadth: jax.Array
    depth: jax.Array
    power: jax.Array
    top: jax.Array
    bottom: jax.Array
    shoulder: jax.Array
    waist: jax.Array
    centre: jax.Array


AROUND, UP = 32, 14
"""Elements around the torso, and from the bottom to the top of its side; denser in front, where it is near the heart.
Both ends have a ring of triangles more."""


def torso_points(shape: TorsoShape, angle: jax.Array, height: jax.Array) -> jax.Array:
    """Compute points (…, 3), mm, of the torso's side at angles from the left to the front, radians, and heights, mm."""
    angle, height = jnp.broadcast_arrays(angle, height)
    up = jnp.clip(height / shape.top, 0, 1) ** 2
    down = jnp.clip(height / shape.bottom, 0, 1) ** 2
    scale = (1 - up * (1 - shape.shoulder)) * (1 - down * (1 - shape.waist))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    norm = (jnp.abs(cos / shape.breadth) ** shape.power + jnp.abs(sin / shape.depth) ** shape.power) ** (
        -1 / shape.power
    )
    radius = norm * scale
    return jnp.stack([shape.centre[0] + radius * cos, shape.centre[1] + radius * sin, height], axis=-1)


def torso_grid(shape: TorsoShape) -> tuple[jax.Array, jax.Array]:
    """Return the angles (AROUND + 1,), radians, and the heights (UP + 1,), mm, of the corners of the elements."""
    even = 2 * np.pi * np.arange(AROUND + 1) / AROUND
    angle = even - 0.45 * np.sin(even - np.pi / 2 + 0.3)  # half the spacing in front, somewhat to the left
    step = np.linspace(-1, 1, UP + 1)
    return jnp.asarray(angle), jnp.where(step < 0, -step * shape.bottom, step * shape.top) * np.abs(step) ** 0.3


def torso_surface(shape: TorsoShape, outside: jax.Array) -> Surfaces:
    """Return the torso's elements: its side, row by row, then the bottom and the top."""
    angle, height = torso_grid(shape)
    grid = torso_points(shape, angle[None, :], height[:, None])
    side = jnp.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2).reshape(-1, 4, 3)
    ends = []
    for ring, order in ((grid[0], (1, 0)), (grid[-1], (0, 1))):
        middle = jnp.broadcast_to(jnp.mean(ring[:-1], axis=0), ring[1:].shape)
        pair = (ring[:-1], ring[1:])
        ends.append(jnp.stack([pair[order[0]], pair[order[1]], middle, middle], axis=1))
    corners = jnp.concatenate([side, *ends])
    ones = jnp.ones(corners.shape[0])
    return Surfaces(corners, ones, outside * ones, jnp.zeros(corners.shape[0], jnp.int32))


def electrode_weights(shape: TorsoShape, angle: jax.Array, height: jax.Array) -> jax.Array:
    """Return the weights (X, N) of the elements around electrodes at angles, radians, and heights, mm, (X,)."""
    corners, levels = torso_grid(shape)
    middles, rows = (corners[1:] + corners[:-1]) / 2, (levels[1:] + levels[:-1]) / 2
    around = jnp.concatenate([middles[-1:] - 2 * np.pi, middles, middles[:1] + 2 * np.pi])
    turned = jnp.mod(angle - around[0], 2 * np.pi) + around[0]
    column = jnp.interp(turned, around, jnp.arange(AROUND + 2.0))
    row = jnp.interp(height, rows, jnp.arange(float(UP)))
    tents = jnp.maximum(1 - jnp.abs(column[:, None] - jnp.arange(AROUND + 2.0)[None]), 0.0)
    of_column = tents[:, 1:-1].at[:, -1].add(tents[:, 0]).at[:, 0].add(tents[:, -1])
    of_row = jnp.maximum(1 - jnp.abs(row[:, None] - jnp.arange(float(UP))[None]), 0.0)
    side = (of_row[:, :, None] * of_column[:, None, :]).reshape(len(angle), -1)
    return jnp.concatenate([side, jnp.zeros((len(angle), 2 * AROUND))], axis=1)
