"""A biventricular heart as a tetrahedral mesh with coordinates, fibres and the 75 recording sites; host code, NumPy.

The left ventricle is the wall between two truncated half-ellipsoids, divided by a grid of meridians, rings and layers.
The right ventricle is a sheet that rises from the left epicardium over the septum and meets it again at both
interventricular grooves and at its apex. In heart coordinates, mm, the base is the plane z = 0, the apex of the left
ventricle lies on the axis at negative z, the left free wall at positive x, the septum at negative x and the anterior
wall at positive y. These axes, and those of the torso (left, front, up), are left-handed, as in a mirror image.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from cardiax.ecg.leads import SEPTAL_RV, SITE_NAMES

MERIDIANS, RINGS, LAYERS = 48, 16, 4
"""Grid of the left ventricle: meridians around it, rings from base to apex, layers of points across the wall."""

RIGHT_LAYERS = 3
"""Number of layers of points across the right wall."""

DEPTH = 30.0
"""mm between the two sides of a wall in `Heart.unfolded`."""


@dataclass(frozen=True)
class HeartShape:
    """Dimensions of a heart, mm and degrees; the defaults are those of an adult.

    After Lang et al. 2015, doi:10.1016/j.echo.2014.10.003.

    Attributes:
      left_radius: radius of the left cavity at the base.
      left_length: length of the left cavity, base to apex.
      left_wall: thickness of the left wall at the base; half of it at the apex.
      right_width: largest width of the right cavity, from the septum to the free wall.
      right_wall: thickness of the right free wall.
      right_length: length of the right ventricle, as a fraction of the left one.
      right_span: angle over which the right ventricle surrounds the left one.
      fibre_endocardium, fibre_epicardium: helix angle of the fibres at the two surfaces, degrees from the ring,
        positive where they form a right-handed helix (Streeter et al. 1969, doi:10.1161/01.RES.24.3.339); linear
        between them.
    """

    left_radius: float = 23.0
    left_length: float = 78.0
    left_wall: float = 10.0
    right_width: float = 28.0
    right_wall: float = 4.5
    right_length: float = 0.82
    right_span: float = 150.0
    fibre_endocardium: float = 60.0
    fibre_epicardium: float = -60.0


@dataclass(frozen=True, eq=False)
class Heart:
    """A mesh of P points and E tetrahedra, with the fields needed for conduction and plots.

    Attributes:
      points: float64 (P, 3), mm, coordinates of the points.
      tetrahedra: int64 (E, 4), point indices of the tetrahedra.
      fibres: float64 (P, 3), unit vectors along the muscle fibres.
      normals: float64 (P, 3), unit vectors across the wall, perpendicular to the fibres.
      transmural: float64 (P,), 0 at the endocardium and 1 at the epicardium; the right side of the septum is 1.
      apicobasal: float64 (P,), 0 at the apex and 1 at the base.
      right: bool (P,), True in the right free wall.
      endocardium: int8 (P,), 1 on the left endocardium, 2 on the right one including the septum, else 0.
      triangles: int64 (F, 3), point indices of the surface triangles, oriented outward.
      sites: int64 (75,), indices of the recorded points, in the order of `cardiax.ecg.leads.SITE_NAMES`.
    """

    points: np.ndarray
    tetrahedra: np.ndarray
    fibres: np.ndarray
    normals: np.ndarray
    transmural: np.ndarray
    apicobasal: np.ndarray
    right: np.ndarray
    endocardium: np.ndarray
    triangles: np.ndarray
    sites: np.ndarray

    @property
    def unfolded(self) -> np.ndarray:
        """The points with their depth in the wall, 0 to `DEPTH`, as a fourth coordinate: float64 (P, 4), mm.

        A spline over them takes the values on one side of a wall from the sites of that side (measured in
        tests/plots/test_heart_map.py).
        """
        return np.concatenate([self.points, DEPTH * self.transmural[:, None]], axis=1)


def build_heart(shape: HeartShape | None = None) -> Heart:
    """Build the heart of a shape. Every shape has the same number of points, in the same order."""
    return build_grid(shape)[0]


def build_grid(shape: HeartShape | None = None) -> tuple[Heart, np.ndarray, np.ndarray, np.ndarray]:
    """Build the heart of a shape; also return the point indices of its two grids, and the meridians under the right.

    The grids are int64, (MERIDIANS, RINGS, LAYERS) of the left ventricle, and (columns, rows, RIGHT_LAYERS) of the
    right free wall, which rises from the meridians (columns,).
    """
    shape = shape or HeartShape()
    left, left_index = _left_grid(shape)
    right, right_index = _right_grid(shape, left, left_index)
    points = np.concatenate([left, right])
    ring = np.concatenate([left_index, left_index[:1]])  # the cells behind the last meridian end at the first
    tetrahedra = turned(points, np.concatenate([_tetrahedra(ring), _tetrahedra(right_index)]))

    transmural = np.zeros(len(points))
    depth = np.zeros(len(points))
    circumferential, longitudinal = np.zeros_like(points), np.zeros_like(points)
    for index in (right_index, left_index):  # the left ventricle last, because the grooves belong to it
        transmural[index] = np.linspace(0, 1, index.shape[2])
        depth[index] = np.linspace(0, 1, index.shape[1])[:, None]
        grid = points[index]
        # Against the angle: in unmirrored axes this is anticlockwise from above, as a right-handed helix rises.
        around = np.roll(grid, 1, 0) - np.roll(grid, -1, 0) if index is left_index else -np.gradient(grid, axis=0)
        circumferential[index], longitudinal[index] = around, -np.gradient(grid, axis=1)
    apex = left_index[0, -1]
    circumferential[apex], longitudinal[apex] = (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)
    fibres, normals = lay_fibres(circumferential, longitudinal, transmural, shape)

    right_wall = np.zeros(len(points), bool)
    right_wall[len(left) :] = True
    endocardium = np.zeros(len(points), np.int8)
    endocardium[np.unique(left_index[:, :, 0])] = 1
    endocardium[np.unique(right_index[:, :, 0])] = 2
    span = _span(shape)
    endocardium[np.unique(left_index[span, : right_index.shape[1], -1])] = 2
    heart = Heart(
        points=points,
        tetrahedra=tetrahedra,
        fibres=fibres,
        normals=normals,
        transmural=transmural,
        apicobasal=1 - depth,
        right=right_wall,
        endocardium=endocardium,
        triangles=surface(tetrahedra),
        sites=_sites(left_index, right_index),
    )
    return heart, left_index, right_index, span


def surface(tetrahedra: np.ndarray) -> np.ndarray:
    """Return the surface triangles (F, 3), oriented outward, of tetrahedra (E, 4) of positive volume.

    These are the faces that belong to only one tetrahedron.
    """
    faces = tetrahedra[:, [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]].reshape(-1, 3)
    _, first, counts = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    return faces[first[counts == 1]]


def _left_grid(shape: HeartShape) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, 3) of the left ventricle and its grid of point indices, int64 (MERIDIANS, RINGS, LAYERS)."""
    angle = 2 * np.pi * np.arange(MERIDIANS)[:, None, None] / MERIDIANS
    # From the base at latitude 0 to the apex at 90 degrees.
    latitude = (np.pi / 2) * np.linspace(0, 1, RINGS)[None, :, None]
    layer = np.linspace(0, 1, LAYERS)[None, None, :]
    radius = shape.left_radius + shape.left_wall * layer
    length = shape.left_length + shape.left_wall / 2 * layer
    across = radius * np.cos(latitude)
    x, y = across * np.cos(angle), across * np.sin(angle)
    z = np.broadcast_to(-length * np.sin(latitude), x.shape)
    grid = np.stack([x, y, z], axis=-1)
    rings = grid[:, :-1].reshape(-1, 3)
    index = np.arange(len(rings)).reshape(MERIDIANS, RINGS - 1, LAYERS)
    apex = np.broadcast_to(len(rings) + np.arange(LAYERS), (MERIDIANS, 1, LAYERS))
    return np.concatenate([rings, grid[0, -1]]), np.concatenate([index, apex], axis=1)


