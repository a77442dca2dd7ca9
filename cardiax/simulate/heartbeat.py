"""Simulated heartbeats in the format of Kaggle's MIT-BIH rows: a pure function of (key, index, label, subject).

A beat is a sum of Gaussian waves (see `cardiax.simulate.waves`) plus noise, which includes the baseline wander that
McSharry et al. model in their z0.

As in the real file (360 Hz recordings, every third sample kept), a row starts at the R peak of beat k and ends 0.2 of
an RR interval after the R peak of beat k+1, is min-max scaled over that segment, cut to 187 samples and padded with
zeros. Units are s, mV and Hz. Choices without a source are ours, made so that rows look like real ones and a small
network outperforms a linear classifier.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH, DATASETS
from cardiax.simulate.waves import NORMAL_VARIANTS, PACED, VENTRICULAR, WAVES, Waves, gaussian_sum

RECORDING_RATE = 360
"""Hz: the sampling rate of MIT-BIH; RR intervals are an integer number of samples at this rate."""

STRIDE = 3
"""Every third sample is kept, so rows are at 120 Hz (verified on all of Kaggle's rows)."""

RATE = RECORDING_RATE // STRIDE

SUBJECTS = 48
"""Number of virtual subjects, equal to the number of MIT-BIH records."""

RR_RANGE = (0.33, 2.0)
"""Shortest and longest RR interval, s (180 and 30 beats/min)."""

SEGMENT = int(RR_RANGE[1] * 1.2 * RATE)
"""Number of samples in the longest segment, 1.2 RR, before it is cut to `BEAT_LENGTH`."""

KINDS = ("normal", "aberrant", "ventricular", "ventricular 2", "paced")
"""The morphologies of a subject; a beat is a convex combination of them."""

_N, _S, _V, _F, _Q = range(len(AAMI_CLASSES))
_NORMAL, _ABERRANT, _VENTRICULAR, _VENTRICULAR_2, _PACED = range(len(KINDS))

NORMAL_SHARES = np.array([0.68, 0.15, 0.09, 0.08])
"""Probability of each of `NORMAL_VARIANTS`. Of the N beats in MIT-BIH 8075 are LBBB and 7259 RBBB, about 9 % and
8 % (PhysioNet's table of annotations)."""

SUBJECTS_OF = np.array([[4, 48], [4, 14], [10, 36], [26, 30], [0, 4]])
"""Range [first, stop) of the subjects with beats of each class. Ectopic beats occur mostly in a few patients, and four
patients are paced, as in records 102, 104, 107 and 217."""

NEXT_SHARES = np.array(
    [
        [0.960, 0.015, 0.025, 0.00],
        [0.700, 0.300, 0.000, 0.00],
        [0.850, 0.000, 0.150, 0.00],
        [0.950, 0.000, 0.050, 0.00],
        [0.020, 0.000, 0.000, 0.98],
    ]
)
"""Probability that the beat after one of class N S V F Q is normal, aberrant, ventricular or paced; this produces runs
and couplets."""

PAUSE = np.array([[1.0, 1.0], [1.0, 1.3], [1.25, 1.5], [1.0, 1.15], [1.0, 1.0]])
"""RR interval after a beat of class N S V F Q, as a range in units of the usual RR; fully compensatory after V (2 RR
minus the coupling)."""

COUPLING = (0.5, 0.8)
"""Range of the RR interval before an ectopic beat k+1, in units of the usual RR."""

PACED_FUSION_SHARE, UNCLASSIFIED_SHARE = 0.12, 0.01
"""Shares of Q beats: fusion of paced and normal (982 of 8043 in MIT-BIH), and unclassifiable (33; a few more here)."""

FUSION_RANGE = (0.3, 0.7)
"""Range of the ventricular share of a fusion beat."""

WHITE, WALK, HUM, WANDER, BURST = 0.012, 0.004, 0.006, 0.08, 0.06
"""mV: median white noise, step of the random walk, mains hum, baseline wander, and height of a burst of muscle noise.
"""

MAINS = 60.0
"""Hz: MIT-BIH was recorded in Boston. At 120 Hz the hum alternates from sample to sample."""

BURST_SHARE = 0.1
ANNOTATION_JITTER = np.array([0.004, 0.004, 0.015, 0.006, 0.010])
"""s: standard deviation of the annotation around the R peak for N S V F Q; a wide QRS has no clear peak."""


class Subject(NamedTuple):
    """A virtual subject.

    Attributes:
      waves: waves (kinds, waves) at 60 beats/min.
      rr: usual RR interval, s.
      rr_spread: standard deviation of the logarithm of the RR interval.
      noise: factor on the noise.
    """

    waves: Waves
    rr: jax.Array
    rr_spread: jax.Array
    noise: jax.Array


class Beat(NamedTuple):
    """The content of a row: beats k and k+1.

    Attributes:
      waves: waves (2, kinds, waves) of beats k and k+1, with the mix of kinds in their amplitudes.
      intervals: int32 (2,), RR intervals after k and after k+1, samples at 360 Hz.
      offset: offset of the annotation from the R peak, s.
      noise: factor on the noise.
    """

    waves: Waves
    intervals: jax.Array
    offset: jax.Array
    noise: jax.Array


def _draw(key: jax.Array, *sizes: int) -> list[jax.Array]:
    """Draw normal deviates of the given sizes at once, since XLA takes 0.6 to 3 s to compile each draw."""
    return jnp.split(jax.random.normal(key, (sum(sizes),)), np.cumsum(sizes)[:-1])


def _vary(deviates: jax.Array, waves: Waves, centre: float, amplitude: float, width: float) -> Waves:
    """Shift every wave by `deviates` (3 · size,) times `centre`, s, and scale it by log-normal factors."""
    z = deviates.reshape(3, *waves.centre.shape)
    return Waves(
        waves.centre + centre * z[0],
        waves.amplitude * jnp.exp(amplitude * z[1]),
        waves.width * jnp.exp(width * z[2]),
    )


def draw_subject(key: jax.Array) -> Subject:
    """Draw a subject; all its beats of one kind share their waves."""
    deviates, z, u = _draw(key, 3 * len(KINDS) * len(WAVES), len(KINDS) + 3, 7)
    u = norm.cdf(u)
    variant = jnp.sum(u[6] > jnp.asarray(np.cumsum(NORMAL_SHARES)[:-1], jnp.float32))
    normal = jnp.asarray(np.stack(list(NORMAL_VARIANTS.values())), jnp.float32)[variant]
    others = jnp.asarray(np.stack([VENTRICULAR, VENTRICULAR, PACED]), jnp.float32)
    table = jnp.concatenate([normal[None], normal[None], others])
    waves = Waves(table[..., 0], table[..., 1], table[..., 2])
    waves = _vary(deviates, waves, centre=0.004, amplitude=0.2, width=0.12)

    # The aberrant beat is a normal one with slow bundle conduction: wider, with a flatter T and a small or inverted P.
    qrs = slice(WAVES.index("Q"), WAVES.index("T"))
    t, p, spike = WAVES.index("T"), WAVES.index("P"), WAVES.index("spike")
    waves = jax.tree.map(lambda field: field.at[_ABERRANT].set(field[_NORMAL]), waves)
    stretch = jnp.exp(0.1 * z[: len(KINDS)]).at[_ABERRANT].multiply(1.1 + 0.3 * u[0])
    centre = waves.centre.at[:, qrs].multiply(stretch[:, None])
    width = waves.width.at[:, qrs].multiply(stretch[:, None])
    fibrillating = u[1] < 0.08
    sign = jnp.where(u[2:5] < jnp.array([0.75, 0.35, 0.7]), 1.0, -1.0)
    amplitude = waves.amplitude.at[_VENTRICULAR:].multiply(sign[:, None])
    amplitude = amplitude.at[_PACED, spike].multiply(sign[0])
    amplitude = amplitude.at[_ABERRANT, t].multiply(0.5 + 0.5 * u[5])
    amplitude = amplitude.at[_ABERRANT, p].multiply(0.4 * sign[1])
    amplitude = amplitude.at[_NORMAL, p].multiply(jnp.where(fibrillating, 0.0, 1.0))
    amplitude = amplitude.at[_NORMAL, t].multiply(jnp.where(z[-1] < -1.2, -0.6, 1.0))
    return Subject(
        Waves(centre, amplitude, width),
        rr=0.76 * jnp.exp(0.16 * z[-2]),
        rr_spread=jnp.where(fibrillating, 0.18, 0.04),
        noise=jnp.exp(0.4 * z[-3]),
    )


def draw_beat(key: jax.Array, label: jax.Array, subject: Subject) -> Beat:
    """Draw beat k of class `label` and the beat after it: their kinds, variation, intervals and noise."""
    deviates, z, u = _draw(key, 3 * 2 * len(KINDS) * len(WAVES), 5, 6)
    u = norm.cdf(u)

    kinds = jnp.eye(len(KINDS))
    focus = jnp.where(u[0] < 0.75, kinds[_VENTRICULAR], kinds[_VENTRICULAR_2])
    share = FUSION_RANGE[0] + (FUSION_RANGE[1] - FUSION_RANGE[0]) * u[1]
    unclassified = (label == _Q) & (u[2] < UNCLASSIFIED_SHARE)
    paced_share = jnp.where(u[2] < UNCLASSIFIED_SHARE + PACED_FUSION_SHARE, share, 1.0)
    paced_share = jnp.where(unclassified, 0.0, paced_share)
    fusion = (1 - share) * kinds[_NORMAL] + share * focus
    paced = (1 - paced_share) * kinds[_NORMAL] + paced_share * kinds[_PACED]
    mix = jnp.stack([kinds[_NORMAL], kinds[_ABERRANT], focus, fusion, paced])[label]
    after = jnp.sum(u[3] > jnp.asarray(np.cumsum(NEXT_SHARES, axis=1)[:, :-1], jnp.float32)[label])
    mix_after = jnp.stack([kinds[_NORMAL], kinds[_ABERRANT], focus, kinds[_PACED]])[after]

    ectopic_after = (after == 1) | (after == 2)
    pause = jnp.asarray(PAUSE, jnp.float32)[label]
    first = jnp.where(
        ectopic_after, COUPLING[0] + (COUPLING[1] - COUPLING[0]) * u[4], pause[0] + (pause[1] - pause[0]) * u[4]
    )
    second = jnp.where(ectopic_after, 1.0 + 0.4 * u[5], 1.0)
    rr = subject.rr * jnp.exp(0.08 * z[0])  # the rate of this part of the recording
    rr_after = rr * jnp.stack([first, second]) * jnp.exp(subject.rr_spread * z[1:3])
    intervals = jnp.round(jnp.clip(rr_after, *RR_RANGE) * RECORDING_RATE).astype(jnp.int32)

    waves = jax.tree.map(lambda field: jnp.broadcast_to(field, (2, *field.shape)), subject.waves)
    waves = _vary(deviates, waves, centre=0.002, amplitude=0.08, width=0.05)
    # QT depends on the usual RR, not the last one, as RR^(1/3) (Fridericia 1920).
    t, qt = WAVES.index("T"), rr ** (1 / 3)
    waves = Waves(
        waves.centre.at[..., t].multiply(qt),
        waves.amplitude * jnp.stack([mix, mix_after])[:, :, None],
        waves.width.at[..., t].multiply(qt),
    )
    offset = jnp.asarray(ANNOTATION_JITTER, jnp.float32)[label] * z[3]
    noise = subject.noise * jnp.exp(0.4 * z[4]) * jnp.where(unclassified, 8.0, 1.0)
    return Beat(waves, intervals, offset, noise)


def segment_length(intervals: jax.Array) -> jax.Array:
    """Compute the samples at 120 Hz of a segment, uncut, from the RR intervals (2,) after beats k and k+1, at 360 Hz.

    Kaggle's rule is `signal[p_k : int(p_{k+1} + 0.2 * (p_{k+2} - p_{k+1})) : 3]`.
    """
    return -(-(intervals[0] + intervals[1] // 5) // STRIDE)


def clean_segment(beat: Beat) -> jax.Array:
    """Compute the voltage without noise from the annotation of beat k on: (SEGMENT,), mV at 120 Hz."""
    time = jnp.arange(SEGMENT, dtype=jnp.float32) / RATE + beat.offset
    later = jnp.stack([0.0, beat.intervals[0].astype(jnp.float32) / RECORDING_RATE])
    waves = beat.waves._replace(centre=beat.waves.centre + later[:, None, None])
    return gaussian_sum(time, jax.tree.map(jnp.ravel, waves))


def draw_noise(key: jax.Array, factor: jax.Array) -> jax.Array:
    """Draw noise (SEGMENT,), mV: white, random walk (electrode), bursts (muscle), baseline wander and mains hum."""
    white, walk, muscle, u = _draw(key, SEGMENT, SEGMENT, SEGMENT, 8)
    u = norm.cdf(u)
    time = jnp.arange(SEGMENT, dtype=jnp.float32) / RATE
    burst = jnp.exp(-0.5 * ((time - 1.2 * u[0]) / (0.05 + 0.2 * u[1])) ** 2) * jnp.where(u[2] < BURST_SHARE, BURST, 0.0)
    wander = jnp.sin(2 * jnp.pi * ((0.15 + 0.45 * u[3]) * time + u[4]))  # breathing, 9 to 36 breaths/min
    hum = jnp.cos(2 * jnp.pi * (MAINS * time + u[5]))
    noise = WHITE * white + WALK * jnp.cumsum(walk) + burst * muscle + 2 * WANDER * u[6] * wander + 2 * HUM * u[7] * hum
    return factor * noise


def to_row(segment: jax.Array, length: jax.Array) -> jax.Array:
    """Min-max scale the first `length` samples of a segment (SEGMENT,), cut and zero-pad them to a row (187,)."""
    inside = jnp.arange(SEGMENT) < length
    low = jnp.min(segment, where=inside, initial=jnp.inf)
    high = jnp.max(segment, where=inside, initial=-jnp.inf)
    return jnp.where(inside, (segment - low) / (high - low), 0.0)[:BEAT_LENGTH]


def simulate_beat(key: jax.Array, index: jax.Array, label: jax.Array, subject: jax.Array) -> jax.Array:
    """Simulate one row, float32 (187,) in [0, 1] at 120 Hz: beat `index`, of class `label`, of subject `subject`.

    The waves of the subject depend only on (key, subject), and the deviates of the beat only on (key, index).
    """
    beat_key, noise_key = jax.random.split(jax.random.fold_in(key, SUBJECTS + index))
    beat = draw_beat(beat_key, label, draw_subject(jax.random.fold_in(key, subject)))
    return to_row(clean_segment(beat) + draw_noise(noise_key, beat.noise), segment_length(beat.intervals))


def simulate_beats(key: jax.Array, indices: jax.Array, labels: jax.Array, subjects: jax.Array) -> jax.Array:
    """Simulate rows float32 (n, 187) of the beats with these `indices`, `labels` and `subjects`, each int32 (n,).

    For another n, XLA vectorises differently, which changes the last bit of a few samples.
    """
    return jax.vmap(simulate_beat, in_axes=(None, 0, 0, 0))(key, indices, labels, subjects)


def class_counts(beats: int) -> np.ndarray:
    """Return the number of beats of each class, (5,), among `beats`, in the proportions of Kaggle's MIT-BIH files.

    The rounding error goes to class N.
    """
    total = np.sum(list(DATASETS["kaggle_heartbeat/mitbih"].counts.values()), axis=0)
    counts = np.rint(beats * total / total.sum()).astype(np.int64)
    counts[_N] += beats - counts.sum()
    return counts


def draw_labels(key: jax.Array, beats: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels, exactly `class_counts(beats)` in random order, and subjects that have the class, int32 (beats,).

    The order is sorted by NumPy, since XLA takes a second or two to compile a sort of each length.
    """
    ordered = np.repeat(np.arange(len(AAMI_CLASSES), dtype=np.int32), class_counts(beats))
    order, u = np.split(np.asarray(jax.random.uniform(key, (2 * beats,))), 2)
    labels = ordered[np.argsort(order, kind="stable")]
    first, stop = SUBJECTS_OF[labels].T
    return labels, (first + np.floor(u * (stop - first))).astype(np.int32)
