"""What a task reports of an evaluated split, and of several networks together, without any files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import BY_PATIENT, Dataset
from cardiax.stats.classification import BOUNDS
from cardiax.stats.significance import resampled_figures

ANY = (-np.inf, np.inf)
"""Bounds of a metric that can have any value."""

RESAMPLES = 2000
"""Number of bootstrap resamples."""

Arrays = dict[str, np.ndarray]
Draw = Callable[[], Any]
"""Function that draws a Matplotlib figure or the frames of a GIF."""


def unit_of(metadata: Mapping[str, Any]) -> Any:
    """Return the entry of a case's or of all cases' metadata that names whose the beat is: `group`, else `record`."""
    return metadata["group" if "group" in metadata else "record"]


@dataclass(frozen=True)
class Cases:
    """The examples of an evaluated split.

    Attributes:
      dataset: dataset of the examples.
      protocol: protocol that drew the split.
      split: train, validation or test.
      rows: int64 (n,), indices of the examples in the dataset.
      origin: metadata of all examples of the dataset, e.g. the record, one value each.
      take: function from indices in the dataset to the inputs and targets of these examples.
    """

    dataset: Dataset
    protocol: str
    split: str
    rows: np.ndarray
    origin: Arrays
    take: Callable[[np.ndarray], Arrays]

    @property
    def metadata(self) -> Arrays:
        """The metadata of the examples, name → (n,)."""
        return {name: values[self.rows] for name, values in self.origin.items()}

    @property
    def records(self) -> np.ndarray | None:
        """The record of each example (n,), or of your own beats the group, if the protocol splits by it, else None."""
        return unit_of(self.origin)[self.rows] if self.protocol in BY_PATIENT else None


@dataclass(frozen=True)
class Merit:
    """A metric by which models are compared, as a function of sums over cases.

    Attributes:
      name: name in test.json.
      higher_is_better: True if a higher value is better.
      terms: function from the rows of SPLIT_cases.csv to the terms (n, K) that add up over cases.
      of_sums: function from sums over cases (..., K) to the metric (...).
      bounds: least and largest value that the metric can have; intervals over seeds end there.
      weights: function from terms (n, K) to the weights (n, J) of the cases in the J means that the metric combines.
    """

    name: str
    higher_is_better: bool
    terms: Callable[[list[dict[str, str]]], np.ndarray]
    of_sums: Callable[[np.ndarray], np.ndarray]
    bounds: tuple[float, float] = ANY
    weights: Callable[[np.ndarray], np.ndarray] = lambda terms: np.ones((len(terms), 1))


def interval(value: float, low: float, high: float) -> dict[str, float]:
    """Return a metric with the bounds of its interval, as reports have it."""
    return {"value": float(value), "low": float(low), "high": float(high)}


def metrics_in(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields of SPLIT.json that are metrics, see `interval`, over all its cases."""
    return {name: one for name, one in result.items() if isinstance(one, dict) and "value" in one}


def cell(metric: Mapping[str, float], decimals: int = 4) -> str:
    """Format a metric with its interval, if it has one; a dash if it is undefined."""
    if not np.isfinite(metric["value"]):
        return "–"
    value, *bounds = (f"{metric[key]:.{decimals}f}" for key in ("value", "low", "high") if key in metric)
    return f"{value} [{', '.join(bounds)}]" if bounds else value


def mean_terms(values: np.ndarray) -> np.ndarray:
    """Return the terms float64 (n, 2) of `mean_of_sums`: a value (n,) that is not finite makes the mean undefined."""
    return np.stack([np.where(np.isfinite(values), values, np.nan), np.ones(len(values))], axis=1)


def mean_of_sums(sums: np.ndarray) -> np.ndarray:
    """Return the mean (...) from sums (..., 2) of `mean_terms`, NaN if it is undefined."""
    return sums[..., 0] / sums[..., 1]


def mean_of(values: np.ndarray) -> float:
    """Return the mean of values (n,), NaN, i.e. undefined, if one of them is not finite."""
    return float(mean_of_sums(mean_terms(values).sum(axis=0)))


