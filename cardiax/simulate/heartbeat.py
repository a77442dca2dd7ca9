"""Simulated heartbeats in the format of Kaggle's MIT-BIH rows: a pure function of (key, index, label, subject).

A beat is a sum of Gaussian waves (see `cardiax.simulate.waves`) with noise on it; the baseline wander that McSharry et
al. model in their z0 is part of the noise here.

As in the real file (360 Hz recordings, every third sample kept) a row starts at the R peak of beat k and ends 0.2 of an
interval after the R peak of beat k+1, is min-max scaled over all of that, cut to 187 samples and padded with zeros.
Units are s, mV and Hz throughout. Choices without a source are ours, made so that rows look like the real ones and
that a linear classifier stays behind a small network.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH, DATASETS
from cardiax.simulate.waves import NORMAL_VARIANTS, PACED, VENTRICULAR, WAVES, Waves, gaussian_sum

RECORDING_RATE = 360
"""Hz: the sampling rate of MIT-BIH; RR intervals are whole samples at this rate."""

STRIDE = 3
"""Every third sample is kept, so that rows are at 120 Hz (checked against all of Kaggle's rows)."""

RATE = RECORDING_RATE // STRIDE

SUBJECTS = 48
"""Virtual subjects, as many as MIT-BIH has records."""

RR_RANGE = (0.33, 2.0)
"""s: shortest and longest RR interval (180 and 30 beats/min)."""

SEGMENT = int(RR_RANGE[1] * 1.2 * RATE)
"""Samples in the longest segment before it is cut to `BEAT_LENGTH`: 1.2 RR."""

KINDS = ("normal", "aberrant", "ventricular", "ventricular 2", "paced")
"""The morphologies of a subject; a beat is a convex combination of them."""

_N, _S, _V, _F, _Q = range(len(AAMI_CLASSES))
_NORMAL, _ABERRANT, _VENTRICULAR, _VENTRICULAR_2, _PACED = range(len(KINDS))

NORMAL_SHARES = np.array([0.68, 0.15, 0.09, 0.08])
"""The chance of each of `NORMAL_VARIANTS`. Of N beats in MIT-BIH 8075 are LBBB and 7259 RBBB, about 9 % and
8 % (PhysioNet's table of annotations)."""

SUBJECTS_OF = np.array([[4, 48], [4, 14], [10, 36], [26, 30], [0, 4]])
"""[first, stop) of the subjects with beats of each class: ectopy gathers in a few patients, and four are paced, as
records 102, 104, 107 and 217 are."""

NEXT_SHARES = np.array(
    [
        [0.960, 0.015, 0.025, 0.00],
        [0.700, 0.300, 0.000, 0.00],
        [0.850, 0.000, 0.150, 0.00],
        [0.950, 0.000, 0.050, 0.00],
        [0.020, 0.000, 0.000, 0.98],
    ]
)
"""Chance that the beat after one of class N S V F Q is normal, aberrant, ventricular or paced: runs and couplets."""

PAUSE = np.array([[1.0, 1.0], [1.0, 1.3], [1.25, 1.5], [1.0, 1.15], [1.0, 1.0]])
"""The interval after a beat of class N S V F Q, in usual RR: after V fully compensatory (2 RR less the coupling)."""

COUPLING = (0.5, 0.8)
"""The interval before an ectopic beat k+1, in usual RR."""

PACED_FUSION_SHARE, UNCLASSIFIED_SHARE = 0.12, 0.01
"""Of Q beats: paced fused with normal (982 of MIT-BIH's 8043), and unclassifiable (33 there; here a few more)."""

FUSION_RANGE = (0.3, 0.7)
"""The ventricular share of a fusion beat."""

WHITE, WALK, HUM, WANDER, BURST = 0.012, 0.004, 0.006, 0.08, 0.06
"""mV: median white noise, step of the random walk, mains hum and wander; the height of a burst of muscle noise."""

MAINS = 60.0
"""Hz: MIT-BIH was recorded in Boston; at 120 Hz the hum alternates from sample to sample."""

BURST_SHARE = 0.1
ANNOTATION_JITTER = np.array([0.004, 0.004, 0.015, 0.006, 0.010])
"""s: standard deviation of the annotation about the R peak for N S V F Q; a wide QRS has no clear peak."""


class Subject(NamedTuple):
    """A virtual subject: waves (kinds, waves) at 60 beats/min, usual RR (s), RR variation (log s.d.), noise factor."""

    waves: Waves
    rr: jax.Array
    rr_spread: jax.Array
    noise: jax.Array


class Beat(NamedTuple):
    """What a row shows: waves (2, kinds, waves) of beats k and k+1 with the mix in their amplitudes, intervals
    (2,) int32 after k and after k+1 in samples at 360 Hz, offset of the annotation (s), noise factor."""

    waves: Waves
    intervals: jax.Array
    offset: jax.Array
    noise: jax.Array


def _draw(key: jax.Array, *sizes: int) -> list[jax.Array]:
    """Normal deviates of the given sizes from one flat draw: XLA compiles each draw anew, for 0.6 to 3 s."""
    return jnp.split(jax.random.normal(key, (sum(sizes),)), np.cumsum(sizes)[:-1])


def _vary(deviates: jax.Array, waves: Waves, centre: float, amplitude: float, width: float) -> Waves:
    """Every wave moved by `deviates` (3 x size,) times `centre` (s) and scaled by log-normal factors."""
    z = deviates.reshape(3, *waves.centre.shape)
    return Waves(
        waves.centre + centre * z[0],
        waves.amplitude * jnp.exp(amplitude * z[1]),
        waves.width * jnp.exp(width * z[2]),
    )


def draw_subject(key: jax.Array) -> Subject:
    """The subject of a key: each kind of beat has its waves, shared by all of the subject's beats of that kind."""
    deviates, z, u = _draw(key, 3 * len(KINDS) * len(WAVES), len(KINDS) + 3, 7)
    u = norm.cdf(u)
    variant = jnp.sum(u[6] > jnp.asarray(np.cumsum(NORMAL_SHARES)[:-1], jnp.float32))
    normal = jnp.asarray(np.stack(list(NORMAL_VARIANTS.values())), jnp.float32)[variant]
    others = jnp.asarray(np.stack([VENTRICULAR, VENTRICULAR, PACED]), jnp.float32)
    table = jnp.concatenate([normal[None], normal[None], others])
    waves = Waves(table[..., 0], table[..., 1], table[..., 2])
    waves = _vary(deviates, waves, centre=0.004, amplitude=0.2, width=0.12)

    # The aberrant beat is the normal one through a tired bundle: wider, its T flatter, its P another's or hidden.
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
    """Beat k of class `label` and the beat after it: their kinds, variation, intervals and noise."""
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
    # QT follows the usual RR, not the last one, as RR^(1/3) (Fridericia 1920).
    t, qt = WAVES.index("T"), (rr / 1.0) ** (1 / 3)
    waves = Waves(
        waves.centre.at[..., t].multiply(qt),
        waves.amplitude * jnp.stack([mix, mix_after])[:, :, None],
        waves.width.at[..., t].multiply(qt),
    )
    offset = jnp.asarray(ANNOTATION_JITTER, jnp.float32)[label] * z[3]
    noise = subject.noise * jnp.exp(0.4 * z[4]) * jnp.where(unclassified, 8.0, 1.0)
    return Beat(waves, intervals, offset, noise)


def segment_length(intervals: jax.Array) -> jax.Array:
    """Samples at 120 Hz in a segment, uncut, from the `intervals` (2,) after beats k and k+1 in samples at 360 Hz.

    Kaggle's rule is `signal[p_k : int(p_{k+1} + 0.2 * (p_{k+2} - p_{k+1})) : 3]`.
    """
    return -(-(intervals[0] + intervals[1] // 5) // STRIDE)


def clean_segment(beat: Beat) -> jax.Array:
    """Voltage (SEGMENT,) mV without noise, from the annotation of beat k on at 120 Hz."""
    time = jnp.arange(SEGMENT, dtype=jnp.float32) / RATE + beat.offset
    later = jnp.stack([0.0, beat.intervals[0].astype(jnp.float32) / RECORDING_RATE])
    waves = beat.waves._replace(centre=beat.waves.centre + later[:, None, None])
    return gaussian_sum(time, jax.tree.map(jnp.ravel, waves))


def draw_noise(key: jax.Array, factor: jax.Array) -> jax.Array:
    """Noise (SEGMENT,) mV: white, a random walk (electrode), bursts (muscle), baseline wander and mains hum."""
    white, walk, muscle, u = _draw(key, SEGMENT, SEGMENT, SEGMENT, 8)
    u = norm.cdf(u)
    time = jnp.arange(SEGMENT, dtype=jnp.float32) / RATE
    burst = jnp.exp(-0.5 * ((time - 1.2 * u[0]) / (0.05 + 0.2 * u[1])) ** 2) * jnp.where(u[2] < BURST_SHARE, BURST, 0.0)
    wander = jnp.sin(2 * jnp.pi * ((0.15 + 0.45 * u[3]) * time + u[4]))  # breathing, 9 to 36 a minute
    hum = jnp.cos(2 * jnp.pi * (MAINS * time + u[5]))
    noise = WHITE * white + WALK * jnp.cumsum(walk) + burst * muscle + 2 * WANDER * u[6] * wander + 2 * HUM * u[7] * hum
    return factor * noise


def to_row(segment: jax.Array, length: jax.Array) -> jax.Array:
    """Kaggle's row (187,) of a `segment` (SEGMENT,) whose first `length` samples count: min-max, cut, zero-padded."""
    inside = jnp.arange(SEGMENT) < length
    low = jnp.min(segment, where=inside, initial=jnp.inf)
    high = jnp.max(segment, where=inside, initial=-jnp.inf)
    return jnp.where(inside, (segment - low) / (high - low), 0.0)[:BEAT_LENGTH]


def simulate_beat(key: jax.Array, index: jax.Array, label: jax.Array, subject: jax.Array) -> jax.Array:
    """One row (187,) float32 in [0, 1] at 120 Hz: beat number `index` of class `label` of subject number `subject`.

    The subject's waves depend on (key, subject) alone and the beat's deviates on (key, index) alone.
    """
    beat_key, noise_key = jax.random.split(jax.random.fold_in(key, SUBJECTS + index))
    beat = draw_beat(beat_key, label, draw_subject(jax.random.fold_in(key, subject)))
    return to_row(clean_segment(beat) + draw_noise(noise_key, beat.noise), segment_length(beat.intervals))


def simulate_beats(key: jax.Array, indices: jax.Array, labels: jax.Array, subjects: jax.Array) -> jax.Array:
    """Rows (n, 187) float32 of the beats with these `indices`, `labels` and `subjects`, each (n,) int32.

    A beat is the same whatever else is in the call. Bits are the same for the same n; XLA vectorises another n
    otherwise, which moves the last bit of a few samples.
    """
    return jax.vmap(simulate_beat, in_axes=(None, 0, 0, 0))(key, indices, labels, subjects)


def class_counts(beats: int) -> np.ndarray:
    """Beats of each class (5,) among `beats`, in the shares of MIT-BIH (both of Kaggle's files), N taking the rest."""
    total = np.sum(list(DATASETS["kaggle_heartbeat/mitbih"].counts.values()), axis=0)
    counts = np.rint(beats * total / total.sum()).astype(np.int64)
    counts[_N] += beats - counts.sum()
    return counts


def draw_labels(key: jax.Array, beats: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and subjects (beats,) int32: exactly `class_counts(beats)` in random order, a subject who has the class.

    The order is sorted by NumPy: XLA takes a second or two to compile a sort of each length.
    """
    ordered = np.repeat(np.arange(len(AAMI_CLASSES), dtype=np.int32), class_counts(beats))
    order, u = np.split(np.asarray(jax.random.uniform(key, (2 * beats,))), 2)
    labels = ordered[np.argsort(order, kind="stable")]
    first, stop = SUBJECTS_OF[labels].T
    return labels, (first + np.floor(u * (stop - first))).astype(np.int32)
