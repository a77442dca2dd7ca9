"""Is one system better than another beyond chance? The paired bootstrap, as pure functions of arrays.

Every system answers for the same test cases. Cases are drawn with replacement, the same ones for all systems, and the
figure of each system is computed anew: its mean over seeds, less that of another system, has an interval that the
difficulty of the cases does not widen (Efron and Tibshirani 1993, chapter 16).
"""

from collections.abc import Callable, Sequence

import numpy as np

Figure = Callable[[np.ndarray], np.ndarray]
"""Sums (..., K) over cases → the figure of merit (...)."""

CHUNK = 250
"""Resamples drawn at once: 45 MB for Kaggle's test set."""


def resampled_figures(
    runs: Sequence[np.ndarray],
    figure: Figure,
    groups: np.ndarray | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """The figure of every run on the same resamples of the test cases: float64 (resamples, runs).

    Args:
      runs: of each run what adds up over cases, (n, K): the cells of a confusion matrix, or sums of errors.
      figure: from such sums to the figure.
      groups: (n,), the patient of each case, say: whole groups are drawn. None: cases are.
      resamples: number of bootstrap samples.
      seed: of numpy's generator; the same seed draws the same cases, whatever the runs.

    Raises:
      ValueError: if the runs do not tell of the same number of cases.
    """
    cases = {len(run) for run in runs}
    if len(cases) != 1 or (groups is not None and len(groups) not in cases):
        raise ValueError(f"resampled_figures wants runs, and groups, of the same cases: got {sorted(cases)} of them")
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        runs = [_sum_by(run, place) for run in runs]
    together = np.concatenate([np.asarray(run, np.float32) for run in runs], axis=1)
    units, random = len(together), np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, CHUNK):
        times = random.multinomial(units, np.full(units, 1 / units), size=min(CHUNK, resamples - start))
        sums = times.astype(np.float32) @ together
        drawn.append(figure(sums.reshape(len(sums), len(runs), -1).astype(np.float64)))
    return np.concatenate(drawn)


def _sum_by(sums: np.ndarray, place: np.ndarray) -> np.ndarray:
    total = np.zeros((place.max() + 1, sums.shape[1]))
    np.add.at(total, place, sums)
    return total


def difference_interval(ours: np.ndarray, theirs: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the difference of two systems' mean figures over their seeds.

    Args:
      ours, theirs: (resamples, seeds), columns of `resampled_figures` of one call.
      level: coverage, in (0, 1).
    """
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    low, high = np.nanquantile(difference, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def stands_out(figures: Sequence[np.ndarray], higher_is_better: bool, level: float = 0.95) -> int | None:
    """Which system is better than every other beyond chance; None where no one is, or there is only one.

    Args:
      figures: of each system its columns of `resampled_figures`, (resamples, seeds).
      higher_is_better: of the figure.
      level: coverage of each paired interval, which must leave out 0.
    """
    sign = 1.0 if higher_is_better else -1.0
    for place, ours in enumerate(figures):
        others = [theirs for other, theirs in enumerate(figures) if other != place]
        if others and all(difference_interval(sign * ours, sign * theirs, level)[0] > 0 for theirs in others):
            return place
    return None