def _span(shape: HeartShape) -> np.ndarray:
    """Return the meridians under the right ventricle, from the anterior groove to the inferior one."""
    half = round(shape.right_span / 360 * MERIDIANS / 2)
    return np.arange(MERIDIANS // 2 - half, MERIDIANS // 2 + half + 1)


def _right_grid(shape: HeartShape, left: np.ndarray, left_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of the right free wall that are not in the left ventricle, and its grid of point indices."""
    span = _span(shape)
    rows = round(shape.right_length * RINGS)
    foot = left_index[span, :rows, -1]
    base = left[foot]
    across = np.linspace(-1, 1, len(span))[:, None]
    down = np.linspace(0, 1, rows)[None, :]
    rise = np.sqrt(np.clip((1 - across**2) * (1 - down**2), 0, 1))
    # Away from the axis and shifted to the right and down, so that the cavity is a crescent.
    outward = unit(unit(base * [1.0, 1.0, 0.0]) + np.array([-0.8, 0.0, -0.15]))
    inner = base + shape.right_width * rise[..., None] * outward
    inside = rise > 1e-6
    layers = [inner + shape.right_wall * fraction * outward for fraction in np.linspace(0, 1, RIGHT_LAYERS)]
    index = np.broadcast_to(foot[..., None], (*foot.shape, RIGHT_LAYERS)).copy()
    index[inside] = len(left) + np.arange(np.count_nonzero(inside) * RIGHT_LAYERS).reshape(-1, RIGHT_LAYERS)
    return np.stack(layers, axis=2)[inside].reshape(-1, 3), index


def _tetrahedra(index: np.ndarray) -> np.ndarray:
    """Return six tetrahedra (Kuhn 1960) for each cell of a grid of point indices, without degenerate ones."""
    size = [length - 1 for length in index.shape]

    def corner(offset: np.ndarray) -> np.ndarray:
        return index[tuple(slice(o, o + n) for o, n in zip(offset, size, strict=True))].ravel()

    found = []
    for order in permutations(range(3)):
        offset = np.zeros(3, int)
        corners = [corner(offset)]
        for axis in order:
            offset[axis] = 1
            corners.append(corner(offset))
        found.append(np.stack(corners, axis=1))
    tetrahedra = np.concatenate(found)
    ordered = np.sort(tetrahedra, axis=1)
    return tetrahedra[(np.diff(ordered, axis=1) > 0).all(axis=1)]


def turned(points: np.ndarray, tetrahedra: np.ndarray) -> np.ndarray:
    """Reorder the points of tetrahedra so that volumes are positive, and remove flat tetrahedra."""
    a, b, c, d = (points[tetrahedra[:, i]] for i in range(4))
    volume = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    turned = np.where(volume[:, None] < 0, tetrahedra[:, [0, 2, 1, 3]], tetrahedra)
    return turned[np.abs(volume) > 1e-6]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Divide vectors (..., 3) by their length; a zero vector stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def shape_gradients(points: np.ndarray, tetrahedra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the gradients of the linear shape functions of tetrahedra, (E, 4, 3), 1/mm, and volumes (E,), mm³.

    They are the inverse edge matrix, and minus their sum for the first corner.
    """
    corners = points[tetrahedra]
    edges = corners[:, 1:] - corners[:, :1]
    gradients = np.linalg.inv(edges).transpose(0, 2, 1)
    return np.concatenate([-gradients.sum(axis=1, keepdims=True), gradients], axis=1), np.linalg.det(edges) / 6


def lay_fibres(
    circumferential: np.ndarray, longitudinal: np.ndarray, transmural: np.ndarray, shape: HeartShape
) -> tuple[np.ndarray, np.ndarray]:
    """Compute fibre directions and wall normals (P, 3) from two directions in the wall, after Bayer et al. 2012."""
    around = unit(circumferential)
    up = unit(longitudinal - np.sum(longitudinal * around, axis=1, keepdims=True) * around)
    angle = np.radians(shape.fibre_endocardium + (shape.fibre_epicardium - shape.fibre_endocardium) * transmural)
    return np.cos(angle)[:, None] * around + np.sin(angle)[:, None] * up, np.cross(around, up)


AHA_ANGLES = dict(enumerate(2 * (90, 150, 210, 270, 330, 30) + (90, 180, 270, 0) + (0,), start=1))
"""Angle of the centre of each AHA segment, degrees from the lateral wall towards the anterior one: 1, 7, 13 anterior,
2, 8 anteroseptal, 3, 9 inferoseptal, 4, 10, 15 inferior, 5, 11 inferolateral, 6, 12 anterolateral, 14 septal, 16
lateral."""

_LEVELS = (0.12, 0.42, 0.72, 1.0)
"""Distance of the basal, middle and apical segments and of the apex from the base, as a fraction of the length."""

_RIGHT_PLACES = {
    **{1: (0, 0.2), 2: (0, 0.5), 3: (0, 0.8)},
    **{6: (1, 0.2), 7: (1, 0.5), 8: (1, 0.8)},
    **{11: (2, 0.35), 12: (2, 0.65)},
}
"""Sites of the right free wall: row, and the fraction of the distance from the anterior groove to the inferior one."""


def _site_table() -> dict[str, np.ndarray]:
    """Return for each site its grid (right wall or not), number, level, depth (0, 1, 2) and angle.

    The angle of a site of the right wall is the fraction of the way from the anterior groove to the inferior one.
    """
    table: dict[str, list] = {"right": [], "number": [], "level": [], "depth": [], "angle": []}
    for name in SITE_NAMES:
        layer, _, region = name.rpartition("_")
        region = name[6:11] if layer.startswith("SEPTM") else region
        number, depth = int(region[-2:]), {"": 0, "EPI": 2}.get(layer, 1)
        right, facing = region.startswith("RV") and number not in SEPTAL_RV, number
        if region.startswith("RV") and not right:
            facing, depth = SEPTAL_RV[number], 2
        level = 0 if facing <= 6 else 1 if facing <= 12 else 2 if facing <= 16 else 3
        level, angle = _RIGHT_PLACES[number] if right else (level, AHA_ANGLES[facing])
        row = (right, number - 1 + (17 if region.startswith("RV") else 0), level, depth, float(angle))
        for column, value in zip(table.values(), row, strict=True):
            column.append(value)
    return {name: np.asarray(column, np.float32 if name == "angle" else None) for name, column in table.items()}


SITE_TABLE = _site_table()


def _sites(left_index: np.ndarray, right_index: np.ndarray) -> np.ndarray:
    """Return the point index of each of the 75 sites."""
    right, _, level, depth, angle = SITE_TABLE.values()
    ring = np.rint(np.array(_LEVELS)[level] * (RINGS - 1)).astype(int)
    meridian = np.rint(angle / 360 * MERIDIANS).astype(int)
    column = np.rint(np.where(right, angle, 0) * (len(right_index) - 1)).astype(int)
    of_right = right_index[
        column, np.minimum(ring, right_index.shape[1] - 2), np.array((0, RIGHT_LAYERS // 2, RIGHT_LAYERS - 1))[depth]
    ]
    return np.where(right, of_right, left_index[meridian, ring, np.array((0, LAYERS // 2, LAYERS - 1))[depth]])


def spline_weights(points: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Compute the weights (P, S) of a spline of distances: `weights @ values` are the values of S sites at P points.

    The spline is a constant and a sum of distances to the sites, which is the Green's function of the biharmonic
    operator in three dimensions (Sandwell 1987, doi:10.1029/GL014i002p00139). It keeps the values of the sites and has
    no extremum between them that they do not suggest, unlike Shepard's weights and harmonic functions, which make an
    island of a site (tests/plots/test_heart_map.py).

    Args:
      points: (P, 3), mm, or (P, 4) of `Heart.unfolded`.
      sites: (S, 3) or (S, 4), mm, no two of them equal; S may be 0.
    """
    if not len(sites):
        return np.zeros((len(points), 0))
    size = len(sites)
    matrix = np.ones((size + 1, size + 1))
    matrix[:size, :size] = -np.linalg.norm(sites[:, None] - sites[None], axis=-1)
    matrix[size, size] = 0
    shapes = np.ones((size + 1, len(points)))
    shapes[:size] = -np.linalg.norm(sites[:, None] - points[None], axis=-1)
    return np.linalg.solve(matrix, shapes)[:size].T
