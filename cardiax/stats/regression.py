"""Regression metrics and their confidence intervals: mean absolute error, root mean square error, R².

Every metric is a function of five sums, which add up over sites, time and cases. So a split is evaluated exactly batch
by batch, for any group of sites or cases, and the bootstrap needs no predictions.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def error_sums(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Compute the terms of the five sums for each element: (...) and (...) → float32 (..., 5), 0 if the target is NaN.

    A prediction that is not finite is not left out: its errors are NaN, and so is every metric that includes them.

    Raises:
      ValueError: if the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"error_sums expects two arrays of one shape: got {prediction.shape} and {target.shape}")
    counts = jnp.isfinite(target)
    error = jnp.where(jnp.isfinite(prediction), prediction - target, jnp.nan)
    error = jnp.where(counts, error, 0.0)
    true = jnp.where(counts, target, 0.0)
    return jnp.stack([counts.astype(jnp.float32), jnp.abs(error), error**2, true, true**2], axis=-1)


def regression_metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the metrics of one or more groups of elements from their five sums.

    `mae` is the mean of |prediction − target| and `rmse` the root mean square error, both in the unit of the target;
    `r2` is 1 − Σ(prediction − target)² / Σ(target − mean target)², with the mean target of the group.

    Args:
      sums: (..., 5), sums of `error_sums` over a group.

    Returns:
      `mae`, `rmse` and `r2` (...), float64; NaN for a group without elements, `r2` also if all targets are equal.
    """
    count, absolute, square, target, target_square = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = target_square - target**2 / count
        # The sums of float32 terms resolve the spread to about 1e-6 of the squares; below that, targets count as equal.
        r2 = np.where(spread > 1e-6 * target_square, 1 - square / spread, np.nan)
        return {"mae": absolute / count, "rmse": np.sqrt(square / count), "r2": r2}


def bootstrap_cases(sums: np.ndarray, resamples: int = 2000, level: float = 0.95) -> dict[str, np.ndarray]:
    """Compute percentile bootstrap intervals over cases for every metric of `regression_metrics`.

    A case is drawn with all its sites and samples, since its errors are correlated. Cases of one heart are correlated
    too: if the test set holds few hearts, the true uncertainty is larger.

    Args:
      sums: (n, ..., 5), sums of `error_sums` over each of n cases.
      resamples: number of bootstrap resamples.
      level: coverage, in (0, 1).

    Returns:
      `mae`, `rmse` and `r2`, each (2, ...): lower and upper bound.

    Raises:
      ValueError: if `level` is not in (0, 1).
    """
    sums = np.asarray(sums, np.float64)
    cases = len(sums)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1: got {level}")
    times_drawn = np.random.default_rng(0).multinomial(cases, np.full(cases, 1 / cases), size=resamples)
    drawn = (times_drawn @ sums.reshape(cases, -1)).reshape(resamples, *sums.shape[1:])
    bounds = [(1 - level) / 2, (1 + level) / 2]
    metrics: dict[str, Any] = regression_metrics(drawn)
    with warnings.catch_warnings():
        # A site that activates in no case is NaN, as intended.
        warnings.filterwarnings("ignore", "All-NaN slice encountered")
        return {name: np.nanquantile(values, bounds, axis=0) for name, values in metrics.items()}
