"""Calibration of the class probabilities of ensemble members and of their ensemble."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import BY_PATIENT
from cardiax.launch.run.experiment import Experiment
from cardiax.stats.calibration import class_terms, expected_calibration_error, reliability
from cardiax.stats.significance import resampled_figures

BOUNDS = (0.025, 0.975)
"""Quantiles of a 95 % percentile interval."""


def terms(outputs: jax.Array, together: jax.Array, target: jax.Array) -> jax.Array:
    """Compute `class_terms` (B, M + 1, 4) of the members' logits (M, B, C), then of the ensemble's (B, C)."""
    return jax.vmap(class_terms, (0, None), 1)(jnp.concatenate([outputs, together[None]]), target)


def figures(experiment: Experiment, terms: np.ndarray, split: str) -> dict[str, tuple[list[float], dict[str, float]]]:
    """Compute expected calibration error, negative log-likelihood and Brier score of each member and the ensemble.

    The last two are means over beats with a bootstrap interval, over records if the protocol splits by patient.
    """
    *ours, together = [expected_calibration_error(reliability(one)) for one in np.moveaxis(terms, 1, 0)]
    found = {"ece": (ours, {"value": together})}
    groups = experiment.origin["record"][experiment.split[split]] if experiment.protocol in BY_PATIENT else None
    scores = terms[:, :, :2]
    last = np.concatenate([scores[:, -1], np.ones((len(terms), 1))], axis=1)
    resampled = resampled_figures([last], lambda sums: sums[..., :2] / sums[..., 2:], groups)[:, 0]
    low, high = np.quantile(resampled, BOUNDS, axis=0)
    means = scores.mean(axis=0, dtype=np.float64)
    for index, name in enumerate(("nll", "brier")):
        *ours, together = means[:, index].tolist()
        found[name] = ours, {"value": together, "low": float(low[index]), "high": float(high[index])}
    return found


def results(experiment: Experiment, terms: np.ndarray) -> tuple[dict[str, Any], list[str]]:
    """Compute the reliability diagram of each member and of the ensemble; there are no lines of text to add."""
    del experiment
    *members, together = [reliability(one).tolist() for one in np.moveaxis(terms, 1, 0)]
    columns = ["examples", "right", "sum of confidences"]
    return {"reliability": {"columns": columns, "members": members, "ensemble": together}}, []


def plot(found: dict[str, Any], title: str) -> Any:
    """Draw the reliability diagram."""
    from cardiax.plots.reliability import reliability_figure

    members, together = (np.asarray(found["reliability"][key]) for key in ("members", "ensemble"))
    return reliability_figure(members, together, title)
