"""Calibration of class probabilities, and the spread of an ensemble compared with its error.

All metrics are functions of terms that add up over examples, so that a split is evaluated batch by batch and the
bootstrap needs no predictions.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from cardiax.losses import cross_entropy

BINS = 15
"""Number of confidence bins of equal width, as in Guo et al. 2017 (arXiv:1706.04599, section 5)."""

LEVELS = (0.5, 0.8, 0.95)
"""Nominal coverages of the intervals of `spread_terms`."""


def class_terms(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Compute `nll`, `brier`, `confidence` and `hit` of logits (B, C) with true classes int (B,): float32 (B, 4).

    `nll` is −ln p of the true class, nats; `brier` is Σ (p_c − [c is the true class])² over classes c, from 0 to 2
    (Brier 1950, Monthly Weather Review 78:1–3); `confidence` is the largest p; `hit` is 1 if its class is the true one.
    """
    probabilities = jax.nn.softmax(logits, axis=-1)
    true = jax.nn.one_hot(target, logits.shape[-1], dtype=probabilities.dtype)
    nll, brier = cross_entropy(logits, target), jnp.sum((probabilities - true) ** 2, axis=-1)
    confidence, hit = jnp.max(probabilities, axis=-1), jnp.argmax(logits, axis=-1) == target
    return jnp.stack([nll, brier, confidence, hit.astype(probabilities.dtype)], axis=-1)


def reliability(terms: np.ndarray, bins: int = BINS, weights: np.ndarray | None = None) -> np.ndarray:
    """Compute the number of examples, the hits and the sum of confidences of each bin: float64 (bins, 3).

    Bin m of M holds confidences in (m / M, (m + 1) / M].

    `terms` (n, 4) are from `class_terms`, and `weights` (n,) tell as how many examples each counts.
    """
    confidence, hit = np.asarray(terms, np.float64)[:, 2:].T
    each = np.ones_like(hit) if weights is None else np.asarray(weights, np.float64)
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return np.stack([np.bincount(index, each * of, bins) for of in (np.ones_like(hit), hit, confidence)], axis=1)


def expected_calibration_error(sums: np.ndarray) -> float:
    """Compute the mean over bins, weighted by their examples, of |accuracy − mean confidence|.

    Equation 3 of Guo et al. 2017; `sums` (bins, 3) are from `reliability`. It has no bootstrap interval, which would
    lie above it: resampling only widens the gap of a bin (Roelofs et al. 2022, arXiv:2012.08668).
    """
    count, hits, confidence = np.asarray(sums, np.float64).T
    return float(np.abs(hits - confidence).sum() / count.sum())


def spread_terms(outputs: jax.Array, target: jax.Array) -> jax.Array:
    """Compute the spread and error terms of an ensemble for each element: float32 (..., 6).

    They are `count`, `square`, `variance`, and `inside_p` for each p of `LEVELS`. `count` is 1; `square` is the squared
    error of the members' mean, and `variance` the members' variance with M − 1 in the denominator, both in the squared
    unit of the target. `inside_p` is 1 if the target lies within t · s · √(1 + 1/M) of the mean, with s the members'
    standard deviation and t the quantile of Student's distribution with M − 1 degrees of freedom: this interval holds
    the target with probability p if target and members are draws from one normal distribution. All terms are 0 where
    the target is NaN; the square and the variance are not finite where a member is not. Outputs (M, ...) are those of
    M ≥ 2 members, and targets (...) the true values.
    """
    counts = jnp.isfinite(target)
    error = jnp.where(counts, jnp.mean(outputs, axis=0) - target, 0.0)
    variance = jnp.where(counts, jnp.var(outputs, axis=0, ddof=1), 0.0)
    members = len(outputs)
    unit = jnp.sqrt(variance * (1 + 1 / members))
    inside = [counts & (jnp.abs(error) <= stdtrit(members - 1, (1 + level) / 2) * unit) for level in LEVELS]
    return jnp.stack([counts, error**2, variance, *inside], axis=-1, dtype=jnp.float32)


def coverage(sums: np.ndarray) -> np.ndarray:
    """Compute the share of elements inside their interval for each of `LEVELS`: sums (..., 6) → (..., 3)."""
    sums = np.asarray(sums, np.float64)
    return sums[..., 3:] / sums[..., :1]


def spread_and_error(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the root mean variance of the members and the root mean square error of their mean, float64 (...) each.

    `sums` (..., 6) are of `spread_terms` over groups of elements; both are NaN for a group without any.
    """
    count, square, variance = np.moveaxis(np.asarray(sums, np.float64)[..., :3], -1, 0)
    with np.errstate(invalid="ignore"):
        return np.sqrt(variance / count), np.sqrt(square / count)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compute Spearman's rank correlation of two arrays (n,) over the indices where both are finite.

    NaN if there are none, or if one array is constant there.
    """
    from scipy.stats import spearmanr  # takes a second to import

    known = np.isfinite(first) & np.isfinite(second)
    some = first[known], second[known]
    if any(len(np.unique(values)) < 2 for values in some):
        return float("nan")
    correlation, _ = spearmanr(*some)
    return float(correlation)  # pyright: ignore[reportArgumentType] (a scalar for two arrays)


def error_by_spread(sums: np.ndarray, bins: int = 10) -> np.ndarray:
    """Compute spread and error in bins of equal size, ordered by spread: float64 (bins, 2).

    The diagram of Levi et al. 2022 (Sensors 22(15):5540, arXiv:1905.11659): for a calibrated ensemble, spread and error
    are equal in every bin. Rows of `sums` (n, 6), of `spread_terms`, that have no elements are left out.
    """
    sums = np.asarray(sums, np.float64)
    spread, _ = spread_and_error(sums)
    order = np.argsort(spread, kind="stable")[: np.isfinite(spread).sum()]
    parts = np.array_split(order, min(bins, len(order)))
    return np.asarray([spread_and_error(sums[part].sum(axis=0)) for part in parts])
