"""A network, applied in batches of one size, so that it is compiled once."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cardiax.errors import InputError
from cardiax.launch.run.trained import TrainedNetwork


class BatchPredictor:
    """What the predictors of all tasks share.

    Args:
      network: the trained network.

    Attributes:
      has_page: True if a prediction has a page of its own.
    """

    has_page = True

    def __init__(self, network: TrainedNetwork):
        self.network = network
        self.config = network.config

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
        count, found = len(next(iter(inputs.values()))), []
        for first in range(0, count, size):
            batch = {name: values[first : first + size] for name, values in inputs.items()}
            short = size - min(size, count - first)
            padded = {name: np.pad(one, [(0, short)] + [(0, 0)] * (one.ndim - 1)) for name, one in batch.items()}
            found.append(self._network(padded)[: size - short])
        outputs = np.concatenate(found)
        if not np.isfinite(outputs).all():
            raise InputError(
                f"{path}: found an output of the network that is not a number, expected finite ones; nothing written"
            )
        return outputs
