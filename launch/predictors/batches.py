"""A network, applied in batches of one size, so that it is compiled once."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.attribution import complete_attribution
from cardiax.errors import InputError
from cardiax.launch.run.trained import TrainedNetwork

WEIGHTS = "weights"
"""Name of the weights of outputs among the inputs of a gradient."""


class BatchPredictor:
    """What the predictors of all tasks share.

    Args:
      network: the trained network.

    Attributes:
      outputs: what follows the name of a recording in the names of the files that it may have.
      has_page: True if a prediction has a page of its own.
    """

    outputs: tuple[str, ...] = ()
    has_page = True

    def __init__(self, network: TrainedNetwork):
        self.network = network
        self.config = network.config

    def with_influence(self, prediction: Any) -> Any:
        """Return the prediction with what moved the network, which takes seconds; the same if that is not known."""
        return prediction

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
        """Return the outputs (n, ...) for inputs, name → (n, ...), of a file, in batches of `size`.

        Raises:
          InputError: an output is not a number.
        """
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

    The last batch is padded with zeros, whose results are left out.
    """
    count = len(next(iter(inputs.values())))
    for first in range(0, count, size):
        batch = {name: values[first : first + size] for name, values in inputs.items()}
        short = size - min(size, count - first)
        padded = {name: np.pad(one, [(0, short)] + [(0, 0)] * (one.ndim - 1)) for name, one in batch.items()}
        found = call(padded)
        kept = slice(size - short)
        yield {name: one[kept] for name, one in found.items()} if isinstance(found, dict) else found[kept]
