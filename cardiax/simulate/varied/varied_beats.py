"""Beats of drawn hearts: activation times of the 75 sites and electrode potentials, as pure functions of a key.

A heart of `varied_hearts` is placed in its torso, a beat starts at drawn points of it, and spreads by `relaxation`. The
voltage is the formula of `cardiax.simulate.action_potential`, and the electrodes see it through the lead field of
`torso`.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.heart_recording import ONSET
from cardiax.simulate.varied import torso
from cardiax.simulate.varied.grid_geometry import GridHeart, grid_heart, topology
from cardiax.simulate.varied.relaxation import relax, step_times
from cardiax.simulate.varied.sites import site_values
from cardiax.simulate.varied.varied_hearts import CLEARANCE, BodySurface, VariedHeart, draw_heart

SMOOTHING = 0.25
"""Share of the differences of activation time between neighbours that is added, in squares, to the time constant of the
upstroke, a logistic function: the voltage of a point stands for its surroundings, and a sharp front makes the ECG jump
from point to point."""

GAIN = 1.25
"""Factor on the potentials in an unbounded conductor, as in `cardiax.simulate.heart_recording`; half of it in a torso,
whose surface doubles to triples them."""


def simulate_heart(key: jax.Array, beats: int) -> tuple[jax.Array, jax.Array]:
    """Draw a heart and simulate beats of it: electrodes (beats, 500, 10), mV, and activation times (beats, 75), ms."""
    heart_key, beats_key = jax.random.split(key)
    drawn = draw_heart(heart_key)
    heart = grid_heart(drawn.shape)
    steps = step_times(heart, drawn.conduction)
    leads = electrode_leads(heart, drawn)

    def beat(beat_key: jax.Array) -> tuple[jax.Array, jax.Array]:
        times = relax(steps, draw_onsets(beat_key))
        times = times - jnp.min(times) + ONSET
        return (leads @ voltages(drawn, times)).T, site_values(heart, drawn.sites, times)

    return jax.lax.map(beat, jax.random.split(beats_key, beats))


def electrode_leads(heart: GridHeart, drawn: VariedHeart) -> jax.Array:
    """Compute the lead field (10, P), mV per mV, of a heart in its torso or in an unbounded conductor."""
    points = heart.points @ drawn.rotation.T + drawn.offset[None]
    fibres = heart.axes[0] @ drawn.rotation.T

    def bounded(body: BodySurface) -> jax.Array:
        shape = _around(body.shape, points)
        surface = torso.torso_surface(shape, jnp.zeros(()))
        weights = torso.transfer(surface, torso.electrode_weights(shape, body.angles, body.heights))
        return 0.5 * torso.reciprocal_potential(points, torso.centres(surface), weights)

    def unbounded(body: BodySurface) -> jax.Array:
        nearest = jnp.min(jnp.linalg.norm(body.free[:, None] - points[None], axis=-1), axis=1)
        outward = body.free - jnp.mean(points, axis=0)[None]
        outward = outward / jnp.linalg.norm(outward, axis=1, keepdims=True)
        moved = body.free + jnp.maximum(1.5 * CLEARANCE - nearest, 0.0)[:, None] * outward
        return torso.reciprocal_potential(points, moved, jnp.eye(len(body.gains)))

    potential = jax.lax.cond(drawn.body.bounded, bounded, unbounded, drawn.body)
    leads = torso.tissue_leads(points, topology().tetrahedra, fibres, drawn.anisotropy, potential)
    # Fibres that conduct better make a larger dipole, which is not a larger heart.
    return GAIN * drawn.body.gains[:, None] * leads / (1 + (drawn.anisotropy - 1) / 3)


def _around(shape: torso.TorsoShape, points: jax.Array) -> torso.TorsoShape:
    """Return the torso, widened where needed to be `CLEARANCE` away from the points (P, 3), mm."""
    away = jnp.abs(points[:, :2] - shape.centre[None]) + CLEARANCE
    norm = (away[:, 0] / shape.breadth) ** shape.power + (away[:, 1] / shape.depth) ** shape.power
    factor = jnp.maximum(jnp.max(norm) ** (1 / shape.power), 1.0)
    return shape._replace(breadth=factor * shape.breadth, depth=factor * shape.depth)


def voltages(drawn: VariedHeart, times: jax.Array) -> jax.Array:
    """Compute the voltages (P, 500), mV, around points that activate at times (P,), ms."""
    known, given = topology(), drawn.action_potentials
    step = times[known.next_to[:, :, 1]] - times[known.next_to[:, :, 0]]
    upstroke = jnp.sqrt(given["upstroke"] ** 2 + SMOOTHING**2 * jnp.sum(step**2, axis=1) / 4)
    duration = (
        given["duration"]
        + given["across_wall"] * (jnp.asarray(known.transmural, jnp.float32) - 0.5)
        + given["to_base"] * (jnp.asarray(known.apicobasal, jnp.float32) - 0.5)
        + given["per_delay"] * (times - jnp.mean(times))
    )
    time = jnp.arange(WINDOW, dtype=jnp.float32)[None, :] - times[:, None]
    return action_potential(
        time, duration[:, None], upstroke[:, None], given["peak"], given["plateau"], given["repolarisation"]
    )


@dataclass(frozen=True)
class _Kind:
    """A kind of beat: its share of all, the points where it may start, and how many and when at most."""

    share: float
    left: tuple[int, int]
    right: tuple[int, int]
    anywhere: tuple[int, int]
    latest: float


KINDS = (
    _Kind(0.35, (2, 6), (1, 3), (0, 0), 14.0),  # sinus rhythm: breakthroughs on both endocardia (Durrer et al. 1970)
    _Kind(0.1, (0, 0), (1, 3), (0, 0), 10.0),  # left bundle branch block
    _Kind(0.1, (2, 5), (0, 0), (0, 0), 12.0),  # right bundle branch block
    _Kind(0.35, (0, 0), (0, 0), (1, 1), 0.0),  # an ectopic or paced focus
    _Kind(0.1, (0, 0), (0, 0), (2, 3), 35.0),  # two or three of them, or fusion
)


def draw_onsets(key: jax.Array) -> jax.Array:
    """Draw the stimulus times (P,), ms, of a beat; infinite where the wave only arrives."""
    known = topology()
    kind_key, point_key, count_key, time_key = jax.random.split(key, 4)
    shares = jnp.array([kind.share for kind in KINDS])
    kind = jax.random.choice(kind_key, len(KINDS), p=shares / jnp.sum(shares))
    bounds = jnp.array([[one.left, one.right, one.anywhere] for one in KINDS])[kind]  # (3, 2)
    counts = jax.random.randint(count_key, (3,), bounds[:, 0], bounds[:, 1] + 1)
    groups = np.stack([_weights(known.endocardium == 1), _weights(known.endocardium == 2), _weights(None)])
    most = 6
    keys = jax.random.split(point_key, 3)
    points = jnp.stack(
        [jax.random.choice(one, groups.shape[1], (most,), p=jnp.asarray(groups[i])) for i, one in enumerate(keys)]
    )
    latest = jnp.array([one.latest for one in KINDS])[kind]
    onsets = latest * jax.random.uniform(time_key, points.shape)
    used = jnp.arange(most)[None, :] < counts[:, None]
    onsets = jnp.where(used, onsets, jnp.inf)
    return jnp.full(groups.shape[1], jnp.inf).at[points.ravel()].min(onsets.ravel())


def _weights(among: np.ndarray | None) -> np.ndarray:
    """Return the probability (P,) of each point, about as large as the tissue that it stands for."""
    known = topology()
    ring = np.zeros(len(known.transmural))
    size = np.cos(np.linspace(0, np.pi / 2, known.left.shape[1])) + 0.02
    ring[known.right[:, :, :].ravel()] = 1.5
    ring[known.left.ravel()] = np.broadcast_to(size[None, :, None], known.left.shape).ravel()
    if among is not None:
        ring = np.where(among & (known.apicobasal < 0.85), ring, 0.0)  # the Purkinje network spares the base
    return (ring / ring.sum()).astype(np.float32)
