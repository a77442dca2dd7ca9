"""Real noise of electrodes on top of an ECG, at a stated signal-to-noise ratio: pure functions on the host.

A signal-to-noise ratio in dB is 10·log10 of the variance of the signal over the variance of the noise that is added,
both over the samples of the example itself. The noise is added without its mean over those samples. What noise an
example meets is a function of its index alone: the same places of the recording at every ratio.
"""

from fractions import Fraction

import numpy as np

from cardiax.ecg.augmentation import padding_mask
from cardiax.ecg.leads import ELECTRODES, twelve_leads
from cardiax.random_streams import stream

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle"}
"""The recordings of the MIT-BIH Noise Stress Test Database (Moody, Muldrow and Mark 1984)."""

SNRS = (24, 18, 12, 6, 0, -6)
"""dB, those of the database's own noisy records."""

EXPLORING = [index for index, name in enumerate(ELECTRODES) if name != "RL"]
"""The nine electrodes that enter a lead."""


def resample(noise: np.ndarray, rate: float, new_rate: float) -> np.ndarray:
    """A recording (m, channels) at `rate`, Hz, at `new_rate` instead: float32 (about m · new_rate / rate, channels)."""
    from scipy.signal import resample_poly  # half a second to import, for tests with noise alone

    ratio = Fraction(new_rate / rate).limit_denominator(1000)
    return resample_poly(noise, ratio.numerator, ratio.denominator, padtype="line").astype(np.float32)


def segments(noise: np.ndarray, index: np.ndarray, length: int, count: int) -> np.ndarray:
    """`count` segments for each example, drawn independently of each other: (n, length, count, channels).

    Example i has words i · count … of its stream.

    Args:
      noise: (m, channels), at the rate of the data.
      index: int64 (n,), which examples, from 0.
      length: samples of each segment, at most m.
      count: segments an example.

    Raises:
      ValueError: if the recording is shorter than a segment.
    """
    room = len(noise) - length + 1
    if room < 1:
        raise ValueError(f"segments expects a recording of at least {length} samples: got {len(noise)}")
    words = stream("noise segment").random_raw(count * (int(index.max()) + 1))
    starts = (words.reshape(-1, count)[index] % np.uint64(room)).astype(np.int64)
    return noise[starts[:, None, :] + np.arange(length)[:, None]]


def noise_at_0_db(kind: str, inputs: np.ndarray, noise: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The noise that examples meet at 0 dB, float32 of the shape of `inputs`; `add_noise` adds it at any ratio.

    - A beat (n, 187, 1) in Kaggle's form meets the first or the second channel. Its padding counts for nothing.
    - A window (n, T, 2 + 2 + 1) meets both channels of one segment, one on each lead, of that lead's own variance; what
      is left of the leads without the median beat meets the same; the channel that holds numbers meets none.
    - Twelve leads (n, T, 12), mV, meet what nine electrodes record, each its own segment, either channel. One factor
      holds for all leads, set by the mean of their variances, so that the leads still obey Einthoven's law.

    A signal that is flat, or a segment that is, gets no noise.

    Args:
      kind: of the dataset, `beat` or `intracardiac`.
      inputs: float32, as the model takes them, before noise.
      noise: (m, 2), at the rate of the data; its unit does not matter.
      index: int64 (n,), which examples these are.

    Raises:
      ValueError: if a window has not two leads.
    """
    length = inputs.shape[1]
    if kind == "intracardiac":
        drawn = segments(noise, index, length, len(EXPLORING))
        electrodes = np.zeros((*inputs.shape[:2], len(ELECTRODES)), np.float32)
        electrodes[..., EXPLORING] = _either(drawn, index)
        return _of_equal_variance(np.asarray(twelve_leads(electrodes)), inputs, joint=True)
    drawn = segments(noise, index, length, 1)
    if inputs.shape[2] == 1:
        own = np.asarray(padding_mask(inputs[..., 0]))[..., None]
        return _of_equal_variance(_either(drawn, index), inputs, own)
    leads = inputs[..., : inputs.shape[2] // 2]
    if leads.shape[2] != drawn.shape[3]:
        raise ValueError(f"noise_at_zero expects windows of {drawn.shape[3]} leads: got shape {inputs.shape}")
    added = _of_equal_variance(drawn[:, :, 0], leads)
    return np.concatenate([added, added, np.zeros_like(added[..., :1])], axis=2)


def add_noise(inputs: np.ndarray, at_zero: np.ndarray, decibels: float) -> np.ndarray:
    """Examples with noise at a signal-to-noise ratio: float32 of the shape of `inputs`.

    Noise reaches a beat of Kaggle's form before it is scaled: it is scaled again, to the range that it had, which is
    0 … 1 unless the file had cut off its highest or lowest sample; its padding stays 0.

    Args:
      inputs: float32 (n, T, C), without noise.
      at_zero: float32 (n, T, C), from `noise_at_0_db`.
      decibels: the ratio.
    """
    noisy = inputs + np.float32(10 ** (-decibels / 20)) * at_zero
    if inputs.shape[2] > 1:
        return noisy
    own = np.asarray(padding_mask(inputs[..., 0]))[..., None]
    (low, high), (new_low, new_high) = (_range(values, own) for values in (inputs, noisy))
    spread = np.where(new_high > new_low, new_high - new_low, np.float32(1))
    return np.where(own, low + (noisy - new_low) / spread * (high - low), np.float32(0))


def _either(drawn: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Of segments (n, length, count, 2) one channel each, drawn with even odds: (n, length, count)."""
    count = drawn.shape[2]
    words = stream("noise channel").random_raw(count * (int(index.max()) + 1))
    second = (words >> np.uint64(63)).astype(bool).reshape(-1, count)[index]
    return np.where(second[:, None], drawn[..., 1], drawn[..., 0])


def _of_equal_variance(
    noise: np.ndarray, signal: np.ndarray, own: np.ndarray | None = None, joint: bool = False
) -> np.ndarray:
    """Noise (n, T, C) without its mean over time, scaled to the variance that the signal (n, T, C) has over time.

    Only samples where `own` (n, T, 1) count; elsewhere the noise is 0. `joint`: one factor for all channels, that of
    the variances' means.
    """
    where = np.ones((1, noise.shape[1], 1), bool) if own is None else own
    count = np.maximum(where.sum(axis=1, keepdims=True), 1)  # a beat may be nothing but padding
    axes = (1, 2) if joint else 1

    def centred(values: np.ndarray) -> np.ndarray:
        mean = np.sum(values, axis=1, keepdims=True, dtype=np.float64, where=where) / count
        return np.where(where, values - mean, 0.0)

    noise = centred(noise)
    powers = [np.sum(np.square(values), axis=axes, keepdims=True) for values in (centred(signal), noise)]
    factor = np.sqrt(np.divide(powers[0], powers[1], out=np.zeros_like(powers[0]), where=powers[1] > 0))
    return (factor * noise).astype(np.float32)


def _range(values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest of each beat (n, T, 1) where `own`: (n, 1, 1) each; 0 and 0 of one that is all 0."""
    low = np.min(values, axis=1, keepdims=True, where=own, initial=np.inf)
    high = np.max(values, axis=1, keepdims=True, where=own, initial=-np.inf)
    empty = ~own.any(axis=1, keepdims=True)
    return np.where(empty, np.float32(0), low), np.where(empty, np.float32(0), high)
