"""Hearts of drawn shape on one structured grid, as pure functions of JAX: points and fibres.

The grid is that of `cardiax.simulate.heart_geometry`, in its axes: meridians, rings and layers of the left ventricle,
and the right free wall that rises from it. Only the coordinates depend on the shape, so hearts can be mapped over.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.simulate.heart_geometry import LAYERS, MERIDIANS, RIGHT_LAYERS, RINGS, build_grid


class GridShape(NamedTuple):
    """The shape of a heart; lengths in mm, angles in degrees.

    Attributes:
      left_radius, left_length: largest radius of the left cavity, and its length from base to apex.
      left_wall: thickness of the left wall, and its factors at the apex and at the septum, (3,).
      ellipticity: (), difference of the cavity's two diameters as a fraction of their mean.
      sphericity: (), exponent of the profile from base to apex: 1 is an ellipsoid, less is blunter, more is conical.
      truncation: (), latitude of the base, negative above the equator.
      crowding: (), exponent of the spacing of rings; with less than 1 the right ventricle reaches further down.
      bend: (2,), mm by which the apex is displaced along x and y.
      tilt: (2,), slope of the base along x and y.
      right_width, right_wall: largest width of the right cavity, and thickness of its wall.
      right_skew: (3,), what is added to the outward direction in which the right wall rises.
      right_power: (), exponent of that rise; less than 1 is boxier.
      right_span: (), how much the grid is widened (positive) under the right ventricle.
      waves: (3, 4, 2), mm, amplitudes of smooth bumps: components x, y and z, modes, cosine and sine.
      fibres: (2,), helix angles at endocardium and epicardium, degrees.
    """

    left_radius: jax.Array
    left_length: jax.Array
    left_wall: jax.Array
    ellipticity: jax.Array
    sphericity: jax.Array
    truncation: jax.Array
    crowding: jax.Array
    bend: jax.Array
    tilt: jax.Array
    right_width: jax.Array
    right_wall: jax.Array
    right_skew: jax.Array
    right_power: jax.Array
    right_span: jax.Array
    waves: jax.Array
    fibres: jax.Array


class GridHeart(NamedTuple):
    """A heart on the grid of `topology()`: P points, and three unit vectors at each.

    Attributes:
      points: (P, 3), mm.
      axes: (3, P, 3), unit vectors along the fibre, across it in the wall, and through the wall.
      angles: (48,), degrees, angle of each meridian.
      heights: (16,), distance of each ring from the base, as a fraction of the length.
    """

    points: jax.Array
    axes: jax.Array
    angles: jax.Array
    heights: jax.Array


@dataclass(frozen=True, eq=False)
class Topology:
    """What all hearts of the grid have in common; NumPy.

    Attributes:
      left, right: int (48, 16, 4) and (21, 13, 3), point indices of the two grids.
      span: int (21,), the meridians under the right ventricle.
      tetrahedra: int (E, 4), point indices.
      transmural, apicobasal: (P,), see `cardiax.simulate.heart_geometry.Heart`.
      endocardium: int8 (P,), 1 on the left endocardium, 2 on the right one, else 0.
      right_wall: bool (P,), True in the right free wall.
      neighbours: int (P, N), points that a straight step of the wave can come from; the point itself where fewer.
      hubs, hub_neighbours: int (H,) and (H, M), the points with more than N, and all of theirs.
      next_to: int (P, 3, 2), the points before and after along the three directions of the grid, for differences.
    """

    left: np.ndarray
    right: np.ndarray
    span: np.ndarray
    tetrahedra: np.ndarray
    transmural: np.ndarray
    apicobasal: np.ndarray
    endocardium: np.ndarray
    right_wall: np.ndarray
    neighbours: np.ndarray
    hubs: np.ndarray
    hub_neighbours: np.ndarray
    next_to: np.ndarray


@cache
def topology() -> Topology:
    """Return the grid's topology; computed once."""
    heart, left, right, span = build_grid()
    count = len(heart.points)
    sets: list[set[int]] = [set() for _ in range(count)]
    next_to = np.repeat(np.arange(count)[:, None, None], 6, axis=1).reshape(count, 3, 2)
    for index, around in ((right, False), (left, True)):
        for step in _STEPS:
            start, end = _pairs(index, step, around)
            for one, other in zip(start.tolist(), end.tolist(), strict=True):
                if one != other:
                    sets[one].add(other)
                    sets[other].add(one)
        for axis in range(3):
            start, end = _pairs(index, tuple(int(axis == i) for i in range(3)), around)
            next_to[start, axis, 1], next_to[end, axis, 0] = end, start
    degrees = np.array([len(one) for one in sets])
    ordinary = int(np.quantile(degrees, 0.97))
    hubs = np.flatnonzero(degrees > ordinary)
    neighbours = _padded(sets, np.arange(count), ordinary)
    return Topology(
        left=left,
        right=right,
        span=span,
        tetrahedra=heart.tetrahedra,
        transmural=heart.transmural,
        apicobasal=heart.apicobasal,
        endocardium=heart.endocardium,
        right_wall=heart.right,
        neighbours=neighbours,
        hubs=hubs,
        hub_neighbours=_padded(sets, hubs, degrees.max()),
        next_to=next_to,
    )


