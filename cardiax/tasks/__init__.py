"""The objectives, one dict: what goes in, what comes out, the loss and the figures of merit.

A task is data and pure functions; it knows neither files nor models. A new objective is a new entry in `TASKS`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

from cardiax.catalog import AAMI_CLASSES, Dataset
from cardiax.config import AugmentationConfig, Config, leaves
from cardiax.errors import InputError, unknown
from cardiax.tasks.beat_classification import Classification
from cardiax.tasks.ecg_imaging import Activation, Transmembrane

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""Outputs (B, ...) and targets (B, ...) of a batch → the loss of each example (B,)."""


class Task(Protocol):
    """What training and evaluation ask of an objective. `shapes` below are those of one example."""

    @property
    def name(self) -> str:
        """What the command line calls it."""
        ...

    @property
    def summary(self) -> str:
        """The question that it answers."""
        ...

    @property
    def kind(self) -> str:
        """The `kind` of the datasets that it learns from."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one example."""
        ...

    @property
    def outputs(self) -> int:
        """Width of the model's output."""
        ...

    @property
    def selection(self) -> str:
        """The validation figure that picks the best checkpoint."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Whether the highest or the lowest `selection` is best."""
        ...

    def shape(self, dataset: Dataset) -> tuple[int, ...]:
        """Of one input that the task makes of the dataset."""
        ...

    @property
    def meaningless(self) -> tuple[str, ...]:
        """Config fields that mean nothing to the task."""
        ...

    def check(self, dataset: Dataset) -> None:
        """Raise `InputError` where the dataset does not answer the task's question."""
        ...

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset, /) -> dict[str, np.ndarray]:
        """`input` (n, ...) and `target` (n, ...) from the features of a dataset's examples."""
        ...

    def augment(
        self, key: jax.Array, input: jax.Array, target: jax.Array, config: AugmentationConfig, /
    ) -> tuple[jax.Array, jax.Array]:
        """One training example, changed at random."""
        ...

    def shares(self, config: Config, targets: np.ndarray) -> np.ndarray | None:
        """How often each training example is drawn (n,), `targets` as in `training_loss`; None: once an epoch."""
        ...

    def training_loss(self, config: Config, targets: np.ndarray) -> Loss:
        """The loss that `config` asks for, given the classes of all training examples (n,); (n, 0) without classes."""
        ...

    def combine(self, outputs: jax.Array, /) -> jax.Array:
        """The outputs (B, ...) of an ensemble from those of its members (M, B, ...)."""
        ...

    def measure(self, outputs: jax.Array, target: jax.Array, /) -> dict[str, jax.Array]:
        """What evaluation keeps of each example, (B, ...) each."""
        ...

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """The figures of a split from the measures of all its examples."""
        ...

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        """The figures of `summarize` that metrics.csv keeps, one number each."""
        ...


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Classification(
            name="heartbeat",
            summary="is this beat healthy?",
            classes=("normal", "abnormal"),
            normal="normal",
            supraventricular="abnormal",
            merged={AAMI_CLASSES: ("normal", *["abnormal"] * 4)},
        ),
        Classification(
            name="arrhythmia",
            summary="which AAMI class is this beat?",
            classes=AAMI_CLASSES,
            normal="N",
            supraventricular="S",
            merged={},
        ),
        Activation(
            name="activation",
            summary="when does each of 75 sites in the heart activate, ms?",
        ),
        Transmembrane(
            name="transmembrane",
            summary="what is the transmembrane voltage of each of 75 sites, mV?",
        ),
    )
}


def find_task(name: str) -> Task:
    """The task of that name; an unknown one is answered with the near match and the list."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def check_config(task: Task, config: Config) -> None:
    """Raise `InputError` where `config` asks for something that means nothing to the task."""
    fields = leaves(config)
    for name in task.meaningless:
        value = fields[name][1]
        if value not in (0, "none"):
            neutral = "none" if isinstance(value, str) else 0
            raise InputError(f"{name}: found {value}, but it means nothing to task {task.name!r}; expected {neutral}")
