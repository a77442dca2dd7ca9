"""Train a model on a task: `cardiax train TASK`, or the same as `python -m cardiax.launch.train TASK`.

With nothing else said it trains on beats that cardiax simulates. The run folder holds all that it did; the same
command again goes on where a run was stopped or killed, to the same bits. Examples:

  cardiax train arrhythmia
  cardiax train heartbeat --dataset kaggle_heartbeat/mitbih --workdir runs/mine --seed 1
  cardiax train arrhythmia --model reference_cnn --optimizer.learning_rate 1e-3 --epochs 5
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cardiax.catalog import find_dataset
from cardiax.config import Config, leaves, refuse_unread, to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.cli import positive
from cardiax.launch.run.run_folder import Workdir, read_config
from cardiax.recipes import RECIPES, recipe

COMMON = ("dataset", "protocol", "model", "seed", "epochs", "steps", "batch_size", "optimizer.learning_rate", "imports")
"""Fields that --help shows."""

LONGEST = 80
"""Characters of a run's default name that tell what differs from the recipe."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The task, the places, and one flag for every config field."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="heartbeat, arrhythmia, activation or transmembrane")
    parser.add_argument("--config", metavar="FILE", help="repeat the experiment of a run's config.json")
    parser.add_argument(
        "--workdir", metavar="DIR", help="the run's folder (default: in runs/, named by what it trains)"
    )
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
        help="examples that take more are read from disk as they are needed, to the same bits (default: half of what "
        "is available)",
    )


def add_fields(parser: argparse.ArgumentParser, but: tuple[str, ...]) -> None:
    """One flag for every config field, `but` some."""
    typed = getattr(parser, "typed", ())
    config, told = parser_recipe(typed)
    every = "--help-all" in typed
    parser.add_argument("--help-all", action="help", help="show every field of an experiment")
    shown = "every field" if every else "the fields used most (--help-all shows every one)"
    fields = parser.add_argument_group("experiment", f"{shown}, with {told}")
    for name, (item, value) in leaves(config).items():
        if name not in but:
            choices = f" ({', '.join(item.metadata['choices'])})" if item.metadata.get("choices") else ""
            flag = item.metadata.get("flag", name)
            flags = dict.fromkeys((f"--{flag}", f"--{flag.replace('_', '-')}"))
            text = f"{item.metadata['help']}{choices}; {value}" if value not in ({}, "") else item.metadata["help"]
            help = text.replace("%", "%%") if every or name in COMMON else argparse.SUPPRESS
            fields.add_argument(*flags, dest=name, metavar="X", default=argparse.SUPPRESS, help=help)


def parser_recipe(typed: Sequence[str]) -> tuple[Config, str]:
    """The recipe whose defaults --help shows, of the task and dataset in what was typed, and whose it is in words."""
    task = next((word for word in typed if word in RECIPES), None)
    if task is None:
        return recipe("arrhythmia"), "the defaults of arrhythmia (name another TASK before --help for its own)"
    dataset = next((after for word, after in itertools.pairwise(typed) if word == "--dataset"), None)
    dataset = next((word.partition("=")[2] for word in typed if word.startswith("--dataset=")), dataset)
    try:
        config = recipe(task, dataset or RECIPES[task].dataset)
    except InputError:  # which is told when the command is run
        config = recipe(task, RECIPES[task].dataset)
    return config, f"the defaults of {task} on {config.dataset}"


def typed_fields(options: argparse.Namespace) -> dict[str, str]:
    """The config fields that were typed, the task excepted."""
    return {name: value for name, value in vars(options).items() if name in leaves(Config()) and name != "task"}


def read_options(options: argparse.Namespace) -> Config:
    """The config that the command asks for."""
    typed = typed_fields(options)
    if options.config:
        config = read_config(Path(options.config))
        if options.task not in (None, config.task):
            raise InputError(f"{options.config}: found task {config.task!r}, expected {options.task!r} as typed")
    elif options.task is None:
        raise InputError(
            "train: found no TASK, expected one: heartbeat, arrhythmia, activation or transmembrane "
            "(see `cardiax train --help`)"
        )
    else:
        config = recipe(options.task, typed.get("dataset"))
    config = with_overrides(config, typed)
    config = dataclasses.replace(config, dataset=find_dataset(config.dataset).name)
    refuse_unread(config, typed)
    return config


def default_workdir(config: Config, minutes: float | None = None) -> Path:
    """Where a run goes that was not told: a folder named by its task, dataset, model, what differs from the recipe, and
    seed. A name that would be long is cut, and tells the rest by a digest."""
    usual, own = to_dict(recipe(config.task, config.dataset)), to_dict(config)
    named = ("task", "dataset", "model", "seed")
    differing = [f"{name}={own[name]}" for name in own if own[name] != usual[name] and name not in named]
    if minutes:
        differing.append(f"minutes={minutes:g}")
    text = "-".join(re.sub(r"[^\w.=+-]+", "_", one).strip("_") for one in differing)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}-{hashlib.sha256(json.dumps(differing).encode()).hexdigest()[:8]}"
    parts = [config.task, config.dataset.replace("/", "-"), config.model, text, f"seed{config.seed}"]
    return Path("runs", "-".join(filter(None, parts)))


def run(options: argparse.Namespace) -> int:
    """Train, or go on training, then test; 0 when done, 1 when interrupted."""
    config = read_options(options)
    if options.workdir == "":
        raise InputError("--workdir: found an empty name, expected a folder")
    workdir = Workdir(options.workdir or default_workdir(config, options.minutes))
    if options.minutes and config.steps:
        raise InputError(f"train: found --minutes {options.minutes:g} and {config.steps} steps, expected one of them")
    if options.minutes and "epochs" in typed_fields(options):
        raise InputError(f"train: found --minutes {options.minutes:g} and --epochs, expected one of the two")
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
        from cardiax.launch.loops.boosting_loop import boost

        with workdir.hold():
            return boost(config, workdir, data_dir, memory)
    from cardiax.launch.loops.training_loop import train

    return train(config, workdir, data_dir, distributed, None if config.steps else minutes, memory)


if __name__ == "__main__":
    from cardiax.launch.cli import main

    main(["train", *sys.argv[1:]])
