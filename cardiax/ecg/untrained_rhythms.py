"""Rhythms that `arrhythmia` was not trained for, atrial fibrillation and pacing: pure functions of NumPy arrays."""

import numpy as np

INTERVALS = (12, 30)
"""Least and usual number of RR intervals in which the irregularity is measured. Lake and Moorman found 12 enough."""

IRREGULAR = -1.0
"""Coefficient of sample entropy from which a rhythm is irregular as atrial fibrillation is. Chosen on DS1 and SVDB: it
is exceeded by 64 and 100 % of the two records with fibrillation of DS1, and by at most 2 % of its others."""

TOLERANCE, MATCHES = 0.03, 5
"""s, the tolerance of equal intervals, which grows until so many pairs of two intervals are equal."""

SHARP, HIGH, ABOVE_NOISE, ABOVE_COMPLEX = 0.5, 0.05, 5.0, 0.05
"""A spike falls off on both sides within 6 ms: by at least this share of what it falls off within 18 ms, by so many mV,
by so many times what occurs before the beat, and by this share of the complex."""

RESOLUTION = 0.001
"""mV, added to the latter, since recorded values are rounded."""

LASTS, STEEP = 0.1, 0.2
"""s after a spike for which a paced complex lasts: its slope still exceeds that share of its largest slope. Chosen on
DS1, LUDB and the four paced records of the MIT-BIH database."""

SPIKE_RATE, FINE = 250.0, 500.0
"""Hz, the least sampling rate at which a spike can be seen, and that at which it is measured."""


def irregular_share(rr: np.ndarray, ectopic: np.ndarray) -> float:
    """Return the share of RR intervals that are as irregular as in atrial fibrillation.

    The measure is the coefficient of sample entropy of Lake and Moorman (2011, doi:10.1152/ajpheart.00561.2010) for
    templates of one interval: the negative log of the share of equal intervals that are followed by equal ones, as a
    density, minus the log of the mean interval. `rr` (n,), s, are the intervals before each beat, NaN if unknown; those
    at `ectopic` (ventricular and fusion) beats, bool (n,), are left out, because bigeminy is irregular.
    """
    spans = rr[np.isfinite(rr) & ~ectopic & ~np.append(False, ectopic[:-1])[: len(rr)]]
    count = max(len(spans) // INTERVALS[1], 1)
    pieces = [piece for piece in np.array_split(spans, count) if len(piece) >= INTERVALS[0]]
    irregular = [len(piece) for piece in pieces if sample_entropy(piece) > IRREGULAR]
    return sum(irregular) / max(len(spans), 1)


def sample_entropy(spans: np.ndarray) -> float:
    """Return the coefficient of sample entropy of RR intervals (n,), s, see `irregular_share`; n is 7 or more."""
    distances = np.abs(spans[:, None] - spans)
    pairs = np.triu_indices(len(spans) - 1, 1)
    now, following = distances[:-1, :-1][pairs], distances[1:, 1:][pairs]
    both = np.sort(np.maximum(now, following))
    tolerance = max(TOLERANCE, float(both[min(MATCHES, len(both)) - 1]))
    equal = max(np.sum(now <= tolerance), 1)
    return float(np.log(equal / np.sum(both <= tolerance) * 2 * tolerance / np.mean(spans)))


def paced(lead: np.ndarray, beats: np.ndarray, rate: float) -> np.ndarray:
    """Return which beats are wide complexes that begin with the spike of a pacemaker: bool (m,).

    Args:
      lead: (n,), mV as recorded, since a filter blurs spikes.
      beats: int (m,), R peaks, samples.
      rate: sampling rate, Hz; below `SPIKE_RATE` none is found.
    """
    if rate < SPIKE_RATE or not len(beats):
        return np.zeros(len(beats), bool)
    from scipy.signal import resample_poly

    around = round(0.5 * rate)
    windows = np.pad(lead, around, mode="edge")[beats[:, None] + np.arange(2 * around)]
    finer = int(np.ceil(FINE / rate))
    windows = resample_poly(windows, finer, 1, axis=1, padtype="line") if finer > 1 else windows

    def part(of: np.ndarray, first: float, last: float) -> np.ndarray:
        return of[:, round((0.5 + first) * rate) * finer : round((0.5 + last) * rate) * finer + 1]

    near, far = (_falls(windows, round(reach * rate * finer)) for reach in (0.006, 0.018))
    least = np.quantile(part(near, -0.4, -0.2), 0.95, axis=1) * ABOVE_NOISE
    least = np.maximum(np.maximum(least, HIGH), ABOVE_COMPLEX * np.ptp(part(windows, -0.1, 0.15), axis=1))
    near, far = part(near, -0.12, 0.006), part(far, -0.12, 0.006)
    spikes = np.where((near > SHARP * (far + RESOLUTION)) & (near > least[:, None]), near, 0)
    first = round(0.38 * rate) * finer + spikes.argmax(axis=1)
    after = first[:, None] + np.arange(round(0.016 * rate * finer), round(0.16 * rate * finer))
    reach = round(0.005 * rate * finer)
    slopes = np.abs(np.take_along_axis(windows, after + reach, 1) - np.take_along_axis(windows, after - reach, 1))
    steep = slopes > STEEP * slopes.max(axis=1, keepdims=True)
    return spikes.any(axis=1) & steep[:, round((LASTS - 0.016) * rate * finer) :].any(axis=1)


def _falls(windows: np.ndarray, reach: int) -> np.ndarray:
    """Return by how much a lead in windows (m, n) falls off on both sides of each sample within a reach of samples."""
    middle = windows[:, reach:-reach]
    left, right = middle - windows[:, : -2 * reach], middle - windows[:, 2 * reach :]
    falls = np.where(left * right > 0, np.minimum(np.abs(left), np.abs(right)), 0)
    return np.pad(falls, ((0, 0), (reach, reach)))
