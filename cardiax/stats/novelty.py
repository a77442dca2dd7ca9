"""How unlike a prediction is all that a network was trained on."""

import numpy as np


def nearest_difference(times: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Compute the difference of each case from the known one that is most alike: (n,), ms.

    It is the standard deviation of the differences over the sites, so a common delay counts nothing.

    Args:
      times: (n, S), ms, activation times of the sites of n cases; sites with NaN are left out.
      known: (m, S), ms, those of known cases.

    Returns:
      (n,), float64; infinite for a case that has, of every known case, fewer than half of the sites: the fewer are
      compared, the smaller the difference, and that of one site is 0.
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
