"""The input of the training step: batches from the host, or indices into examples held on the accelerator."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from cardiax.launch.run.experiment import Experiment
from cardiax.training import device_mesh
from cardiax.training.step import TrainStep

RESIDENT_SHARE = 0.25
"""Largest fraction of an accelerator's memory for the training examples; the rest is left to the step."""

RESIDENT_STEPS = 16
"""Steps per program when the examples are on the accelerator: few dispatches, yet a prompt response to an interrupt.
The number was not tuned."""


class Feed:
    """Batches of training examples, in the order of the steps.

    If they are `resident`, the examples are on the devices, and one program runs several steps, at most `max_steps`.
    """

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._experiment, self._mesh = experiment, mesh
        examples, train = experiment.examples, experiment.split["train"]
        size = examples.example_bytes * len(train)
        # A reproducible step is several programs, which cannot be put into a loop on the device.
        self.resident = not (experiment.config.reproducible or examples.read_ahead) and fits_devices(size, mesh)
        self.max_steps = RESIDENT_STEPS if self.resident else 1
        self._on_device = device_mesh.replicate(examples.take(train), mesh) if self.resident else {}

    def map_step(self, step: TrainStep) -> Callable[[Any, Any], tuple[Any, jax.Array]]:
        """Map `step` over the mesh, for the items of `batches`: (state, batch) → (state, loss of each step)."""
        return (device_mesh.map_resident_step if self.resident else device_mesh.map_train_step)(step, self._mesh)

    def batches(self, first: int, total: int) -> Generator[tuple[range, Any]]:
        """Yield the steps in [first, total), with the batch that the function of `map_step` takes for them.

        The steps of one item belong to one epoch. Close or exhaust the generator to end the read-ahead thread.
        """
        experiment, order = self._experiment, self._experiment.order
        if self.resident:
            for steps in stretches(first, total, order.steps_per_epoch):
                indices = np.stack([order.indices(step) for step in steps])
                yield steps, (self._on_device, device_mesh.divide_indices(indices, self._mesh))
            return
        train = experiment.split["train"]
        indices = (train[device_mesh.process_share(order.indices(step))] for step in range(first, total))
        with contextlib.closing(experiment.examples.batches(indices)) as batches:
            for step, batch in zip(range(first, total), batches, strict=True):
                yield range(step, step + 1), device_mesh.divide(batch, self._mesh)


def fits_devices(size: int, mesh: Mesh) -> bool:
    """True if each device of the mesh may hold `size` bytes of examples: accelerators of a single process only."""
    device = mesh.devices.flat[0]
    if device.platform == "cpu" or jax.process_count() > 1:
        return False
    # A device that does not report its memory holds no examples.
    return size <= RESIDENT_SHARE * (device.memory_stats() or {}).get("bytes_limit", 0)


def stretches(first: int, total: int, steps_per_epoch: int) -> Iterator[range]:
    """Yield the steps in [first, total), `RESIDENT_STEPS` at a time except at the end of an epoch.

    The remainder of an epoch is one range, so a run compiles two programs, whatever step it resumes from.
    """
    while first < total:
        end = min(first + RESIDENT_STEPS, total, first - first % steps_per_epoch + steps_per_epoch)
        yield range(first, end)
        first = end
