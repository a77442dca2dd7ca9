"""The names of places on the heart's surface, and a small renderer."""

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.simulate.heart_geometry import unit

RIM, TURNED = 0.4, 20.0
"""Share of the light that the rim lacks, and the angle between wall and line of sight, degrees, from which none is
lacking."""

TILT = 20.0
"""Elevation of the eye above the plane of the base, degrees."""


def named_places(points: np.ndarray, sites: np.ndarray) -> dict[str, np.ndarray]:
    """Return name of a part of the heart → where it is written, (3,), mm, outside of the wall.

    Args:
      points: (P, 3), mm, points of the mesh in the axes of `cardiax.simulate.heart_geometry`.
      sites: (75, 3), mm, the sites in the order of `SITE_NAMES`.
    """
    at = dict(zip(SITE_NAMES, sites, strict=True))
    septal = np.mean([place for name, place in at.items() if name.startswith("SEPTM")], axis=0)
    outward = np.array([1.15, 1.15, 1.0])
    top = points[:, 2].max()
    return {
        "left ventricle": np.mean([at["EPI_AHA11"], at["EPI_AHA12"]], axis=0) * outward,
        "right ventricle": at["EPI_RV07"] * outward,
        "septum": np.array([septal[0], septal[1], top + 3]),
        "apex": at["EPI_AHA17"] * 1.07,
        "base": np.array([points[:, 0].max(), 0.0, top + 5]),
        "anterior": at["EPI_AHA07"] * outward,
        "inferior": at["EPI_AHA10"] * outward,
    }


def look(points: np.ndarray, azimuth: float) -> np.ndarray:
    """Transform points (P, 3), mm, to coordinates of the eye: to the right, up, and towards the eye.

    `azimuth` is the angle of the eye around the long axis, degrees: 0 at the left lateral wall, 90 at the anterior one.
    The heart's axes (x to the left, y forward, z up) are left-handed, as in the clinical view of a patient from the
    front.
    """
    around, down = np.radians(azimuth), np.radians(TILT)
    right = np.array([np.sin(around), -np.cos(around), 0.0])
    towards = np.array([np.cos(down) * np.cos(around), np.cos(down) * np.sin(around), np.sin(down)])
    up = np.array([-np.sin(down) * np.cos(around), -np.sin(down) * np.sin(around), np.cos(down)])
    return points @ np.stack([right, up, towards], axis=1)


def render(
    seen: np.ndarray, triangles: np.ndarray, values: np.ndarray, extent: tuple[float, float, float, float], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Render the visible surface with a depth buffer.

    Args:
      seen: (P, 3), mm, points in eye coordinates from `look`.
      triangles: (F, 3), triangles of the surface.
      values: (P,), values at the points.
      extent: left, right, bottom and top of the plot, mm.
      size: width of the plot, pixels.

    Returns:
      values (height, width), NaN outside the heart; light (height, width), 1 but for the rim, 0 outside. Row 0 is the
      bottom.
    """
    left, right, bottom, top = extent
    scale = size / (right - left)
    height = round((top - bottom) * scale)
    index = (seen[:, :2] - [left, bottom]) * scale - 0.5
    image, light = np.full((height, size), np.nan), np.zeros((height, size))
    corners = seen[triangles]
    normal = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    # Only the rim, where the wall turns away from the eye, is darker: elsewhere a colour is that of the colour bar.
    brightness = 1 - RIM * (1 - np.clip(np.abs(normal[:, 2]) / np.sin(np.radians(TURNED)), 0, 1)) ** 2
    smooth = np.bincount(triangles.ravel(), np.repeat(brightness, 3), len(seen))
    smooth /= np.maximum(np.bincount(triangles.ravel(), minlength=len(seen)), 1)
    # All pixels of all triangles' bounding boxes at once; of those inside a triangle, the nearest is written last.
    x, y = (index[triangles, axis] for axis in (0, 1))
    across, upward = (np.stack([side[:, 1] - side[:, 0], side[:, 2] - side[:, 0]]) for side in (x, y))
    area = across[0] * upward[1] - across[1] * upward[0]
    first, last = (_whole(np.ceil(x.min(axis=1)), size), _whole(np.floor(x.max(axis=1)) + 1, size))
    low, high = (_whole(np.ceil(y.min(axis=1)), height), _whole(np.floor(y.max(axis=1)) + 1, height))
    width = last - first
    count = np.where(np.abs(area) < 1e-9, 0, width * (high - low))
    owner = np.repeat(np.arange(len(triangles)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    column, row = first[owner] + number % width[owner], low[owner] + number // width[owner]
    ahead, above = column - x[owner, 0], row - y[owner, 0]
    second = (ahead * upward[1, owner] - across[1, owner] * above) / area[owner]
    third = (across[0, owner] * above - ahead * upward[0, owner]) / area[owner]
    share = np.stack([1 - second - third, second, third], axis=1)
    inside = np.flatnonzero((share >= -1e-9).all(axis=1))
    owner, share, pixel = owner[inside], share[inside], (row * size + column)[inside]
    nearness = np.sum(corners[owner, :, 2] * share, axis=1)
    order = np.argsort(nearness[::-1], kind="stable")  # of equally near triangles the first is written last
    owner, share, pixel = (array[::-1][order] for array in (owner, share, pixel))
    image.ravel()[pixel] = np.sum(values[triangles[owner]] * share, axis=1)
    light.ravel()[pixel] = np.sum(smooth[triangles[owner]] * share, axis=1)
    return image, light


def _whole(edges: np.ndarray, limit: int) -> np.ndarray:
    return np.clip(edges, 0, limit).astype(int)