_STEPS = [
    (i, j, k)
    for i in range(-2, 3)
    for j in range(-2, 3)
    for k in range(-1, 2)
    if np.gcd.reduce([i, j, k]) == 1 and (i, j, k) > (0, 0, 0)
]
"""Steps on the grid that no shorter ones make up, one of each pair of opposites."""


def _pairs(index: np.ndarray, step: tuple[int, ...], around: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the point indices at the start and the end of a step on a grid, where both exist."""
    if around:
        index = np.concatenate([index, index[: abs(step[0])]])
    size = index.shape
    starts = [slice(max(0, -s), n - max(0, s)) for s, n in zip(step, size, strict=True)]
    ends = [slice(max(0, s), n - max(0, -s)) for s, n in zip(step, size, strict=True)]
    return index[tuple(starts)].ravel(), index[tuple(ends)].ravel()


def _padded(sets: list[set[int]], points: np.ndarray, width: int) -> np.ndarray:
    rows = [[*sorted(sets[point])[:width], *[point] * max(0, width - len(sets[point]))] for point in points]
    return np.asarray(rows, np.int32)


def grid_heart(shape: GridShape) -> GridHeart:
    """Compute the points and fibres of a heart of the given shape; pure, can be jitted and mapped."""
    known = topology()
    spread = 2 * np.pi * (np.arange(MERIDIANS) - MERIDIANS // 2) / MERIDIANS
    angle = np.pi + spread + shape.right_span * np.sin(spread)
    down = (np.arange(RINGS) / (RINGS - 1.0)) ** shape.crowding
    latitude = shape.truncation + (np.pi / 2 - shape.truncation) * down
    layer = np.linspace(0, 1, LAYERS)[None, None]
    profile = jnp.maximum(jnp.cos(latitude), 0.0) ** shape.sphericity
    height = (jnp.sin(latitude) - jnp.sin(shape.truncation)) / (1 - jnp.sin(shape.truncation))
    thin, septum = shape.left_wall[1], shape.left_wall[2]
    beside = 0.5 - 0.5 * jnp.cos(angle)  # 1 in the middle of the septum
    wall = shape.left_wall[0] * (1 + (septum - 1) * beside[:, None]) * (1 + (thin - 1) * height[None, :] ** 2)
    radius = shape.left_radius * profile[None, :, None] + (
        wall[:, :, None] * layer * (jnp.maximum(profile, 0.0) ** 0.7)[None, :, None]
    )
    x = radius * jnp.cos(angle)[:, None, None] * (1 + shape.ellipticity / 2)
    y = radius * jnp.sin(angle)[:, None, None] * (1 - shape.ellipticity / 2)
    z = -shape.left_length * height[None, :, None] - wall.mean(axis=0)[None, :, None] * thin * layer * (
        height[None, :, None] ** 4
    )
    left = jnp.stack([x, y, jnp.broadcast_to(z, x.shape)], axis=-1)

    foot = left[known.span, : known.right.shape[1], -1]
    across = np.linspace(-1, 1, len(known.span))[:, None]
    lower = np.linspace(0, 1, known.right.shape[1])[None, :]
    rise = np.sqrt(np.clip((1 - across**2) * (1 - lower**2), 0, 1))
    inside = rise > 1e-6
    rise = jnp.where(inside, jnp.maximum(rise, 1e-6) ** shape.right_power, 0.0)
    outward = _unit(_unit(foot * jnp.array([[[1.0, 1.0, 0.0]]])) + shape.right_skew[None, None])
    inner = foot + shape.right_width * rise[..., None] * outward
    right = inner[:, :, None] + shape.right_wall * (
        np.linspace(0, 1, RIGHT_LAYERS)[None, None, :, None]
        * jnp.asarray(inside)[..., None, None]
        * outward[:, :, None]
    )
    count = len(known.transmural)
    points = jnp.zeros((count, 3)).at[known.right.ravel()].set(right.reshape(-1, 3))
    points = points.at[known.left.ravel()].set(left.reshape(-1, 3))
    points = _deformed(points, shape)
    return GridHeart(points, _axes(points, shape), jnp.degrees(angle), height)


def _deformed(points: jax.Array, shape: GridShape) -> jax.Array:
    """Bend the long axis, tilt the base, and add smooth bumps."""
    depth = points[:, 2:] / -shape.left_length
    bent = points + jnp.concatenate([shape.bend[None, :] * depth**2, jnp.zeros_like(depth)], axis=1)
    slope = points[:, :2] @ shape.tilt * (1 - jnp.clip(depth[:, 0], 0, 1))
    bent = bent.at[:, 2].add(slope)
    around = jnp.arctan2(points[:, 1], points[:, 0])
    rim = jnp.minimum(jnp.linalg.norm(points[:, :2], axis=1) / 20.0, 1.0)  # no bumps at the axis, where angles end
    phases = jnp.stack([around, 2 * around, around + 3 * depth[:, 0], 3 * depth[:, 0]])
    bumps = jnp.einsum("cmk,kmp->pc", shape.waves, jnp.stack([jnp.cos(phases), jnp.sin(phases)]))
    return bent + rim[:, None] * bumps


def _axes(points: jax.Array, shape: GridShape) -> jax.Array:
    """Lay fibres by rule, as `cardiax.simulate.heart_geometry.build_heart` does."""
    known = topology()
    around, up = jnp.zeros_like(points), jnp.zeros_like(points)
    for index in (known.right, known.left):  # the left ventricle last, because the grooves belong to it
        grid = points[index]
        circle = (
            jnp.roll(grid, 1, 0) - jnp.roll(grid, -1, 0)
            if index is known.left
            else -jnp.asarray(jnp.gradient(grid, axis=0))
        )
        around, up = around.at[index].set(circle), up.at[index].set(-jnp.asarray(jnp.gradient(grid, axis=1)))
    apex = known.left[0, -1]
    around = around.at[apex].set(jnp.array([0.0, -1.0, 0.0]))
    up = up.at[apex].set(jnp.array([-1.0, 0.0, 0.0]))
    around = _unit(around)
    up = _unit(up - jnp.sum(up * around, axis=1, keepdims=True) * around)
    helix = jnp.radians(shape.fibres[0] + (shape.fibres[1] - shape.fibres[0]) * jnp.asarray(known.transmural))
    fibre = jnp.cos(helix)[:, None] * around + jnp.sin(helix)[:, None] * up
    normal = jnp.cross(around, up)
    return jnp.stack([fibre, jnp.cross(normal, fibre), normal])


def _unit(vectors: jax.Array) -> jax.Array:
    return vectors / jnp.maximum(jnp.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
