"""What training is fed with: batches from the host one by one, or indices into examples that lie on the accelerator."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from cardiax.launch.run.experiment import Experiment
from cardiax.training.device_mesh import (
    divide,
    divide_places,
    map_resident_step,
    map_train_step,
    process_share,
    replicate,
)
from cardiax.training.step import TrainStep

RESIDENT_SHARE = 0.25
"""Of an accelerator's memory, what the training examples may take; the rest is for the step."""

RESIDENT_STEPS = 16
"""Steps in one program where the examples are on the accelerator: few dispatches, and an interrupt is still heard soon.
Not yet measured on an accelerator."""


class Feed:
    """Batches of training examples, in the order of the steps.

    Attributes:
      resident: whether the examples are on the devices, and several steps are made in one program.
      max_steps: that it makes.
    """

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._experiment, self._mesh = experiment, mesh
        examples, train = experiment.examples, experiment.split["train"]
        size = examples.example_bytes * len(train)
        self.resident = not examples.read_ahead and fits_devices(size, mesh)
        self.max_steps = RESIDENT_STEPS if self.resident else 1
        self._on_device = replicate(examples.take(train), mesh) if self.resident else {}

    def map_step(self, step: TrainStep) -> Callable[[Any, Any], tuple[Any, jax.Array]]:
        """`step` over the mesh, for what `batches` gives: (state, batch) → (state, the loss of each step)."""
        return (map_resident_step if self.resident else map_train_step)(step, self._mesh)

    def batches(self, first: int, total: int) -> Generator[tuple[range, Any]]:
        """The steps from `first` to before `total`, and what `map_step`'s function takes to make them.

        Steps that one call makes are of one epoch. Close it, or take all, to end the thread that reads ahead.
        """
        experiment, order = self._experiment, self._experiment.order
        if self.resident:
            for steps in stretches(first, total, order.steps_per_epoch):
                indices = np.stack([order.indices(step) for step in steps])
                yield steps, (self._on_device, divide_places(indices, self._mesh))
            return
        train = experiment.split["train"]
        indices = (train[process_share(order.indices(step))] for step in range(first, total))
        with contextlib.closing(experiment.examples.batches(indices)) as batches:
            for step, batch in zip(range(first, total), batches, strict=True):
                yield range(step, step + 1), divide(batch, self._mesh)


def fits_devices(size: int, mesh: Mesh) -> bool:
    """Whether examples of `size` bytes may lie on each device of the mesh: on accelerators, of one process."""
    device = mesh.devices.flat[0]
    if device.platform == "cpu" or jax.process_count() > 1:
        return False
    # A device that does not tell how much memory it has gets nothing.
    return size <= RESIDENT_SHARE * (device.memory_stats() or {}).get("bytes_limit", 0)


def stretches(first: int, total: int, steps_per_epoch: int) -> Iterator[range]:
    """The steps from `first` to before `total`, `RESIDENT_STEPS` at a time but for the end of an epoch.

    An epoch's rest is one stretch too, so that a run compiles two programs, whatever step it is resumed from.
    """
    while first < total:
        end = min(first + RESIDENT_STEPS, total, first - first % steps_per_epoch + steps_per_epoch)
        yield range(first, end)
        first = end
