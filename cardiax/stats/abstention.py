"""Classes that are given or withheld: the error of the predictions that are kept, over their share. NumPy arrays."""

import numpy as np


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what is kept at each threshold, from the highest to the lowest (El-Yaniv and Wiener 2010, JMLR 11).

    Args:
      confidence: (n,), of each example; those at the threshold or above it are kept.
      wrong: bool (n,), True if the prediction is not the true class.
      weights: (n,), of the examples.

    Returns:
      Thresholds (m,), which are the distinct confidences, the share of examples that are kept, and the share of wrong
      ones among these (the risk), each float64.
    """
    order = np.argsort(-np.asarray(confidence), kind="stable")
    found, kept = np.asarray(confidence)[order], np.cumsum(weights[order], dtype=np.float64)
    risk = np.cumsum((weights * wrong)[order], dtype=np.float64) / kept
    last = np.append(found[1:] != found[:-1], True)
    return found[last].astype(np.float64), (kept / kept[-1])[last], risk[last]


def area_under_risk(coverage: np.ndarray, risk: np.ndarray) -> float:
    """Return the mean risk over the share that is kept, AURC (Geifman et al. 2019, arXiv:1805.08206): 0 is best."""
    return float(np.diff(coverage, prepend=0.0) @ risk)


def least_confidence(
    thresholds: np.ndarray, coverage: np.ndarray, risk: np.ndarray, least_coverage: float, most_risk: float
) -> float:
    """Return the threshold that keeps most with a risk of at most `most_risk`, but no less than `least_coverage`.

    The first three arguments are those that `risk_coverage` returns.
    """
    enough = coverage >= least_coverage - 1e-12
    good = np.flatnonzero(enough & (risk <= most_risk))
    return float(thresholds[good[-1] if len(good) else np.argmax(enough)])
