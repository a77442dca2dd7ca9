"""Stretches of an ECG that cannot be read: pure functions of NumPy arrays. A lead is judged in windows of 5 s."""

import warnings

import numpy as np

from cardiax.catalog import WINDOW_RATE
from cardiax.ecg.lead_checks import DEAD, LARGEST, runs
from cardiax.ecg.r_peaks import QRS_BAND, qrs_band, qrs_slope

WINDOW = 5.0
"""Length of a window, s."""

FAULTS = ("", "missing", "flat", "saturated", "noise")
"""Names of the values of `judge`; 0 is a window that can be read."""

MISSING = 0.1
"""Share of missing samples from which a window cannot be read."""

HELD = 1.0
"""s without any change from which a window is flat."""

RAILED = 0.1
"""Share of the samples at the highest or lowest value of what is judged from which a window is saturated."""

BLURRED = 0.15
"""Median of the absolute signal in the QRS band over its 99 % quantile, from which no QRS complex stands out: at most
0.1 in nearly all windows of real records, and 0.26 in white noise."""

HISS = 0.4
"""Standard deviation above 40 Hz over that in the QRS band, from which a window without QRS complexes is noise, and not
a ventricular rhythm: 1.3 in white noise, 0.5 in muscle noise."""

QUIET = 0.25
"""Share of the recording's usual QRS complex below which a window is quiet, as in a pause."""

NOISY = 0.25
"""Background from which beats may be false. It is exceeded in all leads in some 0.7 % of the windows of the MIT-BIH
databases, mostly in fast tachycardia, and in 90 % of those of records with electrode motion at -6 dB."""

FLATTER = 0.0
"""Excess kurtosis below which a signal has no peaks that stand out as QRS complexes do, e.g. a sine, a sawtooth or
ventricular flutter. It is 0 for noise of a normal distribution, and 5 or more in most clean ECGs (Li, Mark and Clifford
2008, doi:10.1088/0967-3334/29/1/002); the median over windows is 1.7 or more in every record of MIT-BIH, SVDB, LUDB."""

SHARP = (12.0, 30.0)
"""Band, Hz, in which QRS complexes have a greater share of a lead's range than pulse waves have."""

BLUNT = 0.07
"""Share of a lead's range that is in that band, from which its waves are QRS complexes. It is 0.21 or more in the first
three minutes of every record of MIT-BIH, SVDB, LUDB and CPSC 2018 at hand (median over windows, the sharper of two
leads), 0.14 or more in the V beats of each record of MIT-BIH that has 20 of them, and at most 0.06 in pulse waves of 40
to 120 /min that are sums of Gaussians."""

GLITCHES = 0.01
"""Share of the samples of a lead from which values that no ECG has are not glitches: the lead is in another unit."""

PAUSE = 4
"""Number of successive quiet windows that are no pause but a loose electrode."""


