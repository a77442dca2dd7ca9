"""Recordings of simulated hearts in the format of the UCSD/LLNL dataset: ten electrodes and 75 transmembrane voltages.

A volunteer's heart is prepared once on the host (`prepare_heart`: mesh, travel times, lead field). A beat is then a
pure JAX function of a few parameters (`simulate_beat`): activation times from the fields, the voltage at every point,
and the electrodes by one matrix product.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.eikonal import SPEEDS, travel_times
from cardiax.simulate.heart_geometry import Heart, build_heart
from cardiax.simulate.lead_field import lead_field
from cardiax.simulate.patterns import Plan
from cardiax.simulate.volunteers import Volunteer

GAIN = 1.25
"""Factor on the lead field, fitted together with the electrode distances (see `cardiax.simulate.volunteers`)."""

DURATION = 306.0
"""ms, action potential duration at the left endocardium at a cycle length of 1 s, fitted to the mean voltages."""

DURATION_ACROSS_WALL = 23.0
"""ms by which the action potential is longer in the outer half of the left wall and in the right wall, fitted."""

DURATION_TO_BASE = 8.0
"""ms by which the action potential is longer at the base than at the apex."""

DURATION_PER_DELAY = -0.15
"""ms/ms: change of the duration with activation time. Late tissue repolarises earlier than its delay suggests, by
electrotonic coupling to its neighbours."""


ONSET = 1.0
"""ms, time of the first activation, after one sample at rest."""


class PreparedHeart(NamedTuple):
    """The precomputed fields of a heart of P points.

    Attributes:
      fields: float32 (75, P), ms, travel times from each site at the volunteer's conduction speeds.
      leads: float32 (10, P), lead field, mV at an electrode per mV at a point.
      slopes: float32 (3, 10, P), derivative of `leads` with respect to the electrode position along x, y and z, per mm.
      durations: float32 (P,), ms, differences of the action potential duration from the mean.
      sites: int32 (75,), indices of the recorded points.
    """

    fields: jax.Array
    leads: jax.Array
    slopes: jax.Array
    durations: jax.Array
    sites: jax.Array


class Beat(NamedTuple):
    """The parameters of one beat of a heart.

    Attributes:
      onsets: (75,), ms, stimulus time of each site; infinite if not stimulated.
      speed: factor on the volunteer's conduction speeds.
      duration: action potential duration, ms, to which the differences within the heart are added.
      moved: (10, 3), mm, displacement of the electrodes.
    """

    onsets: jax.Array
    speed: jax.Array
    duration: jax.Array
    moved: jax.Array


def prepare_heart(person: Volunteer, heart: Heart | None = None) -> PreparedHeart:
    """Prepare the fields of a volunteer's heart, or of the mesh `heart` in its place; takes about 3 s."""
    heart = heart or build_heart(person.shape)
    speeds = [speed * person.speed for speed in SPEEDS]
    fields = travel_times(heart, heart.sites, speeds, person.purkinje)
    points = heart.points @ person.rotation.T + person.offset
    moves = [np.zeros(3), *np.eye(3)]
    leads, *moved = (GAIN * lead_field(points, heart.tetrahedra, person.electrodes + move) for move in moves)
    return PreparedHeart(
        fields=jnp.asarray(fields, jnp.float32),
        leads=jnp.asarray(leads, jnp.float32),
        slopes=jnp.asarray(np.stack([one - leads for one in moved]), jnp.float32),
        durations=jnp.asarray(duration_differences(heart) + person.duration, jnp.float32),
        sites=jnp.asarray(heart.sites, jnp.int32),
    )


def duration_differences(heart: Heart) -> np.ndarray:
    """Return the differences (P,), ms, of the action potential duration from that of the left endocardium."""
    outer = np.minimum(2 * heart.transmural, 1.0)
    return DURATION_ACROSS_WALL * np.where(heart.right, 1.0, outer) + DURATION_TO_BASE * (heart.apicobasal - 0.5)


def simulate_beat(heart: PreparedHeart, beat: Beat) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Simulate a beat: electrodes (500, 10), mV, and site voltages (500, 75), mV, and activation times (75,), ms."""
    voltage, activation = tissue_voltage(heart, beat)
    leads = heart.leads + jnp.einsum("ex,xep->ep", beat.moved, heart.slopes)
    return (leads @ voltage).T, voltage[heart.sites].T, activation[heart.sites]


def tissue_voltage(heart: PreparedHeart, beat: Beat) -> tuple[jax.Array, jax.Array]:
    """Compute the voltage (P, 500), mV, and the activation time (P,), ms, of every point of a heart."""
    onsets = beat.onsets - jnp.min(beat.onsets)
    activation = jnp.min(heart.fields / beat.speed + onsets[:, None], axis=0) + ONSET
    duration = beat.duration + heart.durations + DURATION_PER_DELAY * (activation - jnp.mean(activation))
    time = jnp.arange(WINDOW, dtype=jnp.float32)[None, :] - activation[:, None]
    return action_potential(time, duration[:, None]), activation


def beat_duration(cycle_length: float, ikr: float) -> float:
    """Compute the action potential duration, ms, of a cycle length, ms, and rapid delayed rectifier current, %.

    It grows with the fifth root of the cycle length, and by about 10 % when the current is halved.
    """
    return DURATION * (cycle_length / 1000) ** 0.2 * (ikr / 100) ** -0.14


def planned_beat(plan: Plan) -> Beat:
    """Return the parameters of the beat that a plan describes."""
    return Beat(
        onsets=jnp.asarray(plan.onsets, jnp.float32),
        speed=jnp.float32(plan.speed),
        duration=jnp.float32(beat_duration(plan.bcl, plan.gkr)),
        moved=jnp.asarray(plan.moved, jnp.float32),
    )
