"""Classification metrics and their confidence intervals, as pure functions of arrays.

The confusion matrix is the sufficient statistic: it is summed over batches, and all metrics are computed from it on the
host in float64.
"""

import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from cardiax.errors import check_new

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

    It is in SPLIT.json with its bootstrap interval, in metrics.csv as `validation_NAME`, and in the table.

    Args:
      name: its name.
      function: function from counts (..., C, C), rows true and columns predicted, to values (...), NaN where undefined.

    Raises:
      ValueError: another metric, or another field of SPLIT.json, has that name.
    """
    check_new("metric", METRICS, name, function, taken=_TAKEN)
    METRICS[name] = function


def confusion_matrix(
    labels: jax.Array | np.ndarray,
    predictions: jax.Array | np.ndarray,
    classes: int,
) -> jax.Array | np.ndarray:
    """Count the examples of each (true class, predicted class); jittable with `classes` static, additive over batches.

    NumPy arrays are counted by NumPy, so that nothing is compiled.

    Args:
      labels: (B,), integers, the true classes.
      predictions: (B,), integers, the predicted classes.
      classes: number of classes, C. Examples with a label or prediction outside 0 … C − 1 are not counted.

    Returns:
      Counts (C, C), int32; rows are the true classes, columns the predicted ones.

    Raises:
      ValueError: if the shapes are not all (B,).
    """
    shapes = [jnp.shape(array) for array in (labels, predictions)]
    if len(shapes[0]) != 1 or len(set(shapes)) != 1:
        raise ValueError(f"confusion_matrix expects labels and predictions of one shape (B,): got {shapes}")
    true, predicted = (array[:, None] == np.arange(classes)[None] for array in (labels, predictions))
    return true.T.astype(np.int32) @ predicted.astype(np.int32)


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
      ValueError: if the last two axes differ, a matrix has no examples, or a registered metric is not (...).
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(f"a confusion matrix has shape (..., C, C): got {confusion.shape}")
    total = confusion.sum(axis=(-2, -1))
    if not np.all(total > 0):
        raise ValueError(
            f"a confusion matrix without examples has no metrics: got totals {total}, expected all above 0"
        )
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


def bootstrap_intervals(confusion: np.ndarray, resamples: int = 2000, level: float = 0.95) -> dict[str, np.ndarray]:
    """Compute percentile bootstrap intervals over test beats for every metric of `classification_metrics`.

    Resampling n of n beats with replacement gives a multinomial confusion matrix whose probabilities are the observed
    cell frequencies, so the matrix is drawn directly and no predictions are needed. Beats are treated as independent;
    if the test set holds few patients, the true uncertainty is larger.

    Args:
      confusion: (C, C), counts, rows true and columns predicted.
      resamples: number of bootstrap resamples.
      level: coverage, in (0, 1).

    Returns:
      For each key of `classification_metrics`, (3,) for a scalar and (3, C) per class: lower bound, upper bound, and
      the number of resamples left out because the metric is undefined. If a resample lacks examples of a class that the
      test set has, the precision, recall and F1 of that class and the macro-F1 are undefined.

    Raises:
      ValueError: if `confusion` is not (C, C) or has no examples, or `level` is not in (0, 1).
    """
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"bootstrap_intervals expects one confusion matrix (C, C): got shape {confusion.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1: got {level}")
    total = int(confusion.sum())
    if total == 0:
        raise ValueError("a confusion matrix without examples has no intervals: got a total of 0, expected above 0")
    frequencies = confusion.reshape(-1).astype(np.float64) / total
    drawn = np.random.default_rng(0).multinomial(total, frequencies, size=resamples)
    return _quantiles(drawn.reshape(resamples, *confusion.shape), level)


def bootstrap_groups(confusions: np.ndarray, resamples: int = 2000, level: float = 0.95) -> dict[str, np.ndarray]:
    """Compute percentile bootstrap intervals over groups of test beats, e.g. patients.

    G of the G groups are drawn with replacement, each with all its beats.

    Args:
      confusions: (G, C, C), counts of each group, rows true and columns predicted.
      resamples, level: see `bootstrap_intervals`.

    Returns:
      The same as `bootstrap_intervals`.

    Raises:
      ValueError: if `confusions` is not (G, C, C).
    """
    confusions = np.asarray(confusions)
    if confusions.ndim != 3 or confusions.shape[1] != confusions.shape[2]:
        raise ValueError(f"bootstrap_groups expects confusion matrices (G, C, C): got shape {confusions.shape}")
    groups = len(confusions)
    times = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return _quantiles(np.tensordot(times, confusions, axes=1), level)


def _quantiles(confusions: np.ndarray, level: float) -> dict[str, np.ndarray]:
    metrics = classification_metrics(confusions)
    true = confusions.sum(axis=-1) > 0
    metrics["macro_f1"][(true != true.any(axis=0)).any(axis=-1)] = np.nan
    bounds = [(1 - level) / 2, (1 + level) / 2]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered")  # a class that the test set lacks
        return {
            name: np.concatenate([np.nanquantile(values, bounds, axis=0), np.isnan(values).sum(axis=0)[None]])
            for name, values in metrics.items()
        }


def mean_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean over seeds and the half-width of its Student t interval.

    half-width = t(n − 1, 0.975) · s / √n with s the sample standard deviation (n − 1 in the denominator).

    Args:
      values: (n, ...), one metric or array of metrics for each of n seeds.

    Returns:
      mean (...) and half-width (...), float64, in the unit of `values`. With one seed the half-width is NaN.

    Raises:
      ValueError: if there is no value.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 0 or len(values) == 0:
        raise ValueError(f"mean_interval expects at least one value along its first axis: got shape {values.shape}")
    seeds = len(values)
    mean = values.mean(axis=0)
    if seeds == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, stdtrit(seeds - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
