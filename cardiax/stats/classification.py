"""Classification metrics and their confidence intervals, as pure functions of arrays.

All metrics are computed from the confusion matrix in float64.
"""

import warnings
from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from cardiax.errors import check_new

BOUNDS = (0.025, 0.975)
"""Quantiles of a 95 % percentile interval."""

OF_LEVEL = ((1 - 0.95) / 2, (1 + 0.95) / 2)
"""The same but for rounding, which the last digits of reported intervals show."""

METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
"""Registered metrics: name → function from confusion matrices float64 (..., C, C) to (...), NaN where undefined."""

_TAKEN = (
    *("accuracy", "macro_f1", "precision", "recall", "f1", "loss", "classes", "confusion", "target", "prediction"),
    *("probabilities", "interval", "note", "without_record", "cases", "task", "dataset", "protocol", "split"),
    *("model", "seed", "step", "examples", "parameters", "area_under_risk", "risk_at_90_coverage"),
    "risk_over_coverage",
)
"""Names of other metrics and of the other fields of SPLIT.json."""


def register(name: str, function: Callable[[np.ndarray], np.ndarray]) -> None:
    """Add a metric of your own to every report of a classification task.

    It is in SPLIT.json with its bootstrap interval, in metrics.csv as `validation_NAME`, and in the table. `function`
    takes counts (..., C, C), rows true and columns predicted, and returns values (...), NaN where undefined. Raises
    `ValueError` if another metric, or another field of SPLIT.json, has that name.
    """
    check_new("metric", METRICS, name, function, taken=_TAKEN)
    METRICS[name] = function


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Count the examples of each (true class, predicted class): int (n,), 0 … `classes` − 1, → int64 (C, C)."""
    return np.bincount(classes * labels + predictions, minlength=classes**2).reshape(classes, classes)


def classification_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Compute accuracy, macro-F1, and precision (positive predictivity), recall (sensitivity) and F1 of each class.

    Undefined metrics are NaN: precision, recall and F1 of a class without examples, and the precision of a class that
    is never predicted. Macro-F1 is the mean F1 over the classes that have examples or are predicted; a predicted class
    without examples counts as 0, as in scikit-learn.

    Args:
      confusion: (..., C, C), counts, rows true and columns predicted; leading axes are batch axes.

    Returns:
      `accuracy`, `macro_f1` and the registered metrics (...), `precision`, `recall` and `f1` (..., C); all but those
      registered are float64 in [0, 1], or NaN.

    Raises:
      ValueError: if a registered metric is not (...).
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    total = confusion.sum(axis=(-2, -1))
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true = confusion.sum(axis=-1)
    predicted = confusion.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        own = {name: np.asarray(function(confusion), np.float64) for name, function in METRICS.items()}
        for name, values in own.items():
            if values.shape != total.shape:
                raise ValueError(f"metric {name!r}: found shape {values.shape}, expected {total.shape}")
        f1 = 2 * hits / (true + predicted)
        return {
            "accuracy": hits.sum(axis=-1) / total,
            "macro_f1": np.nansum(f1, axis=-1) / np.count_nonzero(true + predicted, axis=-1),
            "precision": np.where(true > 0, hits / predicted, np.nan),
            "recall": hits / true,
            "f1": np.where(true > 0, f1, np.nan),
            **own,
        }


def bootstrap_intervals(confusions: np.ndarray, over_groups: bool, resamples: int = 2000) -> dict[str, np.ndarray]:
    """Compute 95 % percentile bootstrap intervals for every metric of `classification_metrics`.

    Over groups, e.g. patients, G of the G groups are drawn with replacement, each with all its beats. Else n of the n
    beats are, as if they were independent: their confusion matrix is multinomial with the observed frequencies.

    Args:
      confusions: (G, C, C), counts of each group, rows true and columns predicted.
      over_groups: True to draw groups.
      resamples: number of bootstrap resamples.

    Returns:
      For each key of `classification_metrics`, (3,) for a scalar and (3, C) per class: lower bound, upper bound, and
      the number of resamples left out because the metric is undefined. If a resample lacks examples of a class that the
      test set has, the precision, recall and F1 of that class and the macro-F1 are undefined.
    """
    random, (groups, *shape) = np.random.default_rng(0), confusions.shape
    if over_groups:
        drawn = np.tensordot(
            random.multinomial(groups, np.full(groups, 1 / groups), size=resamples), confusions, axes=1
        )
    else:
        cells = confusions.sum(axis=0).ravel()
        drawn = random.multinomial(cells.sum(), cells / cells.sum(), size=resamples).reshape(resamples, *shape)
    metrics, true = classification_metrics(drawn), drawn.sum(axis=-1) > 0
    metrics["macro_f1"][(true != true.any(axis=0)).any(axis=-1)] = np.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered")  # a class that the test set lacks
        return {
            name: np.concatenate([np.nanquantile(values, OF_LEVEL, axis=0), np.isnan(values).sum(axis=0)[None]])
            for name, values in metrics.items()
        }


def mean_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean over seeds, (n, ...) → (...), and the half-width of its 95 % Student t interval, (...).

    half-width = t(n − 1, 0.975) · s / √n with s the sample standard deviation; NaN with one seed.
    """
    values = np.asarray(values, dtype=np.float64)
    seeds = len(values)
    mean = values.mean(axis=0)
    if seeds == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, stdtrit(seeds - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
