"""Spread of the ensemble members at the 75 sites of the heart, compared with the error of the ensemble."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.launch.report.ensemble_calibration import BOUNDS
from cardiax.launch.run.experiment import Experiment
from cardiax.stats.calibration import (
    LEVELS,
    coverage,
    error_by_spread,
    rank_correlation,
    spread_and_error,
    spread_terms,
)
from cardiax.stats.significance import resampled_figures


def terms(outputs: jax.Array, together: jax.Array, target: jax.Array) -> jax.Array:
    """Compute `spread_terms` (B, 75, 6) of times (M, B, 75) or of voltages (M, B, 500, 75), summed over time."""
    del together
    found = spread_terms(outputs, target)
    return found if found.ndim == 3 else jnp.sum(found, axis=1)


def figures(experiment: Experiment, terms: np.ndarray, split: str) -> dict[str, Any]:
    """Return no metrics: a single run has no spread."""
    del experiment, terms, split
    return {}


def results(experiment: Experiment, terms: np.ndarray) -> tuple[dict[str, Any], list[str]]:
    """Compute coverage, with bootstrap intervals over cases, and the correlation of spread and error.

    Returns:
      The field `spread` of ensemble.json, and lines of text that state it.
    """
    of_cases = terms.sum(axis=1, dtype=np.float64)
    shares = coverage(of_cases.sum(axis=0))
    low, high = np.quantile(resampled_figures([of_cases], coverage)[:, 0], BOUNDS, axis=0)
    spread, error = spread_and_error(of_cases.sum(axis=0))
    over_sites = rank_correlation(*(values.ravel() for values in spread_and_error(terms)))
    over_cases = rank_correlation(*spread_and_error(of_cases))
    found = {
        "unit": next(iter(experiment.task.units.values())),  # pyright: ignore[reportAttributeAccessIssue] (sites have one)
        "coverage": {
            f"{level:g}": {"value": float(shares[i]), "low": float(low[i]), "high": float(high[i])}
            for i, level in enumerate(LEVELS)
        },
        "spread": float(spread),
        "error": float(error),
        "rank_correlation": {"sites": over_sites, "cases": over_cases},
        "error_by_spread": error_by_spread(terms.reshape(-1, terms.shape[-1])).tolist(),
    }
    held = (
        f"{float(level):.0%} cover {one['value']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"
        for level, one in found["coverage"].items()
    )
    return {"spread": found}, [
        f"standard deviation of the seeds {spread:.3f}, root mean square error of the ensemble {error:.3f} "
        f"{found['unit']}; t intervals: {', '.join(held)}",
        f"rank correlation of the two: {over_sites:.2f} over sites of cases, {over_cases:.2f} over cases",
    ]


def plot(found: dict[str, Any], title: str) -> Any:
    """Plot coverage, and error over spread."""
    from cardiax.plots.reliability import spread_figure

    spread = found["spread"]
    covered = {float(level): (one["value"], one["low"], one["high"]) for level, one in spread["coverage"].items()}
    return spread_figure(covered, np.asarray(spread["error_by_spread"]), spread["unit"], title)
