"""Regression metrics and their confidence intervals: mean absolute error, root mean square error, R².

Every metric is a function of five sums, which add up over sites, time and cases. So a split is evaluated exactly batch
by batch, for any group of sites or cases, and the bootstrap needs no predictions.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.stats.classification import OF_LEVEL


def error_sums(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Compute the terms of the five sums for each element: (...) and (...) → float32 (..., 5), 0 if the target is NaN.

    A prediction that is not finite is not left out: its errors are NaN, and so is every metric that includes them.
    """
    counts = jnp.isfinite(target)
    error = jnp.where(jnp.isfinite(prediction), prediction - target, jnp.nan)
    error = jnp.where(counts, error, 0.0)
    true = jnp.where(counts, target, 0.0)
    return jnp.stack([counts.astype(jnp.float32), jnp.abs(error), error**2, true, true**2], axis=-1)


def regression_metrics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Compute `mae`, `rmse` (unit of the target) and `r2` from sums of `error_sums` over a group: (..., 5) → (...).

    `r2` is 1 − Σ(prediction − target)² / Σ(target − mean target)², with the mean target of the group. All are NaN for a
    group without elements, and `r2` also if all targets are equal.
    """
    count, absolute, square, target, target_square = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = target_square - target**2 / count
        # The sums of float32 terms resolve the spread to about 1e-6 of the squares; below that, targets count as equal.
        r2 = np.where(spread > 1e-6 * target_square, 1 - square / spread, np.nan)
        return {"mae": absolute / count, "rmse": np.sqrt(square / count), "r2": r2}


def bootstrap_cases(sums: np.ndarray, resamples: int = 2000) -> dict[str, np.ndarray]:
    """Compute 95 % percentile bootstrap intervals over cases for every metric of `regression_metrics`.

    A case is drawn with all its sites and samples, since its errors are correlated. Cases of one heart are correlated
    too: if the test set holds few hearts, the true uncertainty is larger. `sums` (n, ..., 5) are of `error_sums` over
    each of n cases; a metric has a lower and an upper bound, (2, ...).
    """
    sums = np.asarray(sums, np.float64)
    cases = len(sums)
    times_drawn = np.random.default_rng(0).multinomial(cases, np.full(cases, 1 / cases), size=resamples)
    drawn = (times_drawn @ sums.reshape(cases, -1)).reshape(resamples, *sums.shape[1:])
    metrics: dict[str, Any] = regression_metrics(drawn)
    with warnings.catch_warnings():
        # A site that activates in no case is NaN, as intended.
        warnings.filterwarnings("ignore", "All-NaN slice encountered")
        return {name: np.nanquantile(values, OF_LEVEL, axis=0) for name, values in metrics.items()}
