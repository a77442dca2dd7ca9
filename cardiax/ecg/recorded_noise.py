"""Recorded electrode noise added to an ECG at a given signal-to-noise ratio: pure functions on the host.

The signal-to-noise ratio in dB is 10·log10 of the variance of the signal over the variance of the added noise, both
over the samples of the example. The mean of the noise over those samples is removed first. The noise segment of an
example depends on its index alone, so it is the same at every ratio.
"""

import numpy as np

from cardiax.ecg.augmentation import padding_mask
from cardiax.ecg.leads import ELECTRODES, twelve_leads
from cardiax.random_streams import stream

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle"}
"""The recordings of the MIT-BIH Noise Stress Test Database (Moody, Muldrow and Mark 1984)."""

SNRS = (24, 18, 12, 6, 0, -6)
"""Signal-to-noise ratios in dB: those of the database's own noisy records."""

EXPLORING = [index for index, name in enumerate(ELECTRODES) if name != "RL"]
"""Indices of the nine electrodes that enter a lead."""


def segments(noise: np.ndarray, index: np.ndarray, length: int, count: int) -> np.ndarray:
    """Draw `count` segments of noise (m, channels) for each example of `index` (n,): (n, length, count, channels).

    Example i uses the words from i · count on of the random stream.
    """
    words = stream("noise segment").random_raw(count * (int(index.max()) + 1))
    starts = (words.reshape(-1, count)[index] % np.uint64(len(noise) - length + 1)).astype(np.int64)
    return noise[starts[:, None, :] + np.arange(length)[:, None]]


def noise_of_beats(beats: np.ndarray, noise: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Compute the noise at 0 dB of beats in Kaggle's format, the first or second channel: float32 (n, 187, 1).

    The padding of a beat is left out. A flat signal or a flat segment gets no noise, here and in the functions below;
    `noise` (m, 2) is at the sampling rate of the data, in any unit, and `index` int64 (n,) that of the examples.
    """
    drawn = segments(noise, index, beats.shape[1], 1)
    return _of_equal_variance(_either(drawn, index), beats, _mask(beats))


def noise_of_windows(leads: np.ndarray, noise: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Compute the noise at 0 dB of windows, both channels of one segment: float32 (n, T, 2).

    Each channel goes to one lead and is scaled to its variance. `noise` and `index` are as in `noise_of_beats`.
    """
    return _of_equal_variance(segments(noise, index, leads.shape[1], 1)[:, :, 0], leads)


def noise_of_twelve_leads(leads: np.ndarray, noise: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Compute the noise at 0 dB of twelve leads, mV, from nine noisy electrodes: float32 (n, T, 12).

    Each electrode has its own segment of either channel. One factor, from the mean variance, applies to all leads, so
    that they still obey Einthoven's law. `noise` and `index` are as in `noise_of_beats`.
    """
    drawn = segments(noise, index, leads.shape[1], len(EXPLORING))
    electrodes = np.zeros((*leads.shape[:2], len(ELECTRODES)), np.float32)
    electrodes[..., EXPLORING] = _either(drawn, index)
    return _of_equal_variance(np.asarray(twelve_leads(electrodes)), leads, joint=True)


def add_noise(signal: np.ndarray, at_zero: np.ndarray, decibels: float) -> np.ndarray:
    """Add noise at 0 dB, `at_zero`, to a signal of the same shape at another signal-to-noise ratio, dB: float32."""
    return signal + np.float32(10 ** (-decibels / 20)) * at_zero


def add_noise_to_beats(beats: np.ndarray, at_zero: np.ndarray, decibels: float) -> np.ndarray:
    """Do as `add_noise` for beats (n, 187, 1) in Kaggle's format, and rescale each to its previous range.

    This is as if the noise had come before the min-max scaling. That range is 0 … 1 unless the file has cut off the
    highest or lowest sample. The padding stays 0.
    """
    noisy, own = add_noise(beats, at_zero, decibels), _mask(beats)
    (low, high), (new_low, new_high) = (_range(values, own) for values in (beats, noisy))
    spread = np.where(new_high > new_low, new_high - new_low, np.float32(1))
    return np.where(own, low + (noisy - new_low) / spread * (high - low), np.float32(0))


def _mask(beats: np.ndarray) -> np.ndarray:
    return np.asarray(padding_mask(beats[..., 0]))[..., None]


def _either(drawn: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Choose one channel of each segment at random with equal chances: (n, length, count, 2) → (n, length, count)."""
    count = drawn.shape[2]
    words = stream("noise channel").random_raw(count * (int(index.max()) + 1))
    second = (words >> np.uint64(63)).astype(bool).reshape(-1, count)[index]
    return np.where(second[:, None], drawn[..., 1], drawn[..., 0])


def _of_equal_variance(
    noise: np.ndarray, signal: np.ndarray, own: np.ndarray | None = None, joint: bool = False
) -> np.ndarray:
    """Centre noise (n, T, C) over time and scale it to the variance over time of the signal (n, T, C).

    Only samples where `own` (n, T, 1) is True count; elsewhere the noise is 0. With `joint` one factor, from the mean
    variances, applies to all channels.
    """
    where = np.ones((1, noise.shape[1], 1), bool) if own is None else own
    count = np.maximum(where.sum(axis=1, keepdims=True), 1)  # a beat may consist of padding only
    axes = (1, 2) if joint else 1

    def centred(values: np.ndarray) -> np.ndarray:
        mean = np.sum(values, axis=1, keepdims=True, dtype=np.float64, where=where) / count
        return np.where(where, values - mean, 0.0)

    noise = centred(noise)
    powers = [np.sum(np.square(values), axis=axes, keepdims=True) for values in (centred(signal), noise)]
    factor = np.sqrt(np.divide(powers[0], powers[1], out=np.zeros_like(powers[0]), where=powers[1] > 0))
    return (factor * noise).astype(np.float32)


def _range(values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum and maximum of each beat (n, T, 1) where `own`, (n, 1, 1) each; 0 and 0 if all padding."""
    low = np.min(values, axis=1, keepdims=True, where=own, initial=np.inf)
    high = np.max(values, axis=1, keepdims=True, where=own, initial=-np.inf)
    empty = ~own.any(axis=1, keepdims=True)
    return np.where(empty, np.float32(0), low), np.where(empty, np.float32(0), high)
