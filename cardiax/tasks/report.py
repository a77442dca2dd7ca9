"""What a task reports of an evaluated split, and of several networks together: the interface, without any files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from cardiax.catalog import BY_PATIENT, Dataset

LEVEL = 0.95
"""Level of the intervals."""

BOUNDS = (0.025, 0.975)
"""Quantiles of a percentile interval of that level."""

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


class Report(Protocol):
    """The metrics, table and plots of a task. `figures` are from `Task.summarize` over the cases."""

    def results(self, cases: Cases, figures: dict[str, Any], /) -> dict[str, Any]:
        """Return the fields of SPLIT.json, with intervals, and `cases`, the rows of SPLIT_cases.csv."""
        ...

    def main_figures(self, cases: Cases, figures: dict[str, Any], /) -> dict[str, Any]:
        """Return the metrics that are reported for each noise level: dicts `value`, `low`, `high`, or numbers."""
        ...

    def table(self, result: dict[str, Any], /) -> str:
        """Format the content of SPLIT.json, with `cases`, as text."""
        ...

    def plots(
        self,
        cases: Cases,
        figures: dict[str, Any],
        result: dict[str, Any],
        predict: Callable[[Arrays], np.ndarray],
        /,
    ) -> dict[str, Draw]:
        """Return name → function that draws the plot; `predict` returns the network's outputs for a few inputs."""
        ...

    def ensemble_terms(self, outputs: jax.Array, together: jax.Array, target: jax.Array, /) -> jax.Array:
        """Return what the calibration of an ensemble needs of each example: (B, ...).

        `outputs` are those of its members (M, B, ...), `together` those of the ensemble (B, ...).
        """
        ...

    def ensemble_figures(self, cases: Cases, terms: np.ndarray, /) -> dict[str, tuple[list[float], dict[str, float]]]:
        """Return metric → its value for each member, and for the ensemble `value` and possibly `low` and `high`."""
        ...

    def ensemble_results(self, terms: np.ndarray, /) -> tuple[dict[str, Any], list[str]]:
        """Return further fields of ensemble.json, and lines of text that state them."""
        ...

    def ensemble_plot(self, found: dict[str, Any], title: str, /) -> Any:
        """Draw the fields of `ensemble_results`."""
        ...
