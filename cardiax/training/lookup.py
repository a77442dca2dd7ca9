"""What a config names, looked up and checked: pure functions of the config."""

from typing import Any

from cardiax.catalog import Dataset, find_dataset
from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.models import TREES, build_model, check_reads
from cardiax.tasks import Task, check_config, task_of
from cardiax.training.optimizer import make_optimizer


def network_of(config: Config, axis_name: str | None = None) -> Any:
    """Return the module, or the `Trees`, of an experiment; see `build_model`."""
    return build_model(config.model, task_of(config).outputs, axis_name, config.model_args, config.precision)


def look_up(config: Config, axis_name: str | None = None) -> tuple[Task, Dataset, Any]:
    """Return the task, dataset and model of an experiment.

    Raises `InputError` if one of them is unknown, or they do not fit each other or a field of the config.
    """
    task, dataset = task_of(config), find_dataset(config.dataset)
    task.check(dataset)
    check_reads(config.model, config.task, dataset)
    if config.model in TREES and not hasattr(task, "classes"):
        raise InputError(
            f"model: found {config.model!r}, which learns classes, and task {task.name!r} without any; choose another"
        )
    model = network_of(config, axis_name)
    check_config(task, config)
    make_optimizer(config.optimizer, 1)
    return task, dataset, model
