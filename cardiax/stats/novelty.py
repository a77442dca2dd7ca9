"""How unlike a prediction is all that a network was trained on."""

import numpy as np


def nearest_difference(times: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Compute the difference of each case's times from the known ones that are most alike: (n, S), (m, S) → (n,), ms.

    It is the standard deviation of the differences over the sites, so a common delay counts nothing. Sites with NaN are
    left out; it is infinite for a case that has, of every known case, fewer than half of the sites, as the fewer are
    compared, the smaller is the difference.
    """
    known = np.asarray(known, np.float64)
    least = np.maximum(np.isfinite(known).sum(axis=1), 1) / 2
    return np.array([_nearest(np.asarray(case, np.float64) - known, least) for case in times])


def _nearest(differences: np.ndarray, least: np.ndarray) -> float:
    finite = np.isfinite(differences)
    count = finite.sum(axis=1)
    filled, divisor = np.where(finite, differences, 0.0), np.maximum(count, 1)
    squares = (filled**2).sum(axis=1) / divisor - (filled.sum(axis=1) / divisor) ** 2
    return float(np.sqrt(np.where(count >= least, np.maximum(squares, 0.0), np.inf).min(initial=np.inf)))
