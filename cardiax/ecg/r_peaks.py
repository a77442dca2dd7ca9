"""Detection of R peaks in one or two leads: pure functions of NumPy arrays at 180 Hz."""

import numpy as np

from cardiax.catalog import WINDOW_RATE

REFRACTORY = 0.2
"""s, the least distance of two R peaks."""

REFINED = 0.08
"""s around a detected beat in which its R peak lies."""


def find_r_peaks(signals: np.ndarray, readable: np.ndarray) -> np.ndarray:
    """Find the R peaks of a recording: int (m,), samples at 180 Hz, increasing.

    `sleepecg.detect_heartbeats` (Pan and Tompkins 1985, modified) finds the beats; the R peak is the largest deflection
    near it, where MIT-BIH's annotations are.

    Args:
      signals: (n, L), mV at 180 Hz, from `cardiax.ecg.beat_windows.filtered`.
      readable: bool (w, L), for w windows of equal length whether each lead can be read.
    """
    length = len(signals) / len(readable)
    chosen = np.where(readable.any(axis=1), readable.argmax(axis=1), -1)
    found = []
    for lead in range(signals.shape[1]):
        if (chosen == lead).any():
            mask = np.repeat(readable[:, lead], np.diff(np.rint(np.arange(len(readable) + 1) * length).astype(int)))
            beats = refined(signals[:, lead], detect(np.where(mask, signals[:, lead], 0)))
            window = np.minimum((beats / length).astype(int), len(readable) - 1)
            found.append(beats[chosen[window] == lead])
    beats = np.sort(np.concatenate(found)) if found else np.empty(0, int)
    return beats[np.append(True, np.diff(beats) >= REFRACTORY * WINDOW_RATE)[: len(beats)]]


def detect(lead: np.ndarray) -> np.ndarray:
    """Find the beats of one lead (n,) at 180 Hz: int (m,), samples."""
    from sleepecg import detect_heartbeats  # takes half a second to import

    if np.ptp(lead) == 0:
        return np.empty(0, int)
    return detect_heartbeats(np.ascontiguousarray(lead, np.float64), WINDOW_RATE)


def refined(lead: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Move each beat (m,) to the largest deflection of the lead (n,) within `REFINED`."""
    reach = round(REFINED * WINDOW_RATE)
    padded = np.pad(lead, reach, mode="edge")
    near = np.abs(padded[beats[:, None] + np.arange(2 * reach + 1)])
    return np.unique(beats - reach + near.argmax(axis=1)).clip(0, len(lead) - 1)
