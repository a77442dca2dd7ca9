"""The tasks: inputs, targets, augmentation, loss and metrics of each objective.

A task consists of constants and pure functions and is independent of files and models. A new task is an entry in
`TASKS`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

from cardiax.catalog import AAMI_CLASSES, Dataset, find_dataset
from cardiax.config import AugmentationConfig, Config, leaves
from cardiax.ecg.augmentation import check_extra
from cardiax.errors import InputError, unknown
from cardiax.registry import check_new
from cardiax.tasks.beat_classification import Classification
from cardiax.tasks.ecg_imaging import Activation, Transmembrane
from cardiax.tasks.report import Report

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""Function from the outputs (B, ...) and targets (B, ...) of a batch to the loss of each example (B,)."""


class Task(Protocol):
    """The interface of a task to training and evaluation."""

    @property
    def name(self) -> str:
        """Name on the command line."""
        ...

    @property
    def summary(self) -> str:
        """The question that the task answers."""
        ...

    @property
    def kind(self) -> str:
        """`Dataset.kind` of the datasets for this task."""
        ...

    @property
    def evaluation_batch(self) -> int:
        """Examples per evaluation step over all devices, rounded up to a multiple of their number."""
        ...

    @property
    def report(self) -> Report:
        """The metrics, table and plots of an evaluated split."""
        ...

    @property
    def outputs(self) -> int:
        """Width of the model's output."""
        ...

    @property
    def selection(self) -> str:
        """Validation metric that selects the best checkpoint."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """True if the highest value of `selection` is the best, False if the lowest is."""
        ...

    def shapes(self, dataset: Dataset) -> dict[str, tuple[int, ...]]:
        """Return name → shape of each input of one example of the dataset."""
        ...

    @property
    def meaningless(self) -> tuple[str, ...]:
        """Config fields that do not apply to the task."""
        ...

    def check(self, dataset: Dataset) -> None:
        """Raise `InputError` if the dataset cannot be used for this task."""
        ...

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset, /) -> dict[str, np.ndarray]:
        """Return the inputs by name and `target`, each (n, ...), from the features of a dataset's examples."""
        ...

    def augment(
        self, key: jax.Array, inputs: dict[str, jax.Array], target: jax.Array, config: AugmentationConfig, /
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Apply random augmentation to one training example."""
        ...

    def with_noise(
        self, inputs: dict[str, np.ndarray], noise: np.ndarray, index: np.ndarray, /
    ) -> Callable[[float], dict[str, np.ndarray]]:
        """Return a function from a signal-to-noise ratio, dB, to the inputs (n, ...) with recorded noise (m, 2)."""
        ...

    def without_leads(self, inputs: dict[str, np.ndarray], /) -> dict[str, dict[str, np.ndarray]]:
        """Return lead → the inputs without it, for the leads that a network should do without."""
        ...

    def shares(self, config: Config, targets: np.ndarray) -> np.ndarray | None:
        """Return the sampling weight of each training example (n,), or None if each is drawn once per epoch.

        `targets` are as in `training_loss`.
        """
        ...

    def training_loss(self, config: Config, targets: np.ndarray) -> Loss:
        """Return the training loss of `config`; `targets` are all training classes (n,), or (n, 0) without classes."""
        ...

    def combine(self, outputs: jax.Array, /) -> jax.Array:
        """Return the outputs (B, ...) of an ensemble from those of its members (M, B, ...)."""
        ...

    def measure(self, outputs: jax.Array, target: jax.Array, /) -> dict[str, jax.Array]:
        """Return the values that evaluation stores for each example, arrays (B, ...)."""
        ...

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the metrics of a split from the values of `measure` for all its examples."""
        ...

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        """Return the scalar metrics of `summarize` that are written to metrics.csv."""
        ...


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Classification(
            name="heartbeat",
            summary="normal or abnormal beat",
            classes=("normal", "abnormal"),
            normal="normal",
            supraventricular="abnormal",
            merged={AAMI_CLASSES: ("normal", *["abnormal"] * 4)},
        ),
        Classification(
            name="arrhythmia",
            summary="AAMI class of a beat",
            classes=AAMI_CLASSES,
            normal="N",
            supraventricular="S",
            merged={},
        ),
        Activation(
            name="activation",
            summary="activation time of each of 75 sites of the heart, ms",
        ),
        Transmembrane(
            name="transmembrane",
            summary="transmembrane voltage of each of 75 sites of the heart, mV",
        ),
    )
}


def register(task: Task) -> None:
    """Add a task of your own; its default experiment is `Config(task=task.name)`.

    Raises:
      ValueError: another task has that name.
    """
    check_new("task", TASKS, task.name, task)
    TASKS[task.name] = task


def find_task(name: str) -> Task:
    """Return the task `name`.

    Raises:
      InputError: if the name is unknown; the message has the closest match and all names.
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def task_of(config: Config) -> Task:
    """Return the task of an experiment, with the classes of its dataset if that is your own.

    Raises:
      InputError: see `find_task` and `cardiax.catalog.find_dataset`.
    """
    task = find_task(config.task)
    return task.of(find_dataset(config.dataset)) if isinstance(task, Classification) else task


def check_config(task: Task, config: Config) -> None:
    """Raise `InputError` if `config` enables a field that does not apply to the task, or an unknown augmentation."""
    check_extra(config.augmentation.extra)
    fields = leaves(config)
    for name in task.meaningless:
        value = fields[name][1]
        if value not in (0, "none"):
            neutral = "none" if isinstance(value, str) else 0
            raise InputError(f"{name}: found {value}, which has no effect on task {task.name!r}; expected {neutral}")
