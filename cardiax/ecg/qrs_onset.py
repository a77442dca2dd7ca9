"""The onset of the QRS complex in twelve leads, and their baseline before it."""

import numpy as np

from cardiax.ecg.leads import LEADS

INDEPENDENT = tuple(LEADS.index(name) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))
"""Indices of the eight leads from which the others follow."""

SMOOTHING = 6.0
"""ms, standard deviation of the Gaussian that smooths the leads before they are differentiated."""

QUIET = 0.05
"""Share of the complex's steepest slope, above that of the PR segment, below which the complex has not begun."""

STEEP = 0.3
"""Share of the steepest slope at which the search for the onset begins, backwards."""

BEFORE, AFTER = 130, 60
"""ms before and after the R peak in which the complex lies."""

BASELINE = (-18, -2)
"""ms, the samples around an onset, in the PR segment, whose median is the baseline."""


FIRST = (150, 0.02, 0.5, 3.5)
"""ms after its onset in which a complex is steepest; the least slope of all leads together there, mV/ms, in units of
the largest and of the median one. Of 347 onsets in LUDB and CPSC 2018 none is missed, nor if they are stated 50
ms too early or 20 ms too late, and none of 40 simulated beats; 99 % of starts 150 ms too early or late are refused."""


def qrs_onsets(leads: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Find the onset of each QRS complex: int (m,), ms.

    The slope of all leads together is followed backwards from the steep part of the complex to where it is quiet.

    Args:
      leads: (T, 12), mV at 1 kHz, in the order of `LEADS`, without missing values.
      peaks: int (m,), ms, R peaks; each at least 130 ms after the start and 60 ms before the end.
    """
    speed = _speed(leads)
    around = speed[peaks[:, None] + np.arange(-BEFORE, AFTER)]
    largest, least = around.max(axis=1, keepdims=True), around[:, :BEFORE].min(axis=1, keepdims=True)
    steep = np.argmax(around > STEEP * largest, axis=1)
    quiet = around < least + QUIET * (largest - least)
    quiet &= np.arange(BEFORE + AFTER) <= steep[:, None]
    last = BEFORE + AFTER - 1 - np.argmax(quiet[:, ::-1], axis=1)
    return peaks - BEFORE + np.where(quiet.any(axis=1), last, 0)


def begins_with_complex(leads: np.ndarray) -> bool:
    """Return True if a QRS complex begins with the first of the samples (T, 12), mV at 1 kHz, see `FIRST`."""
    speed = _speed(leads)
    first = float(speed[: FIRST[0]].max())
    return first >= FIRST[1] and first >= FIRST[2] * speed.max() and first >= FIRST[3] * np.median(speed)


def _speed(leads: np.ndarray) -> np.ndarray:
    """Return the slope of all leads (T, 12), mV at 1 kHz, together: (T,), mV/ms."""
    from scipy.ndimage import gaussian_filter1d

    slopes = gaussian_filter1d(leads[:, INDEPENDENT], SMOOTHING, axis=0, order=1)
    return np.sqrt(np.sum(slopes**2, axis=1))


def baseline(leads: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return the baseline of leads (T, 12), mV at 1 kHz: linear between its values before the `onsets` of complexes.

    These are int (m,), ms, one or more, increasing.
    """
    around = np.clip(onsets[:, None] + np.arange(*BASELINE), 0, len(leads) - 1)
    values = np.median(leads[around], axis=1)
    return np.stack([np.interp(np.arange(len(leads)), onsets, lead) for lead in values.T], axis=1)
