"""What the predictors of all tasks share: checks of arguments, and a network applied in batches of one size."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.attribution import complete_attribution
from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import PREDICTIONS
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.training.batch_order import padded_batches

WEIGHTS = "weights"
"""Name of the weights of outputs among the inputs of a gradient."""


class BatchPredictor:
    """What the predictors of all tasks share.

    Attributes:
      outputs: what follows the name of a recording in the names of the files that it may have.
      outputs_together: names of the files of several recordings.
      has_page: True if a prediction has a page of its own.
    """

    outputs: tuple[str, ...] = ()
    outputs_together: tuple[str, ...] = (PREDICTIONS,)
    has_page = True

    def __init__(self, network: TrainedNetwork):
        self.network = network
        self.config = network.config

    def with_influence(self, prediction: Any) -> Any:
        """Return the prediction with what moved the network, which takes seconds; the same if that is not known."""
        return prediction

    def row(self, prediction: Any) -> dict[str, Any]:
        """Return what predictions.csv has of a recording: name → number, None or text."""
        raise NotImplementedError

    def write_together(self, folder: Path) -> Iterator[tuple[str, bool]]:
        """Write what concerns all recordings that were written; yield lines as `write`."""
        del folder
        yield from ()

    def plots(self, stem: str, prediction: Any) -> dict[str, Callable[[], Any]]:
        """Return name → function that draws a plot of the recording `stem`, see `save_plot`."""
        del stem, prediction
        return {}

    @functools.cached_property
    def _network(self) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        return self.network.predictor()

    @functools.cached_property
    def _gradient(self) -> Callable[[dict[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]:
        return self.network.gradient()

    def _outputs(self, inputs: dict[str, np.ndarray], size: int, path: Path) -> np.ndarray:
        """Return the outputs (n, ...) for inputs, name → (n, ...), of a file; `InputError` if one is not a number."""
        outputs = np.concatenate(list(in_batches(self._network, inputs, size)))
        if not np.isfinite(outputs).all():
            raise InputError(
                f"{path}: found an output of the network that is not a number, expected finite ones; nothing written"
            )
        return outputs

    def attribution(
        self, inputs: dict[str, np.ndarray], baseline: dict[str, np.ndarray], weights: np.ndarray, size: int
    ) -> dict[str, np.ndarray] | None:
        """Return the attribution of each example's sum of outputs times `weights` (n, ...), in batches of `size`.

        None if it is not complete, see `cardiax.attribution.complete_attribution`.
        """

        def output(at: dict[str, np.ndarray]) -> np.ndarray:
            weighted = np.concatenate(list(in_batches(self._network, at, size))) * weights
            return weighted.reshape(len(weights), -1).sum(axis=1)

        def gradient(at: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            def call(padded: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
                return self._gradient(
                    {name: values for name, values in padded.items() if name != WEIGHTS}, padded[WEIGHTS]
                )

            found = list(in_batches(call, at | {WEIGHTS: weights}, size))
            return {name: np.concatenate([one[name] for one in found]) for name in at}

        return complete_attribution(output, gradient, inputs, baseline)


def in_batches(call: Callable[[dict[str, np.ndarray]], Any], inputs: dict[str, np.ndarray], size: int) -> Iterator[Any]:
    """Yield what `call` returns, an array or arrays by name, for inputs, name → (n, ...), in batches of `size`.

    The last batch is padded as by `padded_batches`.
    """
    for rows, count in padded_batches(len(next(iter(inputs.values()))), size):
        found = call({name: values[rows] for name, values in inputs.items()})
        yield {name: one[:count] for name, one in found.items()} if isinstance(found, dict) else found[:count]


def as_source(ecg: Any) -> Path | np.ndarray:
    """Return a path, or the array of anything else; a data frame becomes an array with the names of its columns."""
    if isinstance(ecg, str | Path):
        return Path(ecg)
    names = list(map(str, getattr(ecg, "columns", ())))
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"ecg: found two columns {twice[0]!r}, expected a name of its own for each")
    try:
        return np.asarray(ecg.to_records(index=False) if hasattr(ecg, "to_records") else ecg)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"ecg: found {type(ecg).__name__} that is no array, expected a file or an array (T, channels) of numbers"
        ) from error


def as_number(name: str, value: Any, unit: str, positive: bool = False) -> float | None:
    """Return a finite number, or None for None."""
    if value is None:
        return None
    try:
        found = math.nan if isinstance(value, str | bool | np.bool_) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or (positive and found <= 0):
        raise InputError(f"{name}: found {value!r}, expected a {'positive ' * positive}number, {unit}")
    return found


def as_names(leads: Any) -> Sequence[str] | None:
    """Return names of channels as a list, or None for None."""
    if leads is None:
        return None
    found = [leads] if isinstance(leads, str) else list(leads)
    if not all(isinstance(name, str) for name in found):
        raise InputError(f"leads: found {leads!r}, expected the name of each channel, e.g. ['II', 'V1']")
    return [str(name) for name in found]
