"""How well answers know their own error: calibration of class probabilities, spread of an ensemble against its error.

Everything is made of terms that add up over examples, so that a split is measured batch by batch and the bootstrap
needs no prediction.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from cardiax.losses import cross_entropy

CLASS_TERMS = ("nll", "brier", "confidence", "hit")
"""What `class_terms` holds along its last axis."""

BINS = 15
"""Equal widths of confidence, as Guo et al. 2017 have them (arXiv:1706.04599, section 5)."""

LEVELS = (0.5, 0.8, 0.95)
"""Nominal coverage of the intervals that `spread_terms` counts in."""

SPREAD_TERMS = ("count", "square", "variance", *(f"inside_{level:g}" for level in LEVELS))
"""What `spread_terms` holds along its last axis."""


def class_terms(logits: jax.Array, target: jax.Array) -> jax.Array:
    """The terms of the calibration of each example: float32 (B, 4), in the order of `CLASS_TERMS`.

    `nll` is −ln p of the true class, nats; `brier` Σ over classes of (p − [it is the true one])², from 0 to 2 (Brier
    1950, Monthly Weather Review 78:1–3); `confidence` the greatest p, and `hit` whether it is that of the true class.

    Args:
      logits: (B, C), unnormalised log-probabilities.
      target: (B,), integers in 0 … C − 1.
    """
    probabilities = jax.nn.softmax(logits, axis=-1)
    true = jax.nn.one_hot(target, logits.shape[-1], dtype=probabilities.dtype)
    terms = {
        "nll": cross_entropy(logits, target),
        "brier": jnp.sum((probabilities - true) ** 2, axis=-1),
        "confidence": jnp.max(probabilities, axis=-1),
        "hit": (jnp.argmax(logits, axis=-1) == target).astype(probabilities.dtype),
    }
    return jnp.stack([terms[name] for name in CLASS_TERMS], axis=-1)


def reliability(terms: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Of each bin of confidence its examples, its hits and the sum of its confidences: float64 (bins, 3).

    Bin m of M holds confidences in (m / M, (m + 1) / M].

    Args:
      terms: (n, 4), of `class_terms`.
      bins: M.
    """
    confidence, hit = np.asarray(terms, np.float64)[:, 2:].T
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return np.stack([np.bincount(index, weights, bins) for weights in (np.ones_like(hit), hit, confidence)], axis=1)


def expected_calibration_error(sums: np.ndarray) -> float:
    """Σ over bins of their share of the examples times |accuracy − mean confidence| (Guo et al. 2017, equation 3).

    It has no bootstrap interval here: a bin's gap is an absolute value, which resampling only widens, so that the
    interval would lie above the figure itself (Roelofs et al. 2022, arXiv:2012.08668, tell of this bias).

    Args:
      sums: (bins, 3), of `reliability`.

    Raises:
      ValueError: if there is no example.
    """
    count, hits, confidence = np.asarray(sums, np.float64).T
    if not count.sum() > 0:
        raise ValueError(f"expected_calibration_error expects at least one example: got {count.sum():g}")
    return float(np.abs(hits - confidence).sum() / count.sum())


def spread_terms(outputs: jax.Array, target: jax.Array) -> jax.Array:
    """The terms of an ensemble's spread and error of each element: float32 (..., 6), in the order of `SPREAD_TERMS`.

    `square` is the squared error of the members' mean and `variance` their variance, M − 1 in the denominator, both in
    the unit of the target squared. `inside_p` tells whether the target lies within mean ± t · s · √(1 + 1/M), s being
    the members' standard deviation and t the quantile of Student's distribution of M − 1 degrees of freedom: the
    interval that holds it with probability p where target and members are draws of one normal distribution. All are 0
    where the target is NaN; where a member is not finite, the square and the variance are not either.

    Args:
      outputs: (M, ...), of M ≥ 2 members.
      target: (...).

    Raises:
      ValueError: if the shapes do not fit, or there is but one member.
    """
    if outputs.shape[1:] != target.shape or len(outputs) < 2:
        raise ValueError(
            f"spread_terms expects outputs (M, ...) of M ≥ 2 and targets (...): got {outputs.shape} and {target.shape}"
        )
    counts = jnp.isfinite(target)
    error = jnp.where(counts, jnp.mean(outputs, axis=0) - target, 0.0)
    variance = jnp.where(counts, jnp.var(outputs, axis=0, ddof=1), 0.0)
    members = len(outputs)
    unit = jnp.sqrt(variance * (1 + 1 / members))
    inside = [counts & (jnp.abs(error) <= stdtrit(members - 1, (1 + level) / 2) * unit) for level in LEVELS]
    return jnp.stack([counts, error**2, variance, *inside], axis=-1, dtype=jnp.float32)


def coverage(sums: np.ndarray) -> np.ndarray:
    """The share of elements inside their interval of each of `LEVELS`: (..., 6) sums of `spread_terms` → (..., 3)."""
    sums = np.asarray(sums, np.float64)
    return sums[..., 3:] / sums[..., :1]


def spread_and_error(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root mean variance of the members and the root mean square error of their mean, of groups of elements.

    Args:
      sums: (..., 6), sums of `spread_terms` over a group.

    Returns:
      Both (...), float64, in the unit of the target; NaN for a group without elements.
    """
    count, square, variance = np.moveaxis(np.asarray(sums, np.float64)[..., :3], -1, 0)
    with np.errstate(invalid="ignore"):
        return np.sqrt(variance / count), np.sqrt(square / count)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays (n,), over the places where both are numbers; NaN where one is constant
    or there are none."""
    from scipy.stats import spearmanr  # a second to import

    known = np.isfinite(first) & np.isfinite(second)
    some = first[known], second[known]
    if any(len(np.unique(values)) < 2 for values in some):
        return float("nan")
    correlation, _ = spearmanr(*some)
    return float(correlation)  # pyright: ignore[reportArgumentType] (of two arrays it is one number)


def error_by_spread(sums: np.ndarray, bins: int = 10) -> np.ndarray:
    """Spread and error of groups of like spread, each of as many elements: float64 (bins, 2), the least spread first.

    The diagram of Levi et al. 2022 (Sensors 22(15):5540, arXiv:1905.11659): where the spread tells the error, both are
    equal in every bin.

    Args:
      sums: (n, 6), sums of `spread_terms`; those without elements are left out.
      bins: at most the elements that are left.
    """
    sums = np.asarray(sums, np.float64)
    spread, _ = spread_and_error(sums)
    order = np.argsort(spread, kind="stable")[: np.isfinite(spread).sum()]
    parts = np.array_split(order, min(bins, len(order)))
    return np.asarray([spread_and_error(sums[part].sum(axis=0)) for part in parts])
