"""Significance tests between models, as pure functions of arrays.

Every model predicts the same test cases with several seeds. Cases are drawn with replacement, the same ones for all
models, and the metric of each run is recomputed, so that the difficulty of the cases does not widen the difference
between two models (the paired bootstrap, Efron and Tibshirani 1993, chapter 16). `stands_out` accounts for the variance
between seeds as well.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtr

Figure = Callable[[np.ndarray], np.ndarray]
"""A metric: sums (..., K) over cases → values (...)."""

CHUNK = 250
"""Number of resamples drawn at once: 45 MB for Kaggle's test set."""


def resampled_figures(
    runs: Sequence[np.ndarray], figure: Figure, groups: np.ndarray | None = None, resamples: int = 2000
) -> np.ndarray:
    """Compute the metric of every run on the same resamples of the test cases: float64 (resamples, runs).

    Args:
      runs: for each run the additive terms of its cases, (n, K): cells of a confusion matrix, or sums of errors.
      figure: function from such sums to the metric.
      groups: (n,), the group of each case, e.g. its patient; groups are then drawn instead of cases.
      resamples: number of bootstrap resamples; every call draws the same cases for any runs.
    """
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


def resampled_systems(
    systems: Sequence[Sequence[np.ndarray]], figure: Figure, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return `resampled_figures` of the runs of each system, (resamples, seeds) each."""
    figures = resampled_figures([run for runs in systems for run in runs], figure, groups)
    return np.split(figures, np.cumsum([len(runs) for runs in systems])[:-1], axis=1)


def _sum_by(sums: np.ndarray, index: np.ndarray) -> np.ndarray:
    total = np.zeros((index.max() + 1, sums.shape[1]))
    np.add.at(total, index, sums)
    return total


def independent_units(weights: np.ndarray, groups: np.ndarray | None) -> float:
    """Return the effective number of groups, (Σ w)² / Σ w² of their weights w (Kish 1965, Survey Sampling, 11.7).

    Of a metric that combines J means, e.g. over the cases of each class, it is that of the mean with the fewest: where
    one patient has most beats of a class, the others tell little of it. `weights` (n, J) are those of each case in each
    mean; a mean without any is left out. `groups` (n,) is None if each case is its own.
    """
    if groups is not None:
        weights = _sum_by(weights, np.unique(groups, return_inverse=True)[1])
    total, squares = weights.sum(axis=0), (weights**2).sum(axis=0)
    return float(np.min(total[total > 0] ** 2 / squares[total > 0]))


def beats_chance(ours: np.ndarray, theirs: np.ndarray, units: float) -> float:
    """Compute the two-sided p-value of the difference between two models' mean metrics over their seeds.

    The variance of the difference has two parts: that of the test cases, from the bootstrap with fixed seeds times
    n/(n - 1) for n units, and that of the seeds, s²/n of each model, on fixed cases. The difference over the root of
    their sum follows Student's t with the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika
    34:28-35). The p-value is 1 if a model has only one seed, or there is only one unit, as a variance is then unknown.

    Args:
      ours, theirs: (resamples, seeds), of one call of `resampled_systems`; NaN where the metric is undefined.
      units: number of independent cases or groups, from `independent_units`.
    """
    if min(ours.shape[1], theirs.shape[1]) < 2 or units <= 1:
        return 1.0
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    of_seeds = [np.nanmean(one, axis=0) for one in (ours, theirs)]
    parts = [(float(np.nanvar(difference, ddof=1)) / (1 - 1 / units), units - 1)]
    parts += [(float(values.var(ddof=1)) / len(values), len(values) - 1) for values in of_seeds]
    total = sum(variance for variance, _ in parts)
    distance = abs(float(of_seeds[0].mean() - of_seeds[1].mean()))
    if total == 0:
        return 0.0 if distance > 0 else 1.0
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    return float(2 * stdtr(freedom, -distance / math.sqrt(total)))


def stands_out(figures: Sequence[np.ndarray], higher_is_better: bool, units: float) -> int | None:
    """Return the index of the model that is significantly better than every other, or None.

    The best model is compared with each other one (`beats_chance`), and the p-values are corrected for the number of
    models after Holm (1979, Scand. J. Statist. 6:65-70): among equal models, one is called better in at most 5 % of
    such tables. `figures` are those of `resampled_systems`, (resamples, seeds).
    """
    if len(figures) < 2 or not all(np.isfinite(one).any(axis=0).all() for one in figures):  # a seed is undefined
        return None
    means = [float(np.nanmean(one)) * (1 if higher_is_better else -1) for one in figures]
    best = int(np.argmax(means))
    others = [theirs for index, theirs in enumerate(figures) if index != best]
    values = sorted(beats_chance(figures[best], theirs, units) for theirs in others)
    corrected = [value * (len(values) - rank) for rank, value in enumerate(values)]
    return best if max(corrected) <= 0.05 else None
