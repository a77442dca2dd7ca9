"""A heart from a given tetrahedral mesh and the positions of the 75 sites; host code, NumPy and SciPy.

The mesh contains both ventricles, cut at the base. Without the base, its surface separates into the epicardium and the
two endocardia, which the sites identify. The transmural depth is the solution of Laplace's equation between them, and
the fibres follow from its gradient and the long axis (Bayer et al. 2012, doi:10.1007/s10439-012-0593-5).
"""

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from cardiax.ecg.leads import SEGMENTS, SITE_NAMES, WALLS
from cardiax.simulate.heart_geometry import Heart, HeartShape, lay_fibres, shape_gradients, surface, turned, unit

_NAMED = {p: [i for i, name in enumerate(SITE_NAMES) if name.startswith(p)] for p in ("AHA", "RV", "EPI_")}
"""Sites of the left endocardium, of the right one, and of the epicardium, by the beginning of their names."""

BASE = 0.15
"""Share of the heart's height, from the top, in which upward-facing triangles belong to the base."""


def heart_from_mesh(points: np.ndarray, tetrahedra: np.ndarray, sites: np.ndarray) -> Heart:
    """Build the heart of a mesh, in the axes of `cardiax.simulate.heart_geometry`.

    Points (P, 3) and sites (75, 3), mm, are in any axes, and tetrahedra (E, 4) are of point indices. The nearest mesh
    point on a site's surface is used; in a wall one tetrahedron thick, mid-wall sites therefore lie on a surface. A
    surface that is, without its base, not an epicardium and two endocardia is a `ValueError`.
    """
    points, sites = _own_axes(np.asarray(points, np.float64), np.asarray(tetrahedra), np.asarray(sites, np.float64))
    used, tetrahedra = np.unique(np.asarray(tetrahedra, np.int64), return_inverse=True)
    points, tetrahedra = points[used], turned(points[used], tetrahedra.reshape(-1, 4))
    triangles = surface(tetrahedra)
    left, right, outside = _surfaces(points, triangles, sites)
    apart = np.linalg.norm(points[:, None] - sites[None], axis=2)
    right_wall = np.isin(np.argmin(apart, axis=1), WALLS["right ventricle"])

    known = np.full(len(points), np.nan)
    known[right] = np.where(right_wall[right], 0.0, 1.0)
    known[left], known[outside] = 0.0, 1.0
    transmural, gradient = _laplace(points, tetrahedra, known)
    transmural = np.clip(transmural, 0, 1)  # obtuse elements overshoot
    radial = points * [1.0, 1.0, 0.0] + [1e-6, 0.0, 0.0]  # used where surfaces meet and the gradient vanishes
    steep = np.linalg.norm(gradient, axis=1, keepdims=True)
    across = unit(np.where(steep > 1e-3 * steep.max(), gradient, radial))
    up = np.array([0.0, 0.0, 1.0]) - across[:, 2:] * across
    up = np.where(np.linalg.norm(up, axis=1, keepdims=True) > 0.05, up, (-1.0, 0.0, 0.0))
    fibres, normals = lay_fibres(np.cross(across, up), up, transmural, HeartShape())
    endocardium = np.zeros(len(points), np.int8)
    endocardium[left], endocardium[right] = 1, 2
    return Heart(
        points=points,
        tetrahedra=tetrahedra,
        fibres=fibres,
        normals=normals,
        transmural=transmural,
        apicobasal=1 - points[:, 2] / points[:, 2].min(),
        right=right_wall,
        endocardium=endocardium,
        triangles=triangles,
        sites=_nearest(apart, left, right, outside),
    )


def reshaped(heart: Heart, shape: HeartShape) -> Heart:
    """Stretch a heart along and across its long axis by the ratio of `shape` to the mean shape."""
    mean = HeartShape()
    across, along = shape.left_radius / mean.left_radius, shape.left_length / mean.left_length
    scale = np.array([across, across, along])
    return dataclasses.replace(
        heart,
        points=heart.points * scale,
        fibres=unit(heart.fibres * scale),
        normals=unit(heart.normals / scale),
    )


