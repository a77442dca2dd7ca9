"""The data of the page's heart: its mesh and sites, and for each case the leads, times and voltages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps

from cardiax.attribution import smooth
from cardiax.ecg.leads import LEADS, SEPTAL_RV, SITE_NAMES, WALLS
from cardiax.launch.page.packed import packed
from cardiax.launch.predictors.heart import Prediction
from cardiax.plots.heart_map import ISOCHRONE, VIEWS
from cardiax.plots.heart_surface import named_places
from cardiax.simulate.heart_geometry import build_heart, spline_weights

FINE = 0.01
"""Resolution of positions, mm, and of times, ms."""

SEPTAL = {f"RV{number:02d}": segment for number, segment in SEPTAL_RV.items()}
"""Sites on the right side of the septum → the AHA segment that they face."""


@dataclass(frozen=True, eq=False)
class HeartCase:
    """What is shown of one case.

    Attributes:
      name: name of the case.
      heart: the prediction; its `beat_times` may also be of networks instead of beats.
      true_times: (75,), ms, if known.
      true_voltage: (500, 75), mV, if known.
      text: lines that describe the case.
    """

    name: str
    heart: Prediction
    true_times: np.ndarray | None = None
    true_voltage: np.ndarray | None = None
    text: Sequence[str] = ()


def heart_part(title: str, cases: Sequence[HeartCase], spread_of: str, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part `heart` of a page: one or more cases, of which the first is shown first.

    Args:
      spread_of: what the spread is the standard deviation of, e.g. "beats".
      remarks: how the data were understood, and reasons not to trust them.
    """
    heart = build_heart()
    surface, triangles = np.unique(heart.triangles, return_inverse=True)
    points = heart.points[surface]
    unfolded, sites = heart.unfolded[surface], heart.unfolded[heart.sites]
    weights = spline_weights(unfolded, sites)
    places = named_places(heart.points, heart.points[heart.sites])
    has_voltage = any(case.heart.voltage is not None for case in cases)
    return {
        "kind": "heart",
        "title": title,
        "remarks": list(remarks),
        "spread_of": spread_of,
        "lead_names": list(LEADS),
        "points": packed(points.T, FINE),
        "triangles": packed(triangles.reshape(-1, 3).T),
        "sites": [_site(index, name, heart.points[heart.sites[index]]) for index, name in enumerate(SITE_NAMES)],
        "walls": list(WALLS),
        "names": [{"name": name, "at": np.round(at, 1).tolist()} for name, at in places.items()],
        "views": [{"name": name, "azimuth": azimuth} for name, azimuth in VIEWS.items()],
        "isochrone": ISOCHRONE,
        "colours": _colours(),
        "weights": packed(weights, 1e-4) if has_voltage else None,
        "cases": [_case(case, unfolded, sites, weights) for case in cases],
    }


def _case(case: HeartCase, points: np.ndarray, sites: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    one, half_width = case.heart, case.heart.half_width
    layers = {"prediction": one.times, "true": case.true_times, "spread": one.spread}
    if case.true_times is not None:
        layers["error"] = one.times - case.true_times
    voltages = {"prediction": one.voltage, "true": case.true_voltage, "spread": one.voltage_spread}
    return {
        "name": case.name,
        "text": list(case.text),
        "lead_in": one.lead_in,
        "leads": packed(one.leads.T, 0.001),
        "explained": None if one.explained is None else packed(one.explained.leads.T, 0.001),
        "share": None if one.explained is None else one.explained.share,
        "half_width": None if half_width is None else packed(np.where(np.isinf(half_width), np.nan, half_width), FINE),
        "beats": packed(one.beat_times.T, 0.1) if len(one.beat_times) > 1 else None,
        "times": {
            name: {
                "sites": packed(values, FINE),
                "surface": packed(_over_surface(points, sites, weights, values), 0.05),
            }
            for name, values in layers.items()
            if values is not None
        },
        "voltage": {name: packed(values.T, 0.1) for name, values in voltages.items() if values is not None},
        "influence": None if one.influence is None else _shades(one.influence),
    }


def _shades(influence: np.ndarray) -> dict[str, Any]:
    """Pack influences (W, 500, 12), relative to the greatest of each wall, as rows (W · 12, 500), wall by wall."""
    shades = np.stack([smooth(wall).T for wall in influence])
    shades /= np.maximum(np.abs(shades).max(axis=(1, 2), keepdims=True), 1e-12)
    return packed(shades.reshape(-1, shades.shape[-1]), 0.01)


def _over_surface(points: np.ndarray, sites: np.ndarray, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate values (75,) to points (P, 3); NaN where the nearest site has none."""
    known = np.isfinite(values)
    if known.all():
        return weights @ values
    if not known.any():
        return np.full(len(points), np.nan)
    nearest = np.argmin(np.linalg.norm(points[:, None] - sites[None], axis=-1), axis=1)
    return np.where(known[nearest], spline_weights(points, sites[known]) @ values[known], np.nan)


def _site(index: int, name: str, point: np.ndarray) -> dict[str, Any]:
    """Describe a site: its layer and, by AHA segment or index in the right ventricle, its place in the flat map."""
    depth, _, region = name.rpartition("_")
    layer = {"": "endocardium", "MID": "mid-wall", "EPI": "epicardium"}.get(depth, "mid-wall")
    if name.startswith("SEPTM"):
        segment = int(name[9:11])
    elif region in SEPTAL:
        segment, layer = SEPTAL[region], "right side of the septum"
    else:
        segment = int(region[3:]) if region.startswith("AHA") else None
    right = int(region[2:]) if segment is None else None
    where = f"AHA segment {segment}" if right is None else f"right ventricle {right}"
    found = {"name": name, "at": np.round(point, 2).tolist(), "layer": layer, "segment": segment, "right": right}
    wall = next(wall for wall, sites in enumerate(WALLS.values()) if index in sites)
    return found | {"text": f"{where}, {layer}", "wall": wall}


def _colours() -> dict[str, list[list[int]]]:
    """Return the colours of each quantity, from its lowest value to its highest, which the colour-blind tell apart."""
    maps = {"time": "viridis_r", "difference": "RdBu_r", "spread": "YlOrBr", "voltage": "inferno"}
    ramp = np.linspace(0, 1, 256)
    return {name: np.rint(255 * colormaps[one](ramp)[:, :3]).astype(int).tolist() for name, one in maps.items()}
