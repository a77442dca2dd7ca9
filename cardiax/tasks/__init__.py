"""The tasks: inputs, targets, augmentation, loss and metrics of each objective.

A task consists of constants and pure functions and is independent of files and models.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cardiax.baselines import SYSTEMS, System
from cardiax.catalog import AAMI_CLASSES, find_dataset
from cardiax.config import Config, leaves, with_overrides
from cardiax.ecg.augmentation import check_extra
from cardiax.errors import InputError, check_new, unknown
from cardiax.recipes import RECIPES
from cardiax.tasks.beat_classification import Classification
from cardiax.tasks.ecg_imaging import Activation, Transmembrane
from cardiax.tasks.task import Task

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
        Activation("activation", "activation time of each of 75 sites of the heart, ms"),
        Transmembrane("transmembrane", "transmembrane voltage of each of 75 sites of the heart, mV"),
    )
}


def register(task: Task, recipe: Config | None = None, systems: Mapping[str, System] | None = None) -> None:
    """Add a task of your own, with its default experiment and the baselines that `cardiax sweep` compares with it.

    Fields of the recipe that are `meaningless` for the task become 0 or "none". Raises `ValueError` if another task has
    that name, or its report compares models by another metric than selects checkpoints.
    """
    check_new("task", TASKS, task.name, task)
    merits = [(merit.name, merit.higher_is_better) for merit in task.report.merits]
    if merits[-1:] != [expected := (task.selection, task.higher_is_better)]:
        raise ValueError(
            f"task {task.name!r}: found a report with the merits {merits}, expected {expected} as the last"
        )
    own = dataclasses.replace(recipe or Config(), task=task.name)
    neutral = {name: _neutral(leaves(own)[name][1]) for name in task.meaningless}
    TASKS[task.name], RECIPES[task.name] = task, with_overrides(own, neutral)
    SYSTEMS[task.name] = dict(systems or {})


def find_task(name: str) -> Task:
    """Return the task `name`, or raise `InputError` with the closest match and all names."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def task_of(config: Config) -> Task:
    """Return the task of an experiment, with the classes of its dataset if that is your own, or raise `InputError`."""
    return find_task(config.task).of(find_dataset(config.dataset))


def input_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Return name → shape of each input of one example of an experiment."""
    return task_of(config).shapes(find_dataset(config.dataset))


def check_config(task: Task, config: Config) -> None:
    """Raise `InputError` if `config` enables a field that does not apply, or an unknown augmentation or metric."""
    check_extra(config.augmentation.extra)
    metrics = [merit.name for merit in task.report.merits]
    for name in config.until:
        if name not in metrics:
            raise unknown(f"metric of {task.name} in until", name, metrics)
    fields = leaves(config)
    for name in task.meaningless:
        value = fields[name][1]
        if value not in (0, "none"):
            raise InputError(
                f"{name}: found {value}, which has no effect on task {task.name!r}; expected {_neutral(value)}"
            )


def _neutral(value: Any) -> Any:
    return "none" if isinstance(value, str) else 0
