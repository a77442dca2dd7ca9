"""Train a model on a task: `cardiax train TASK`, or the same as `python -m cardiax.launch.train TASK`.

With nothing else said it trains on beats that cardiax simulates. The run folder holds all that it did; the same
command again goes on where a run was stopped or killed, to the same bits. Examples:

  cardiax train arrhythmia
  cardiax train heartbeat --dataset kaggle_heartbeat/mitbih --workdir runs/mine --seed 1
  cardiax train arrhythmia --model reference_cnn --optimizer.learning_rate 1e-3 --epochs 5
"""

import argparse
import dataclasses
import sys
from pathlib import Path

from cardiax.catalog import find_dataset
from cardiax.config import Config, leaves, recipe, with_overrides
from cardiax.errors import InputError
from cardiax.launch.cli import positive
from cardiax.launch.workdir import Workdir, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The task, the places, and one flag for every config field."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="heartbeat, arrhythmia, activation or transmembrane")
    parser.add_argument("--config", metavar="FILE", help="repeat the experiment of a run's config.json")
    parser.add_argument("--workdir", metavar="DIR", help="the run's folder (default: runs/TASK-DATASET-MODEL-seedN)")
    parser.add_argument("--data-dir", metavar="DIR", help="where prepared datasets lie (default: as TFDS has it)")
    parser.add_argument("--distributed", metavar="HOW", help="several hosts: auto, or HOST:PORT,PROCESSES,INDEX")
    parser.add_argument(
        "--minutes",
        type=positive,
        metavar="T",
        help="train as many steps as fit into this time here; measured first, then a field (steps) of the run",
    )
    add_memory(parser)
    add_fields(parser, but=("task",))


def add_memory(parser: argparse.ArgumentParser) -> None:
    """The flag that every command has which loads examples."""
    parser.add_argument(
        "--memory",
        type=positive,
        metavar="GIB",
        help="examples that take more are read from disk as they are wanted, to the same bits (default: half of what "
        "is available)",
    )


def add_fields(parser: argparse.ArgumentParser, but: tuple[str, ...]) -> None:
    """One flag for every config field, `but` some."""
    fields = parser.add_argument_group("experiment", "every field of the config; the defaults depend on the dataset")
    for name, (item, value) in leaves(Config()).items():
        if name not in but:
            choices = f" ({', '.join(item.metadata['choices'])})" if item.metadata.get("choices") else ""
            flags = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
            text = f"{item.metadata['help']}{choices}; {value}" if value != {} else item.metadata["help"]
            fields.add_argument(*flags, dest=name, metavar="X", default=argparse.SUPPRESS, help=text.replace("%", "%%"))


def typed_fields(options: argparse.Namespace) -> dict[str, str]:
    """The config fields that were typed, the task excepted."""
    return {name: value for name, value in vars(options).items() if name in leaves(Config()) and name != "task"}


def read_options(options: argparse.Namespace) -> Config:
    """The config that the command asks for."""
    typed = typed_fields(options)
    if options.config:
        config = read_config(Path(options.config))
        if options.task not in (None, config.task):
            raise InputError(f"{options.config}: found task {config.task!r}, wanted {options.task!r} as typed")
    elif options.task is None:
        raise InputError(
            "train: found no TASK, wanted one: heartbeat, arrhythmia, activation or transmembrane "
            "(see `cardiax train --help`)"
        )
    else:
        config = recipe(options.task, typed.get("dataset"))
    config = with_overrides(config, typed)
    return dataclasses.replace(config, dataset=find_dataset(config.dataset).name)


def default_workdir(config: Config) -> Path:
    """Where a run goes that was not told: one folder for each task, dataset, model and seed."""
    dataset = config.dataset.replace("/", "-")
    return Path("runs", f"{config.task}-{dataset}-{config.model}-seed{config.seed}")


def run(options: argparse.Namespace) -> int:
    """Train, or go on training, then test; 0 when done, 1 when interrupted."""
    config = read_options(options)
    workdir = Workdir(options.workdir or default_workdir(config))
    if options.minutes and config.steps:
        raise InputError(f"train: found --minutes {options.minutes:g} and {config.steps} steps, wanted one of the two")
    config = fixed_steps(config, workdir, options.minutes)
    workdir.check(config)
    return start(config, workdir, options.data_dir, options.distributed, options.minutes, options.memory)


def fixed_steps(config: Config, workdir: Workdir, minutes: float | None) -> Config:
    """The config with the steps that were measured when the run began, if it was told `minutes` and has begun."""
    if minutes and (workdir.path / "config.json").exists():
        return dataclasses.replace(config, steps=workdir.config().steps)
    return config


def start(
    config: Config,
    workdir: Workdir,
    data_dir: str | None,
    distributed: str | None = None,
    minutes: float | None = None,
    memory: float | None = None,
) -> int:
    """Train a network or trees in a folder that passed `Workdir.check`; 0 when done, 1 when interrupted."""
    # JAX, Orbax and TFDS take seconds to import: a mistake in the command is told before.
    from cardiax.models import TREES

    if config.model in TREES:
        if distributed:
            raise InputError(
                f"--distributed: found it with the model {config.model}, which one process trains; omit it"
            )
        from cardiax.launch import trees

        with workdir.hold():
            return trees.train(config, workdir, data_dir, memory)
    from cardiax.launch.loop import train

    return train(config, workdir, data_dir, distributed, None if config.steps else minutes, memory)


if __name__ == "__main__":
    from cardiax.launch.cli import main

    main(["train", *sys.argv[1:]])
