"""Is one system better than another beyond chance? Pure functions of arrays.

Every system predicts the same test cases with several seeds. Cases are drawn with replacement, the same ones for all
systems, and the figure of each run is computed anew, so that the difficulty of the cases does not widen the difference
of two systems (the paired bootstrap, Efron and Tibshirani 1993, chapter 16). Other seeds would give other figures too:
`stands_out` counts both.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtr

Figure = Callable[[np.ndarray], np.ndarray]
"""Sums (..., K) over cases → the figure of merit (...)."""

MANY = 1e9
"""Degrees of freedom with which Student's t is the normal distribution."""

CHUNK = 250
"""Resamples drawn at once: 45 MB for Kaggle's test set."""


def resampled_figures(
    runs: Sequence[np.ndarray], figure: Figure, groups: np.ndarray | None = None, resamples: int = 2000
) -> np.ndarray:
    """The figure of every run on the same resamples of the test cases: float64 (resamples, runs).

    Args:
      runs: of each run what adds up over cases, (n, K): the cells of a confusion matrix, or sums of errors.
      figure: from such sums to the figure.
      groups: (n,), the patient of each case, say: whole groups are drawn. None: cases are.
      resamples: number of bootstrap samples; every call draws the same cases, whatever the runs.

    Raises:
      ValueError: if the runs do not tell of the same number of cases.
    """
    cases = {len(run) for run in runs}
    if len(cases) != 1 or (groups is not None and len(groups) not in cases):
        raise ValueError(f"resampled_figures wants runs, and groups, of the same cases: got {sorted(cases)} of them")
    if groups is not None:
        _, index = np.unique(groups, return_inverse=True)
        runs = [_sum_by(run, index) for run in runs]
    together = np.concatenate([np.asarray(run, np.float32) for run in runs], axis=1)
    units, random = len(together), np.random.default_rng(0)
    drawn = []
    for start in range(0, resamples, CHUNK):
        times = random.multinomial(units, np.full(units, 1 / units), size=min(CHUNK, resamples - start))
        sums = times.astype(np.float32) @ together
        drawn.append(figure(sums.reshape(len(sums), len(runs), -1).astype(np.float64)))
    return np.concatenate(drawn)


def _sum_by(sums: np.ndarray, index: np.ndarray) -> np.ndarray:
    total = np.zeros((index.max() + 1, sums.shape[1]))
    np.add.at(total, index, sums)
    return total


def beats_chance(ours: np.ndarray, theirs: np.ndarray, units: float = math.inf) -> float:
    """The p-value, two-sided, of the difference of two systems' mean figures over their seeds.

    The variance of the difference has two parts: that of the test cases, which is the bootstrap's, the seeds being as
    they are; and that of the seeds, s²/n of each system, which other seeds would show on the same cases. Their sum has
    the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34:28-35), and the difference over its
    root is Student's t. One seed tells nothing of the spread between seeds: the p-value is then 1.

    Args:
      ours, theirs: (resamples, seeds), columns of `resampled_figures` of one call; NaN where a resample has no figure.
      units: how many cases, or groups, the resamples were drawn from.
    """
    if min(ours.shape[1], theirs.shape[1]) < 2:
        return 1.0
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    of_seeds = [np.nanmean(one, axis=0) for one in (ours, theirs)]
    parts = [(float(np.nanvar(difference, ddof=1)), units - 1)]
    parts += [(float(values.var(ddof=1)) / len(values), len(values) - 1) for values in of_seeds]
    total = sum(variance for variance, _ in parts)
    distance = abs(float(of_seeds[0].mean() - of_seeds[1].mean()))
    if total == 0:
        return 0.0 if distance > 0 else 1.0
    uncertain = sum(variance**2 / degrees for variance, degrees in parts)  # 0 where nothing but cases varies
    freedom = total**2 / uncertain if uncertain else MANY
    return float(2 * stdtr(freedom, -distance / math.sqrt(total)))


def stands_out(
    figures: Sequence[np.ndarray], higher_is_better: bool, level: float = 0.95, units: float = math.inf
) -> int | None:
    """Which system is better than every other beyond chance; None where no one is, or there is only one.

    The best one is held against each other (`beats_chance`), and the p-values are corrected for the number of systems
    as Holm has it (1979, Scand. J. Statist. 6:65-70): of systems that are equal, one is called better in at most
    1 - level of such tables.

    Args:
      figures: of each system its columns of `resampled_figures`, (resamples, seeds), two seeds or more.
      higher_is_better: of the figure.
      level: 1 - the rate of false alarms.
      units: see `beats_chance`.
    """
    means = [float(np.nanmean(one)) * (1 if higher_is_better else -1) for one in figures]
    if len(figures) < 2 or not np.isfinite(means).all():
        return None
    best = int(np.argmax(means))
    others = [theirs for index, theirs in enumerate(figures) if index != best]
    values = sorted(beats_chance(figures[best], theirs, units) for theirs in others)
    corrected = [value * (len(values) - rank) for rank, value in enumerate(values)]
    return best if max(corrected) <= 1 - level else None