def without_glitches(leads: np.ndarray) -> tuple[np.ndarray, int]:
    """Take the samples of leads (n, L), mV, that no ECG has for missing ones, unless they are many, see `GLITCHES`.

    Returns the leads, and the number of samples of all of them that were taken for missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a lead without any value
        far = np.abs(leads - np.nanmedian(leads, axis=0)) > LARGEST
    far &= far.mean(axis=0) < GLITCHES
    return np.where(far, np.nan, leads), int(far.sum())


def without_gaps(signal: np.ndarray) -> np.ndarray:
    """Return a lead (n, 1) with missing samples interpolated, or 0 if there are no others."""
    lost = ~np.isfinite(signal[:, 0])
    if not lost.any():
        return signal
    index = np.arange(len(signal))
    filled = np.interp(index, index[~lost], signal[~lost, 0]) if not lost.all() else np.zeros(len(signal))
    return filled[:, None]


def judge(
    recorded: np.ndarray, filtered: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Judge a lead in windows of equal length of some 5 s.

    Args:
      recorded: (n,), mV at `rate`; missing samples are NaN.
      filtered: (m,), the same at 180 Hz, from `cardiax.ecg.beat_windows.filtered`.
      rate: sampling rate of `recorded`, Hz.

    Returns:
      The borders of the windows (w + 1,), s after the first sample; what is wrong with each, int (w,), an index into
      `FAULTS`; the range of each (w,), mV; its background (w,), the median of the slope over that of the QRS complexes,
      see `NOISY`; its excess kurtosis (w,), see `FLATTER`; and its sharpness (w,), see `BLUNT`.
    """
    from scipy.signal import butter, sosfiltfilt

    count = max(round(len(recorded) / rate / WINDOW), 1)
    edges = np.linspace(0, len(recorded) / rate, count + 1)
    raw = _windows(recorded, count)
    lost = np.isnan(raw)
    highest = np.where(lost, -np.inf, raw).max(axis=1)
    lowest = np.where(lost, np.inf, raw).min(axis=1)
    ranges = np.maximum(highest - lowest, 0.0)
    still = [max((stop - start for start, stop in runs(row)), default=0) for row in np.diff(raw, axis=1) == 0]
    held = np.array(still) / rate
    top, bottom = highest.max(), lowest.min()
    railed = np.maximum(np.mean(raw >= top - 1e-9, axis=1), np.mean(raw <= bottom + 1e-9, axis=1))
    faults = np.zeros(count, int)
    qrs = qrs_band(filtered)
    noisy, quiet = _noise(filtered, qrs, count)
    faults[noisy] = FAULTS.index("noise")
    faults[(railed >= RAILED) & (ranges >= DEAD)] = FAULTS.index("saturated")
    faults[(ranges < DEAD) | (held >= HELD) | _in_long_run(quiet)] = FAULTS.index("flat")
    faults[lost.mean(axis=1) >= MISSING] = FAULTS.index("missing")
    middle, peak = np.quantile(_windows(qrs_slope(qrs), count), (0.5, 0.97), axis=1)
    centred = _windows(filtered, count).astype(np.float64)  # the fourth power of 10^12 mV, a spike, overflows float32
    squares = (centred - centred.mean(axis=1, keepdims=True)) ** 2
    kurtosis = np.mean(squares**2, axis=1) / (np.mean(squares, axis=1) ** 2 + 1e-18) - 3
    sharp = butter(2, SHARP, "bandpass", fs=WINDOW_RATE, output="sos")
    sharpness = np.ptp(_windows(sosfiltfilt(sharp, filtered), count), axis=1) / (np.ptp(centred, axis=1) + 1e-9)
    return edges, faults, ranges, middle / (peak + 1e-9), kurtosis, sharpness


def _windows(signal: np.ndarray, count: int) -> np.ndarray:
    """Return windows (count, k) that cover a signal (n,); they share a sample where `count` does not divide n."""
    starts = np.arange(count) * len(signal) // count
    return signal[starts[:, None] + np.arange(-(-len(signal) // count))]


def _noise(filtered: np.ndarray, qrs: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each window of a lead at 180 Hz, and in the QRS band, if it is noise, and if quiet: bool (w,) each."""
    from scipy.signal import butter, sosfiltfilt

    high = sosfiltfilt(butter(2, QRS_BAND[1] + 10, "highpass", fs=WINDOW_RATE, output="sos"), filtered)
    qrs, high = _windows(qrs, count), _windows(high, count)
    middle, peak = np.quantile(np.abs(qrs), (0.5, 0.99), axis=1)
    blurred = middle > BLURRED * peak
    usual = np.median(peak[~blurred]) if not blurred.all() else 0.0
    quiet = peak < QUIET * usual
    hissing = high.std(axis=1) > HISS * qrs.std(axis=1)
    return blurred & hissing & ~quiet, quiet


def _in_long_run(quiet: np.ndarray) -> np.ndarray:
    """Return which windows (w,) are in a run of at least `PAUSE` quiet ones."""
    found = np.zeros(len(quiet), bool)
    for start, stop in runs(quiet):
        found[start:stop] = stop - start >= PAUSE
    return found
