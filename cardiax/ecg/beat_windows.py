"""Resampling, and windows of 1.07 s around R peaks as `arrhythmia` is trained on: pure functions of NumPy arrays."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from cardiax.catalog import AAMI_CLASSES, WINDOW_AFTER, WINDOW_BEFORE, WINDOW_LEADS, WINDOW_RATE

SYMBOLS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
"""Annotation symbols of each AAMI class; other symbols do not mark beats."""

CLASS_OF = {symbol: index for index, name in enumerate(AAMI_CLASSES) for symbol in SYMBOLS[name]}

HIGH_PASS = 0.5
"""Cutoff frequency of the high-pass filter that removes baseline wander, Hz."""


def slope_at_beats(signals: np.ndarray, samples: np.ndarray, rate: float) -> float:
    """Return the median over beats of the mean slope within 0.1 s of a beat, over the mean slope of the recording.

    Each lead of signals (n, L) at `rate`, Hz, counts alike; `samples` (m,), m ≥ 1, are the indices of the beats. Over
    100 records of the MIT-BIH databases it was 1.5 or more with their own annotations, and 0.9 or less with those of
    the next record. NaN if there is no slope at all.
    """
    slopes = np.abs(np.diff(signals, axis=0, prepend=signals[:1]))
    means = slopes.mean(axis=0)
    if not (means > 0).any():
        return float("nan")
    sums = np.concatenate([[0.0], np.cumsum((slopes[:, means > 0] / means[means > 0]).mean(axis=1))])
    reach = round(0.1 * rate)
    first, last = np.clip(samples - reach, 0, len(slopes) - 1), np.clip(samples + reach + 1, 1, len(slopes))
    return float(np.median((sums[last] - sums[first]) / (last - first)))


def lead_order(names: Sequence[str], first: Sequence[str] = ("MLII", "II")) -> list[int]:
    """Return the indices of leads in the order in which a window takes them: those of `first`, then as given."""
    order = [*first, *names]
    return sorted(range(len(names)), key=lambda lead: order.index(names[lead]))


def resampling(rate: float, new_rate: float = WINDOW_RATE) -> Fraction:
    """Return a new sampling rate over another one, Hz, as a fraction for `scipy.signal.resample_poly`."""
    return (Fraction(new_rate) / Fraction(rate)).limit_denominator(1000)


def resample(signals: np.ndarray, rate: float, new_rate: float = WINDOW_RATE) -> np.ndarray:
    """Resample signals (n, L) from `rate` to `new_rate`, Hz: (~ n · new_rate / rate, L)."""
    from scipy.signal import resample_poly  # takes half a second to import, and few callers need it

    ratio = resampling(rate, new_rate)
    return resample_poly(signals, ratio.numerator, ratio.denominator, padtype="line")


def filtered(signals: np.ndarray, rate: float) -> np.ndarray:
    """Resample leads (n, L) to 180 Hz and remove their baseline wander: (m, L), in the same unit."""
    from scipy.signal import butter, sosfiltfilt

    high_pass = butter(2, HIGH_PASS, "highpass", fs=WINDOW_RATE, output="sos")
    return sosfiltfilt(high_pass, resample(signals, rate), axis=0)


def windows(signals: np.ndarray, samples: np.ndarray, rate: float) -> np.ndarray:
    """Cut windows around R peaks: float32 (m, 192, 2). A window past an end of the signals repeats the value there.

    Signals (n, 1) or (n, 2) are from `filtered`; the second lead of a window of a single lead is 0. `samples` (m,) are
    the indices of the R peaks at the sampling rate `rate`, Hz, of the recording.
    """
    padded = np.pad(signals, ((WINDOW_BEFORE, WINDOW_AFTER), (0, 0)), mode="edge").astype(np.float32)
    padded = np.pad(padded, ((0, 0), (0, WINDOW_LEADS - signals.shape[1])))
    starts = np.rint(samples * WINDOW_RATE / rate).astype(int)
    return padded[starts[:, None] + np.arange(WINDOW_BEFORE + WINDOW_AFTER)]