def _own_axes(points: np.ndarray, tetrahedra: np.ndarray, sites: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Transform points and sites to x towards the lateral wall, y the anterior one, z up from the plane of the base."""

    def middle(segments: tuple[int, ...]) -> np.ndarray:
        return sites[[SITE_NAMES.index(f"AHA{segment:02d}") for segment in segments]].mean(axis=0)

    base = middle(tuple(range(1, 7)))
    up = unit(base - middle((17,)))
    triangles = surface(turned(points, np.asarray(tetrahedra, np.int64)))
    normals, areas = _normals(points, triangles)
    height = points @ up
    flat = (normals @ up > 0.8) & (height[triangles].mean(axis=1) > np.quantile(height, 0.75))
    if flat.any():  # the base need not be perpendicular to the axis of the sites
        up = unit(np.sum(normals[flat] * areas[flat, None], axis=0))
    forward = middle(SEGMENTS["anterior left ventricle"]) - middle(SEGMENTS["inferior left ventricle"])
    forward = unit(forward - (forward @ up) * up)
    aside = middle(SEGMENTS["lateral left ventricle"]) - middle(SEGMENTS["septum"])
    aside = unit(aside - (aside @ up) * up - (aside @ forward) * forward)
    axes = np.stack([aside, forward, up])
    origin = base + ((points @ up).max() - base @ up) * up
    return (points - origin) @ axes.T, (sites - origin) @ axes.T


def _surfaces(points: np.ndarray, triangles: np.ndarray, sites: np.ndarray) -> list[np.ndarray]:
    """Return the point indices of the left endocardium, the right endocardium and the epicardium."""
    normals, _ = _normals(points, triangles)
    base = (normals[:, 2] > 0.7) & (points[triangles][:, :, 2].mean(axis=1) > -BASE * np.ptp(points[:, 2]))
    walls = triangles[~base]
    start, end = np.concatenate([walls[:, :2], walls[:, 1:]]).T
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(points), len(points)))
    _, label = connected_components(graph, directed=False)
    used = np.unique(walls)
    labels, sizes = np.unique(label[used], return_counts=True)
    large = labels[sizes > 0.02 * len(used)]
    found = {}
    for prefix, named in _NAMED.items():
        nearest = used[np.argmin(np.linalg.norm(points[used][None] - sites[named][:, None], axis=2), axis=1)]
        values, votes = np.unique(label[nearest], return_counts=True)
        found[prefix] = values[np.argmax(votes)]
    if len(large) != 3 or set(found.values()) != set(large):
        raise ValueError(
            f"found {len(large)} surfaces other than the base, of which the sites identify {len(set(found.values()))}; "
            "expected the epicardium and two endocardia, of ventricles cut at the base"
        )
    return [used[label[used] == value] for value in found.values()]


def _nearest(apart: np.ndarray, left: np.ndarray, right: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return the nearest point to each site on the surface in its name: distances (P, 75) → int64 (75,)."""
    found = np.argmin(apart, axis=0)
    for named, surface_points in zip(_NAMED.values(), (left, right, outside), strict=True):
        found[named] = surface_points[np.argmin(apart[surface_points][:, named], axis=0)]
    return found


def _normals(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    size = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(size[:, None], 1e-12), size / 2


def _laplace(points: np.ndarray, tetrahedra: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve Laplace's equation with linear finite elements, for boundary values `known` (P,), NaN where unknown.

    Returns:
      The solution (P,), and its gradient (P, 3) at the points: the mean over their tetrahedra, weighted by volume.
    """
    slopes, volume = shape_gradients(points, tetrahedra)
    stiffness = np.einsum("eid,ejd,e->eij", slopes, slopes, volume)
    row, column = np.broadcast_arrays(tetrahedra[:, :, None], tetrahedra[:, None, :])
    matrix = coo_array((stiffness.ravel(), (row.ravel(), column.ravel())), shape=(len(points),) * 2).tocsr()
    free = np.isnan(known)
    solution = np.where(free, 0.0, known)
    solution[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix @ solution)[free])
    of_cell = np.einsum("eid,ei->ed", slopes, solution[tetrahedra]) * volume[:, None]
    gradient, total = np.zeros_like(points), np.zeros(len(points))
    for index in range(4):
        np.add.at(gradient, tetrahedra[:, index], of_cell)
        np.add.at(total, tetrahedra[:, index], volume)
    return solution, gradient / total[:, None]