def mean_merit(name: str, higher_is_better: bool = False, bounds: tuple[float, float] = ANY) -> Merit:
    """Return the mean over cases of the column `name` of SPLIT_cases.csv, without those whose cell is empty."""

    def terms(cases: list[dict[str, str]]) -> np.ndarray:
        known = np.asarray([case[name] != "" for case in cases])[:, None]
        return np.where(known, mean_terms(np.asarray([float(case[name] or "nan") for case in cases])), 0.0)

    return Merit(name, higher_is_better, terms, mean_of_sums, bounds)


def cases_line(result: dict[str, Any]) -> str:
    """Return the last line of a table: the cases of SPLIT.json, and how its intervals were found."""
    return (
        f"on {result['examples']:,} {result['split']} cases of {result['dataset']}, split by {result['protocol']} "
        f"({result['interval']})"
    )


@dataclass(frozen=True)
class Report:
    """The metrics, table and plots of a task; by default the means over cases of some values of `Task.measure`.

    `figures` are from `Task.summarize` over the cases. If the protocol splits by patient, bootstrap intervals resample
    records.

    Attributes:
      units: name → unit of values (n,) in `figures`, finite if the predictions are; the first is `Task.selection`.
      higher_is_better: the names whose highest value is the best.
    """

    units: dict[str, str]
    higher_is_better: tuple[str, ...] = ()

    @property
    def merits(self) -> list[Merit]:
        """The metrics by which models are compared, the one that selects checkpoints last."""
        return [mean_merit(name, name in self.higher_is_better) for name in reversed(self.units)]

    def results(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of SPLIT.json, with intervals, and `cases`, the rows of SPLIT_cases.csv."""
        drawn = "cases" if cases.records is None else "records"
        interval = f"95% percentile bootstrap over {drawn}, {RESAMPLES} resamples"
        values = {name: np.asarray(figures[name], float) for name in self.units}  # a bool is 0 or 1
        columns = {name: column.tolist() for name, column in ({"row": cases.rows} | cases.metadata | values).items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return {"interval": interval, "loss": figures["loss"]} | self.main_figures(cases, figures) | {"cases": rows}

    def main_figures(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the metrics that are reported for each noise level: dicts `value`, `low`, `high`, or numbers."""
        found = {}
        for name, unit in self.units.items():
            drawn = resampled_figures([mean_terms(figures[name])], mean_of_sums, cases.records, RESAMPLES)
            found[name] = {**interval(mean_of(figures[name]), *np.quantile(drawn, BOUNDS)), "unit": unit}
        return found

    def table(self, result: dict[str, Any]) -> str:
        """Format the content of SPLIT.json, with `cases`, as text."""
        lines = []
        for name, unit in self.units.items():
            one = result[name]
            lines.append(f"{name}  {one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}] {unit}".rstrip())
        return "\n".join([*lines, cases_line(result)])

    def plots(
        self, cases: Cases, figures: dict[str, Any], result: dict[str, Any], predict: Callable[[Arrays], np.ndarray]
    ) -> dict[str, Draw]:
        """Return name → function that draws the plot; `predict` returns the network's outputs for a few inputs."""
        del cases, figures, result, predict
        return {}

    def ensemble_terms(self, outputs: jax.Array, together: jax.Array, target: jax.Array) -> jax.Array:
        """Return what the calibration of an ensemble needs of each example: (B, ...).

        `outputs` are those of its members (M, B, ...), `together` those of the ensemble (B, ...).
        """
        del outputs, together
        return jnp.zeros((len(target), 0))

    def ensemble_figures(self, cases: Cases, terms: np.ndarray) -> dict[str, tuple[list[float], dict[str, float]]]:
        """Return metric → its value for each member, and for the ensemble `value` and possibly `low` and `high`."""
        del cases, terms
        return {}

    def ensemble_results(self, terms: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        """Return further fields of ensemble.json, and lines of text that state them."""
        del terms
        return {}, []

    def ensemble_plot(self, found: dict[str, Any], title: str) -> Any:
        """Draw the fields of `ensemble_results`, if there are any."""
        del found, title
