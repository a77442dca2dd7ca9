"""Recordings of simulated hearts in the form of the UCSD/LLNL dataset: ten electrodes and 75 transmembrane voltages.

A volunteer's heart is prepared once (`prepare_heart`: mesh, distance fields, lead field; host code); a beat is then a
pure function of a few numbers (`simulate_beat`; JAX): activation times from the fields, a voltage everywhere, the
electrodes by one matrix product.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.eikonal import SPEEDS, activation_times, travel_times
from cardiax.simulate.heart_geometry import Heart, build_heart
from cardiax.simulate.lead_field import lead_field
from cardiax.simulate.patterns import Plan
from cardiax.simulate.volunteers import Volunteer

GAIN = 1.25
"""Of the lead field, fitted with the electrodes' distances (see `cardiax.simulate.volunteers`)."""

DURATION = 306.0
"""ms, action potential duration at the left endocardium for a cycle length of 1 s, fitted to the mean voltages."""

DURATION_ACROSS_WALL = 23.0
"""ms by which the action potential is longer in the outer half of the left wall, and in the right one: fitted."""

DURATION_TO_BASE = 8.0
"""ms by which it is longer at the base than at the apex."""

DURATION_PER_DELAY = -0.15
"""ms/ms: what is activated later repolarises sooner than the delay says, as neighbouring cells pull each other."""


ONSET = 1.0
"""ms, when the first site activates: a sample of rest comes before it."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class PreparedHeart:
    """What a beat needs of a heart of P points.

    Attributes:
      fields: float32 (75, P), ms, travel times from each site at the volunteer's speeds.
      leads: float32 (10, P), lead field, mV of an electrode per mV of a point.
      slopes: float32 (3, 10, P), change of `leads` per mm of an electrode's move along x, y and z.
      durations: float32 (P,), ms, differences of the action potential's duration from the mean.
      sites: int32 (75,), the points that are recorded.
    """

    fields: jax.Array
    leads: jax.Array
    slopes: jax.Array
    durations: jax.Array
    sites: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Beat:
    """What makes one beat of a heart differ from another.

    Attributes:
      onsets: (75,), ms, when each site is stimulated; infinite if never.
      speed: factor on the volunteer's conduction speeds.
      duration: ms, of the action potential, before the heart's own differences.
      moved: (10, 3), mm, misplacement of the electrodes.
    """

    onsets: jax.Array
    speed: jax.Array
    duration: jax.Array
    moved: jax.Array


def prepare_heart(person: Volunteer, heart: Heart | None = None) -> PreparedHeart:
    """The fields of a volunteer's heart (`heart`: another mesh in its place); about 3 s."""
    heart = heart or build_heart(person.shape)
    speeds = (SPEEDS[0] * person.speed, SPEEDS[1] * person.speed, SPEEDS[2] * person.speed)
    fields = travel_times(heart, heart.sites, speeds, person.purkinje)
    points = heart.points @ person.rotation.T + person.offset
    moves = [np.zeros(3), *np.eye(3)]
    leads, *moved = (GAIN * lead_field(points, heart.tetrahedra, person.electrodes + move) for move in moves)
    outer = np.minimum(2 * heart.transmural, 1.0)
    durations = DURATION_ACROSS_WALL * np.where(heart.right, 1.0, outer) + DURATION_TO_BASE * (heart.apicobasal - 0.5)
    return PreparedHeart(
        fields=jnp.asarray(fields, jnp.float32),
        leads=jnp.asarray(leads, jnp.float32),
        slopes=jnp.asarray(np.stack([one - leads for one in moved]), jnp.float32),
        durations=jnp.asarray(durations + person.duration, jnp.float32),
        sites=jnp.asarray(heart.sites, jnp.int32),
    )


def simulate_beat(heart: PreparedHeart, beat: Beat) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One beat: electrodes (500, 10) mV, voltages of the sites (500, 75) mV, activation times of the sites (75,) ms."""
    voltage, activation = tissue_voltage(heart, beat)
    leads = heart.leads + jnp.einsum("ex,xep->ep", beat.moved, heart.slopes)
    return (leads @ voltage).T, voltage[heart.sites].T, activation[heart.sites]


def tissue_voltage(heart: PreparedHeart, beat: Beat) -> tuple[jax.Array, jax.Array]:
    """The voltage of every point of a heart (P, 500), mV, and its activation time (P,), ms."""
    onsets = beat.onsets - jnp.min(beat.onsets)
    activation = activation_times(heart.fields / beat.speed, onsets) + ONSET
    duration = beat.duration + heart.durations + DURATION_PER_DELAY * (activation - jnp.mean(activation))
    time = jnp.arange(WINDOW, dtype=jnp.float32)[None, :] - activation[:, None]
    return action_potential(time, duration[:, None]), activation


def beat_duration(cycle_length: float, ikr: float) -> float:
    """Action potential duration, ms, at a cycle length in ms and a percentage of the normal rapid potassium current.

    Longer with longer cycles, as the fifth root, and with less current: half of it adds a tenth.
    """
    return DURATION * (cycle_length / 1000) ** 0.2 * (ikr / 100) ** -0.14


def planned_beat(plan: Plan) -> Beat:
    """The beat that a plan asks for."""
    return Beat(
        onsets=jnp.asarray(plan.onsets, jnp.float32),
        speed=jnp.float32(plan.speed),
        duration=jnp.float32(beat_duration(plan.bcl, plan.gkr)),
        moved=jnp.asarray(plan.moved, jnp.float32),
    )
