"""Classes that are given or withheld: the error of the predictions that are kept, over their share. NumPy arrays."""

import numpy as np

SHARES = np.arange(1, 21) / 20
"""Shares of the examples, the most certain first, at which the risk is reported."""

LEVELS = 1000
"""Largest number of levels of confidence in a resample."""


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what is kept at each threshold, from the highest to the lowest (El-Yaniv and Wiener 2010, JMLR 11).

    Examples have a `confidence`, are `wrong` or not, and have `weights`, each (n,). Thresholds, the distinct
    confidences, come with the share of examples at or above them, and the share of wrong ones among these (the risk),
    each float64 (m,).
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


def risk_at(coverage: np.ndarray, risk: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Return the risk where at least a share (...) of the examples is kept, (...), from what `risk_coverage` returns.

    Examples of the same confidence are kept together, so it may be of more.
    """
    return risk[np.searchsorted(coverage, np.asarray(share) - 1e-12)]


def abstention_metrics(coverage: np.ndarray, risk: np.ndarray) -> tuple[float, float]:
    """Return the area under the risk and the risk at a coverage of 90 %, from what `risk_coverage` returns."""
    return area_under_risk(coverage, risk), float(risk_at(coverage, risk, 0.9))


def abstention_bootstrap(
    confidence: np.ndarray, wrong: np.ndarray, groups: np.ndarray | None = None, resamples: int = 2000
) -> np.ndarray:
    """Return `abstention_metrics` of bootstrap resamples of the examples, float64 (resamples, 2).

    Args:
      confidence: (n,). Of more than `LEVELS` distinct ones, neighbours are kept together.
      wrong: bool (n,).
      groups: (n,), e.g. the record of each beat; groups are then drawn instead of examples.
      resamples: number of resamples; every call draws the same.
    """
    _, rank = np.unique(-np.asarray(confidence), return_inverse=True)
    order = np.sort(rank)
    starts = np.unique(order[np.linspace(0, len(order), LEVELS, endpoint=False).astype(int)])
    level = np.searchsorted(starts, rank, side="right") - 1
    cells, size = 2 * level + wrong, 2 * len(starts)
    random, found = np.random.default_rng(0), []
    if groups is None:
        times = random.multinomial(len(cells), np.bincount(cells, minlength=size) / len(cells), size=resamples)
    else:
        index = np.unique(groups, return_inverse=True)[1]
        count = index.max() + 1
        each = np.bincount(size * index + cells, minlength=size * count).reshape(count, size)
        times = random.multinomial(count, np.full(count, 1 / count), size=resamples) @ each
    for one in times.reshape(resamples, -1, 2):
        one = one[one.any(axis=1)]
        kept = np.cumsum(one.sum(axis=1))
        found.append(abstention_metrics(kept / kept[-1], np.cumsum(one[:, 1]) / kept))
    return np.asarray(found)
