"""Hearts, torsos and conduction drawn anew from a key, each parameter from a stated range; pure functions of JAX.

The ranges are our choice: meant to hold adults, some of them enlarged, hypertrophied or slowly conducting, and the
conventions of laboratories. A source that is named says what is usual, not where a range ends. They were fixed before
any result on another laboratory's hearts was seen.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.simulate.lead_field import ELECTRODE_POSITIONS
from cardiax.simulate.varied.grid_geometry import GridShape
from cardiax.simulate.varied.relaxation import Conduction
from cardiax.simulate.varied.sites import SitePlacement
from cardiax.simulate.varied.torso import TorsoShape
from cardiax.simulate.volunteers import ELECTRODE_DISTANCES, POSE

Range = tuple[float, float]

SHAPE: dict[str, Range] = {
    "left_radius": (18.0, 32.0),
    "left_length": (62.0, 98.0),
    "ellipticity": (-0.2, 0.2),
    "sphericity": (0.7, 1.3),
    "truncation": (-0.5, 0.05),
    "crowding": (0.8, 1.25),
    "right_width": (16.0, 40.0),
    "right_wall": (2.5, 6.0),
    "right_power": (0.7, 1.2),
    "right_span": (-0.2, 0.25),
}
"""Diameters and lengths of both ventricles, normal and dilated, and the right wall, wider than the normal values of
Lang et al. 2015, doi:10.1016/j.echo.2014.10.003. The base of the left ventricle is below its equator to well above it,
as planes of truncation differ; the others describe what these leave open."""

LEFT_WALL: tuple[Range, Range, Range] = ((7.0, 13.0), (0.4, 0.9), (0.8, 1.3))
"""Thickness of the left wall, mm, 6 to 10 in normal hearts and more in hypertrophy (Lang et al. 2015), and its factors
at the apex, where it is thinner, and at the septum."""

FIBRES: tuple[Range, Range] = ((45.0, 80.0), (-75.0, -30.0))
"""Helix angles at endocardium and epicardium, degrees: some 60 and -60 in the dog's left ventricle (Streeter et al.
1969, doi:10.1161/01.RES.24.3.339); the width is our choice."""

SPEED: Range = (0.5, 0.85)
"""m/s along the fibres; our choice, around the speeds of `cardiax.simulate.eikonal`."""

SPEED_RATIOS: tuple[Range, Range] = ((0.45, 0.9), (0.3, 0.65))
"""Speeds across the fibres in the wall and through the wall, over that along them: three distinct ones (Caldwell et al.
2009, Circ. Arrhythm. Electrophysiol. 2:433-440), a third across in trabeculae (Clerc 1976, J. Physiol. 255:335-346).
The ranges are our choice, and end at less anisotropy than that."""

PURKINJE, COVERAGE = (1.0, 4.0), (0.5, 1.2)
"""Factor of the endocardial speed, from none to that of a Purkinje network, and the share of the height up to which it
holds, as the base is activated last (Durrer et al. 1970, doi:10.1161/01.CIR.41.6.899); the ranges are our choice."""

POTENTIALS: dict[str, Range] = {
    "duration": (210.0, 360.0),
    "across_wall": (-30.0, 30.0),
    "to_base": (-25.0, 25.0),
    "per_delay": (-0.3, 0.0),
    "upstroke": (0.3, 1.5),
    "peak": (20.0, 48.0),
    "plateau": (10.0, 32.0),
    "repolarisation": (6.0, 20.0),
}
"""ms, action potential duration, which depends on the cycle length (O'Hara et al. 2011,
doi:10.1371/journal.pcbi.1002061), its differences from endocardium to epicardium and from apex to base, of either sign,
and ms by which it falls with each ms of delay; time constants, ms, and voltages, mV, around human ventricular cells
(same source). All are our choice."""

ANISOTROPY: Range = (1.0, 3.5)
"""Intracellular conductivity along the fibres over that across them, as it acts on distant electrodes; our choice: 9.4
for the intracellular space alone (Clerc 1976), and less beside the extracellular one."""

TORSO: dict[str, Range] = {
    "breadth": (125.0, 195.0),
    "depth": (92.0, 150.0),
    "power": (2.0, 3.0),
    "top": (175.0, 240.0),
    "bottom": (-420.0, -290.0),
    "shoulder": (0.5, 0.9),
    "waist": (0.75, 1.0),
}
"""Half axes, mm, of the chest, a breadth of 25 to 39 cm and a depth of 18 to 30 cm, and its heights and shape; our
choice."""

CLEARANCE = 12.0
"""mm, least distance of the heart from the surface of the torso."""

BOUNDED = 0.6
"""Share of hearts in a bounded torso; the others are in an unbounded conductor, as in a pseudo-ECG."""

TURN = (15.0, 12.0, 15.0)
"""Standard deviation of the heart's azimuth, elevation and roll, degrees; our choice. That of the long axis is 9
against the transverse plane and 5 against the frontal one in 25 normal subjects (Hoekema et al. 1999, J.
Electrocardiol., PMID 10338032); see also Odille et al. 2017, doi:10.22489/CinC.2017.225-058."""

ELECTRODE_SPREAD = (6.0, 14.0)
"""Standard deviation of an electrode's angle on the torso, degrees, and of its height, mm: technicians place chest
electrodes 2.9 cm off on average (Wenger and Kligfield 1996, J. Electrocardiol. 29(3), PMID 8854328)."""

LEVELS: tuple[Range, Range, Range] = ((0.1, 0.28), (0.4, 0.65), (0.7, 0.93))
"""Distance of the three rows of segments from the base over the length; the centres of thirds, by which
Cerqueira et al. 2002, doi:10.1161/hc0402.102975, divide the left ventricle, are 0.17, 0.5 and 0.83."""


class BodySurface(NamedTuple):
    """A torso and its electrodes.

    Attributes:
      bounded: bool (), False in an unbounded conductor.
      shape: the torso.
      angles, heights: (10,), radians and mm, of the electrodes on it, RA to V6.
      free: (10, 3), mm, positions of the electrodes in the unbounded conductor.
      gains: (10,), factors on the potentials of the electrodes.
    """

    bounded: jax.Array
    shape: TorsoShape
    angles: jax.Array
    heights: jax.Array
    free: jax.Array
    gains: jax.Array


class VariedHeart(NamedTuple):
    """All that distinguishes one heart from another.

    Attributes:
      shape, sites, conduction, body: see their classes.
      action_potentials: name → value (), ms or mV, see `POTENTIALS`.
      rotation: (3, 3), from heart axes to torso axes.
      offset: (3,), mm, position of the base's centre in the torso.
      anisotropy: (), see `ANISOTROPY`.
    """

    shape: GridShape
    sites: SitePlacement
    conduction: Conduction
    action_potentials: dict[str, jax.Array]
    body: BodySurface
    rotation: jax.Array
    offset: jax.Array
    anisotropy: jax.Array


def draw_heart(key: jax.Array) -> VariedHeart:
    """Draw a heart with its torso; uniform in each range, and normal around positions and poses."""
    shape_key, sites_key, conduction_key, potential_key, body_key, pose_key = jax.random.split(key, 6)
    pose_key, offset_key, anisotropy_key = jax.random.split(pose_key, 3)
    turn = jnp.asarray(POSE) + jnp.asarray(TURN) * jnp.clip(jax.random.normal(pose_key, (3,)), -2.5, 2.5)
    return VariedHeart(
        shape=_draw_shape(shape_key),
        sites=_draw_sites(sites_key),
        conduction=_draw_conduction(conduction_key),
        action_potentials=_each(potential_key, POTENTIALS),
        body=_draw_body(body_key),
        rotation=_about(2, turn[0]) @ _about(1, -turn[1]) @ _about(2, -turn[2]),
        offset=10.0 * jax.random.normal(offset_key, (3,)),
        anisotropy=_uniform(anisotropy_key, ANISOTROPY),
    )


def _uniform(key: jax.Array, bounds: Any) -> jax.Array:
    """Draw uniformly between bounds (2,) → (), or (n, 2) → (n,)."""
    low, high = np.asarray(bounds, np.float32).T
    return jax.random.uniform(key, low.shape, minval=low, maxval=high)


def _each(key: jax.Array, ranges: dict[str, Range]) -> dict[str, jax.Array]:
    return dict(zip(ranges, _uniform(key, list(ranges.values())), strict=True))


def _draw_shape(key: jax.Array) -> GridShape:
    keys = jax.random.split(key, 7)
    return GridShape(
        **_each(keys[0], SHAPE),
        left_wall=_uniform(keys[1], LEFT_WALL),
        fibres=_uniform(keys[2], FIBRES),
        bend=5.0 * jax.random.normal(keys[3], (2,)),
        tilt=jnp.clip(0.15 * jax.random.normal(keys[4], (2,)), -0.35, 0.35),
        right_skew=jnp.array([-0.6, 0.0, -0.1]) + 0.3 * jax.random.normal(keys[5], (3,)),
        waves=1.2 * jax.random.normal(keys[6], (3, 4, 2)),
    )


def _draw_sites(key: jax.Array) -> SitePlacement:
    keys = jax.random.split(key, 6)
    return SitePlacement(
        levels=_uniform(keys[0], LEVELS),
        apex=_uniform(keys[1], (0.96, 1.0)),
        turn=8.0 * jax.random.normal(keys[2]) + 5.0 * jax.random.normal(keys[3], (30,)),
        lift=0.03 * jax.random.normal(keys[4], (30,)),
        middle=_uniform(keys[5], (0.35, 0.65)),
    )


def _draw_conduction(key: jax.Array) -> Conduction:
    speed_key, ratio_key, purkinje_key, coverage_key, both_key = jax.random.split(key, 5)
    ratios = jnp.concatenate([jnp.ones(1), _uniform(ratio_key, SPEED_RATIOS)])
    common, own = _uniform(both_key, PURKINJE), _uniform(purkinje_key, [PURKINJE] * 2)
    return Conduction(
        speeds=_uniform(speed_key, SPEED) * ratios,
        purkinje=0.7 * common + 0.3 * own,
        coverage=_uniform(coverage_key, [COVERAGE] * 2),
    )


def _draw_body(key: jax.Array) -> BodySurface:
    keys = jax.random.split(key, 12)
    centre = jnp.array([-15.0, -10.0]) + 10.0 * jax.random.normal(keys[0], (2,))
    standard = jnp.asarray(ELECTRODE_POSITIONS, jnp.float32)
    seen = standard[:, :2] - jnp.array([[-15.0, -10.0]])
    degrees = ELECTRODE_SPREAD[0] * (jax.random.normal(keys[1]) + jax.random.normal(keys[2], (10,)))
    lift = ELECTRODE_SPREAD[1] * (jax.random.normal(keys[3]) + jax.random.normal(keys[4], (10,)))
    heights = jnp.clip(standard[:, 2], -260.0, 150.0) + lift
    # From where the clinical rules put them to where the UCSD/LLNL dataset's amplitudes say that they are.
    distances = jnp.asarray(ELECTRODE_DISTANCES, jnp.float32) ** _uniform(keys[5], (0.0, 1.2))
    sizes = 1 + 0.08 * jax.random.normal(keys[6], (3,))
    gain = jnp.exp(0.3 * jax.random.normal(keys[7]))
    return BodySurface(
        bounded=jax.random.bernoulli(keys[8], BOUNDED),
        shape=TorsoShape(**_each(keys[9], TORSO), centre=centre),
        angles=jnp.arctan2(seen[:, 1], seen[:, 0]) + jnp.radians(degrees),
        heights=heights,
        free=standard * distances[:, None] * sizes[None] + 9.0 * jax.random.normal(keys[10], (10, 3)),
        gains=gain * jnp.exp(0.08 * jax.random.normal(keys[11], (10,))),
    )


def _about(axis: int, degrees: jax.Array) -> jax.Array:
    """Return the rotation matrix (3, 3) about the axis x, y or z."""
    angle, one, nil = jnp.radians(degrees), jnp.float32(1), jnp.float32(0)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rows = {
        1: [[cos, nil, sin], [nil, one, nil], [-sin, nil, cos]],
        2: [[cos, -sin, nil], [sin, cos, nil], [nil, nil, one]],
    }
    return jnp.array(rows[axis])
