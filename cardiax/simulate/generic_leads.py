"""The twelve leads that activation times give on a generic heart, and how much of an ECG they explain.

The heart, its pose and its electrodes are the means of those of `cardiax.simulate.volunteers`. Times and durations of
the 75 sites are interpolated to every point of the mesh, and not the voltages: the wave takes some 30 ms from site to
site and rises within 3 ms, so that between sites an interpolated voltage would rise in steps.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW
from cardiax.ecg.leads import twelve_leads
from cardiax.ecg.voltage import apd90
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.heart_geometry import build_heart, spline_weights
from cardiax.simulate.heart_recording import DURATION, DURATION_PER_DELAY, duration_differences
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS, lead_field
from cardiax.simulate.volunteers import ELECTRODE_DISTANCES, pose_rotation

LEAST_SITES = 0.5
"""Least share of the sites that must activate."""

DEPOLARISATION = 180
"""ms from the first sample, the part of the leads that times explain, since they say nothing of repolarisation."""


class GenericHeart(NamedTuple):
    """The surface of the generic heart: points inside the wall add nothing to the leads (the heart as a double layer).

    Attributes:
      points: (P, 3), mm.
      sites: (75, 3), mm, of which some are inside.
      leads: float32 (12, P), mV per mV.
      durations: (P,), ms, differences of the action potential duration from `DURATION`; `site_durations` (75,).
    """

    points: np.ndarray
    sites: np.ndarray
    leads: np.ndarray
    durations: np.ndarray
    site_durations: np.ndarray


@functools.cache
def generic_heart() -> GenericHeart:
    """Return the heart of mean dimensions and pose in a torso of mean electrode positions."""
    heart = build_heart()
    electrodes = ELECTRODE_POSITIONS * np.asarray(ELECTRODE_DISTANCES)[:, None]
    field = lead_field(heart.points @ pose_rotation().T, heart.tetrahedra, electrodes)
    surface, durations = np.unique(heart.triangles), duration_differences(heart)
    leads = np.ascontiguousarray(twelve_leads(field[:, surface].T).T, np.float32)
    sites = heart.points[heart.sites]
    return GenericHeart(heart.points[surface], sites, leads, durations[surface], durations[heart.sites])


class Explained(NamedTuple):
    """What a prediction explains of an ECG.

    Attributes:
      share: share of the variance of the recorded leads, together, in the time of `leads`.
      leads: float32 (T, 12), mV at 1 kHz, the leads that the prediction gives, fitted to the recorded ones.
    """

    share: float
    leads: np.ndarray


def explained_leads(times: np.ndarray, voltage: np.ndarray | None, recorded: np.ndarray) -> Explained | None:
    """Compute the leads that a prediction gives on the generic heart, and how much of the recorded ones they explain.

    Recorded leads are (500, 12), mV. The voltage (500, 75), mV, gives the durations; without it they are the usual
    ones, in the first `DEPOLARISATION` ms. `times` (75,) and the result None are as in `generic_leads`.
    """
    samples = DEPOLARISATION if voltage is None else len(voltage)
    found = generic_leads(times, None if voltage is None else apd90(voltage), samples)
    return None if found is None else fitted(found, recorded[:samples])


def generic_leads(times: np.ndarray, durations: np.ndarray | None = None, samples: int = WINDOW) -> np.ndarray | None:
    """Compute the twelve leads (samples, 12), float32, mV but for a gain, of activation times on the generic heart.

    Args:
      times: (75,), ms after the first sample; NaN for a site that does not activate, which is interpolated. If fewer
        than half of the sites do, None is returned.
      durations: (75,), ms, action potential durations (APD90); where they are NaN, and by default, those of the
        simulated volunteers at a cycle length of 1 s.
      samples: number of samples, at 1 kHz.
    """
    heart, known = generic_heart(), np.isfinite(times)
    if known.mean() < LEAST_SITES:
        return None
    weights = _weights(known.tobytes())
    at_points = weights @ times[known]
    late = DURATION - DURATION_PER_DELAY * at_points.mean()
    usual = late + heart.durations + DURATION_PER_DELAY * at_points
    if durations is not None:
        of_sites = late + heart.site_durations + DURATION_PER_DELAY * times
        usual = weights @ np.where(np.isfinite(durations), durations, of_sites)[known]
    arrays = (np.asarray(one, np.float32) for one in (heart.leads, at_points, usual))
    return np.asarray(_leads(*arrays, samples=samples))


@functools.lru_cache(maxsize=8)
def _weights(known: bytes) -> np.ndarray:
    """Return the weights (P, S) of the S sites that are True in `known`, bool (75,), at the points."""
    heart = generic_heart()
    return spline_weights(heart.points, heart.sites[np.frombuffer(known, bool)])


@functools.partial(jax.jit, static_argnames="samples")
def _leads(leads: jax.Array, times: jax.Array, durations: jax.Array, samples: int) -> jax.Array:
    time = jnp.arange(samples, dtype=jnp.float32)[None, :] - times[:, None]
    return (leads @ action_potential(time, durations[:, None])).T


def fitted(leads: np.ndarray, recorded: np.ndarray) -> Explained:
    """Fit leads (T, 12) to recorded ones (T, 12) by one positive gain for all, and an offset of each.

    The gain is that of least squares, or 0 if that is negative, and then nothing is explained.
    """
    about, mean = leads - leads.mean(axis=0), recorded.mean(axis=0)
    own, both, all_of_it = (
        float(np.sum(one * other, dtype=np.float64))
        for one, other in ((about, about), (about, recorded - mean), (recorded - mean, recorded - mean))
    )
    gain = both / own if own > 0 and both > 0 else 0.0
    share = gain * both / all_of_it if gain else 0.0
    return Explained(share, (gain * about + mean).astype(np.float32))
