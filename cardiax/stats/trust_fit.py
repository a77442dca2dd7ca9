"""Fit of a network's calibration on validation records, and its test on records left out of the fit."""

from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from cardiax.stats.abstention import area_under_risk, least_confidence, risk_coverage
from cardiax.stats.calibration import class_terms, expected_calibration_error, reliability
from cardiax.stats.class_trust import ClassTrust

LEAST_COVERAGE, MOST_RISK = 0.95, 0.02
"""The least certain validation examples are uncertain, until the others are wrong in at most 2 % or 5 % are."""

RANGE = (0.05, 20.0)
"""Least and largest temperature."""

FOLDS = 20
"""Largest number of parts, each of whole groups, of which each is predicted with the temperature of the others."""

SCORES = ("log_loss", "brier", "ece")
"""Log loss, nats, Brier score and expected calibration error, see `cardiax.stats.calibration`."""

_terms = jax.jit(class_terms)


def equal_weights(groups: np.ndarray) -> np.ndarray:
    """Return weights (n,), float64, with sum 1, with which each of the groups (n,) weighs as much as any other."""
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / (counts[index] * len(counts))


def fit_temperature(logits: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    """Return the temperature T with which softmax(logits / T) has the least log loss (Guo et al. 2017, section 4.2).

    Logits are (n, C), true classes int (n,), and weights of the examples (n,).
    """
    logits, rows = np.asarray(logits, np.float64), np.arange(len(target))

    def loss(log_temperature: float) -> float:
        return -float(weights @ log_softmax(logits / np.exp(log_temperature), axis=1)[rows, target])

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))  # pyright: ignore[reportAttributeAccessIssue] (a result has an x)


def class_scores(logits: np.ndarray, target: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Return the weighted `SCORES`, to six digits; the arguments are those of `fit_temperature`."""
    terms = np.asarray(_terms(np.asarray(logits, np.float32), target), np.float64)
    nll, brier = weights @ terms[:, :2] / weights.sum()
    error = expected_calibration_error(reliability(terms, weights=weights))
    return {name: round(float(value), 6) for name, value in zip(SCORES, (nll, brier, error), strict=True)}


def held_out_logits(logits: np.ndarray, target: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return logits (n, C), each divided by the temperature of examples of other `groups` (n,), of two or more."""
    names, index = np.unique(groups, return_inverse=True)
    part, scaled = index % min(len(names), FOLDS), np.array(logits, np.float64)
    for own in range(part.max() + 1):
        rest = part != own
        scaled[~rest] /= fit_temperature(logits[rest], target[rest], equal_weights(groups[rest]))
    return scaled


def fit_trust(logits: np.ndarray, target: np.ndarray, groups: np.ndarray | None) -> tuple[ClassTrust, dict[str, Any]]:
    """Fit the calibration of a network on validation examples, each group with the same weight.

    The temperature is kept if it lowers the log loss of groups that its fit does not see; else it is 1.

    Args:
      logits, target: see `fit_temperature`.
      groups: (n,), e.g. the record of each beat; None if each example is one of its own.

    Returns:
      The calibration, and what was measured, values of JSON: `SCORES` with temperature 1 and by `held_out_logits`, and
      of the threshold the coverage, the risk, the share of errors that are uncertain, and the area under the risk.
    """
    each = np.arange(len(target)) if groups is None else groups
    weights, count = equal_weights(each), len(np.unique(each))
    before = class_scores(logits, target, weights)
    after = class_scores(held_out_logits(logits, target, each), target, weights) if count > 1 else None
    better = after is not None and after["log_loss"] < before["log_loss"]
    temperature = round(fit_temperature(logits, target, weights), 4) if better else 1.0
    probabilities = ClassTrust(temperature).probabilities(logits)
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != target
    thresholds, coverage, risk = risk_coverage(confidence, wrong, weights)
    below = np.floor(1e4 * least_confidence(thresholds, coverage, risk, LEAST_COVERAGE, MOST_RISK)) / 1e4
    kept = confidence >= below
    shares = None if groups is None else [float(np.mean(~kept[groups == one])) for one in np.unique(groups)]
    trust = ClassTrust(temperature, float(below), None if shares is None else round(max(shares), 4))
    measured = {
        "examples": len(target),
        "groups": None if groups is None else count,
        "scores": {name: [before[name], None if after is None else after[name]] for name in SCORES},
        "coverage": round(float(weights @ kept), 6),
        "risk": round(float(weights @ (kept & wrong) / (weights @ kept)), 6),
        "errors_uncertain": round(float(weights @ (~kept & wrong) / (weights @ wrong)), 6) if wrong.any() else None,
        "area_under_risk": round(area_under_risk(coverage, risk), 6),
    }
    return trust, measured
