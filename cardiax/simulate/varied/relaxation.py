"""Activation times on the grid of `cardiax.simulate.varied.grid_geometry` by relaxation, as pure functions of JAX.

The same anisotropic eikonal equation as in `cardiax.simulate.eikonal`. A point is activated from any of some 66
neighbours up to two steps away on the grid, along a straight line; all points are updated at once, a fixed number of
times (Bellman and Ford). Lines bend at points only, and times differ by 4 to 6 % from that module's, mean over points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from cardiax.simulate.varied.grid_geometry import GridHeart, topology

SWEEPS = 48
"""Number of updates. A wave that needs more lines than this to a point reaches it late; in eight drawn hearts
there is none."""


class Conduction(NamedTuple):
    """Conduction of one heart.

    Attributes:
      speeds: (3,), m/s, along the fibres, across them in the wall, and through the wall.
      purkinje: (2,), factor on the speed along the left and the right endocardium, whose Purkinje network is fast.
      coverage: (2,), share of the height from the apex up to which it is.
    """

    speeds: jax.Array
    purkinje: jax.Array
    coverage: jax.Array


def step_times(heart: GridHeart, conduction: Conduction) -> tuple[jax.Array, jax.Array]:
    """Compute the times, ms, of the steps to each point from its neighbours (P, N), and to each hub (H, M)."""
    known = topology()
    slowness = heart.axes / conduction.speeds[:, None, None]  # (3, P, 3)
    right_wall, height = jnp.asarray(known.right_wall, jnp.float32), jnp.asarray(known.apicobasal)

    def times(to: jax.Array, start: jax.Array) -> jax.Array:
        way = heart.points[to][:, None] - heart.points[start]
        here = jnp.linalg.norm(jnp.einsum("apc,pnc->apn", slowness[:, to], way), axis=0)
        there = jnp.linalg.norm(jnp.einsum("apnc,pnc->apn", slowness[:, start], way), axis=0)
        side = jnp.asarray(known.endocardium)
        factor = jnp.where(side == 0, 1.0, conduction.purkinje[jnp.maximum(side, 1) - 1])
        covered = (side > 0) & (height <= conduction.coverage[jnp.maximum(side, 1) - 1])
        fast = covered[to][:, None] & covered[start] & (side[to][:, None] == side[start])
        # At the grooves the right wall stands on the left one, so a step between the two is in the right one's axes.
        share = (1.0 + right_wall[to][:, None] - right_wall[start]) / 2
        time = (share * here + (1 - share) * there) / jnp.where(fast, factor[start], 1.0)
        return jnp.where(to[:, None] == start, jnp.inf, time)  # a point that fills the table

    every = jnp.arange(len(known.transmural))
    return times(every, jnp.asarray(known.neighbours)), times(
        jnp.asarray(known.hubs), jnp.asarray(known.hub_neighbours)
    )


def relax(steps: tuple[jax.Array, jax.Array], onsets: jax.Array, sweeps: int = SWEEPS) -> jax.Array:
    """Compute activation times (P,), ms, from the times of steps and stimulus times (P,), infinite where none is."""
    known = topology()

    def sweep(_: int, times: jax.Array) -> jax.Array:
        found = jnp.minimum(times, jnp.min(times[known.neighbours] + steps[0], axis=1))
        of_hubs = jnp.min(times[known.hub_neighbours] + steps[1], axis=1)
        return found.at[known.hubs].min(of_hubs)

    return jax.lax.fori_loop(0, sweeps, sweep, onsets)
