"""The 75 recording sites of a heart of `grid_geometry`, as pure functions of JAX."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.simulate.heart_geometry import LAYERS, MERIDIANS, RIGHT_LAYERS, RINGS, SITE_TABLE
from cardiax.simulate.varied.grid_geometry import GridHeart, topology


class SitePlacement(NamedTuple):
    """Where the sites of a heart lie: conventions differ between laboratories, and operators.

    Attributes:
      levels: (3,), distance of the basal, middle and apical rows from the base, as a fraction of the length.
      apex: (), the same of the apical site.
      turn: (30,), degrees by which AHA01 … AHA17 and RV01 … RV13 are turned around the long axis.
      lift: (30,), fractions of the length by which they are lowered.
      middle: (), depth of the middle of the wall, from 0 to 1.
    """

    levels: jax.Array
    apex: jax.Array
    turn: jax.Array
    lift: jax.Array
    middle: jax.Array


def site_values(heart: GridHeart, placement: SitePlacement, values: jax.Array) -> jax.Array:
    """Interpolate values (P,) of the points at the 75 sites, (75,), linearly along the grid's three directions."""
    known = topology()
    right = jnp.asarray(SITE_TABLE["right"])
    base = jnp.asarray(SITE_TABLE["number"])
    level = jnp.append(placement.levels, placement.apex)[SITE_TABLE["level"]] + placement.lift[base]
    row = jnp.interp(level, heart.heights, jnp.arange(RINGS, dtype=values.dtype))
    turned = SITE_TABLE["angle"] + placement.turn[base]
    wrapped = jnp.concatenate([heart.angles, heart.angles[:1] + 360.0])
    meridian = jnp.interp(
        jnp.mod(turned - wrapped[0], 360.0) + wrapped[0], wrapped, jnp.arange(MERIDIANS + 1, dtype=values.dtype)
    )
    columns, rows, _ = known.right.shape
    column = jnp.clip(SITE_TABLE["angle"] + placement.turn[base] / 150.0, 0.05, 0.95) * (columns - 1)
    depth = jnp.where(SITE_TABLE["depth"] == 1, placement.middle, jnp.asarray(SITE_TABLE["depth"]) / 2.0)
    of_left = _interpolated(values, known.left, (meridian, row, depth * (LAYERS - 1)), True)
    row = jnp.minimum(row, rows - 1.5)
    of_right = _interpolated(values, known.right, (column, row, depth * (RIGHT_LAYERS - 1)), False)
    return jnp.where(right, of_right, of_left)


def _interpolated(values: jax.Array, index: np.ndarray, where: tuple[jax.Array, ...], around: bool) -> jax.Array:
    if around:
        index = np.concatenate([index, index[:1]])
    low = [jnp.clip(jnp.floor(at).astype(jnp.int32), 0, n - 2) for at, n in zip(where, index.shape, strict=True)]
    share = [jnp.clip(at - first, 0.0, 1.0) for at, first in zip(where, low, strict=True)]
    table, total = jnp.asarray(index), jnp.zeros_like(where[0])
    for corner in np.ndindex(2, 2, 2):
        weight = jnp.ones_like(where[0])
        for bit, part in zip(corner, share, strict=True):
            weight = weight * (part if bit else 1 - part)
        total += weight * values[table[tuple(first + bit for first, bit in zip(low, corner, strict=True))]]
    return total
