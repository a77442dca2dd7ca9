"""Train a model on a task: `cardiax train TASK`, or the same as `python -m cardiax.launch.train TASK`.

By default it trains on simulated data; --dataset takes the name of a dataset, or the path of your own beats: a table
with a row for each beat, or a folder of annotated WFDB records (see launch/README.md). The run folder holds everything
that the run writes; the same command resumes a run that was stopped or killed, with bit-identical results.

Examples:

  cardiax train arrhythmia
  cardiax train heartbeat --dataset kaggle_heartbeat/mitbih --workdir runs/mine --seed 1
  cardiax train activation --workdir runs/hearts
  cardiax train arrhythmia --dataset beats.csv --workdir runs/table
  cardiax train arrhythmia --dataset records/ --classes classes.csv --protocol fold_1
  cardiax train arrhythmia --model reference_cnn --optimizer.learning_rate 1e-3 --epochs 5
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cardiax.catalog import find_dataset
from cardiax.config import Config, leaves, refuse_unread, to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.run.own_data import add_own_flags, settle
from cardiax.launch.run.run_folder import Workdir, read_config
from cardiax.launch.system.flags import add_data_dir, add_memory, positive
from cardiax.recipes import RECIPES, recipe

COMMON = ("dataset", "protocol", "model", "seed", "epochs", "steps", "batch_size", "optimizer.learning_rate", "imports")
"""Fields that --help shows."""

LONGEST = 80
"""Largest number of characters of a run's default name that state the differences from the recipe."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the task, the folders, and one flag for every config field."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="heartbeat, arrhythmia, activation or transmembrane")
    parser.add_argument("--config", metavar="FILE", help="use the configuration of a run's config.json")
    parser.add_argument(
        "--workdir", metavar="DIR", help="folder of the run (default: in runs/, named after the experiment)"
    )
    add_data_dir(parser)
    parser.add_argument("--distributed", metavar="HOW", help="several hosts: auto, or HOST:PORT,PROCESSES,INDEX")
    parser.add_argument(
        "--minutes",
        type=positive,
        metavar="T",
        help="train as many steps as fit into this time on this machine, which counts neither compilation nor "
        "evaluation; their number is stored as the field steps",
    )
    add_checkpoint_minutes(parser)
    add_memory(parser)
    add_own_flags(parser)
    add_fields(parser, but=("task",))


def add_checkpoint_minutes(parser: argparse.ArgumentParser) -> None:
    """Add the flag --checkpoint-minutes."""
    parser.add_argument(
        "--checkpoint-minutes",
        type=positive,
        metavar="T",
        default=math.inf,
        help="also write a checkpoint when this time has passed since the last one (default: only after each epoch and "
        "when interrupted)",
    )


def add_fields(parser: argparse.ArgumentParser, but: tuple[str, ...]) -> None:
    """Add one flag for every config field except those in `but`."""
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
            default = f" (default: {value})" if value not in ({}, "") else ""
            text = f"{item.metadata['help']}{choices}{default}"
            help = text.replace("%", "%%") if every or name in COMMON else argparse.SUPPRESS
            fields.add_argument(*flags, dest=name, metavar="X", default=argparse.SUPPRESS, help=help)


def parser_recipe(typed: Sequence[str]) -> tuple[Config, str]:
    """Return the recipe whose defaults --help shows, for the task and dataset in `typed`, and its description."""
    task = next((word for word in typed if word in RECIPES), None)
    if task is None:
        return recipe("arrhythmia"), "the defaults of arrhythmia (name another TASK before --help for its own)"
    dataset = next((after for word, after in itertools.pairwise(typed) if word == "--dataset"), None)
    dataset = next((word.partition("=")[2] for word in typed if word.startswith("--dataset=")), dataset)
    try:
        config = recipe(task, dataset or RECIPES[task].dataset)
    except InputError:  # reported when the command is run
        config = recipe(task, RECIPES[task].dataset)
    return config, f"the defaults of {task} on {config.dataset}"


def typed_fields(options: argparse.Namespace) -> dict[str, str]:
    """Return the config fields given on the command line, except the task."""
    return {name: value for name, value in vars(options).items() if name in leaves(Config()) and name != "task"}


def read_options(options: argparse.Namespace) -> Config:
    """Return the config that the command line specifies."""
    settle(options)
    typed = typed_fields(options)
    if options.config:
        config = read_config(Path(options.config))
        if options.task not in (None, config.task):
            raise InputError(
                f"{options.config}: found task {config.task!r}, expected {options.task!r} as in the command"
            )
    elif options.task is None:
        raise InputError(
            "train: found no TASK, expected one: heartbeat, arrhythmia, activation or transmembrane "
            "(see `cardiax train --help`)"
        )
    else:
        config = recipe(options.task, typed.get("dataset"))
        if getattr(options, "minutes", None) or "epochs" in typed:  # a length that is typed replaces that of the recipe
            config = dataclasses.replace(config, steps=0)
    config = with_overrides(config, typed)
    config = dataclasses.replace(config, dataset=find_dataset(config.dataset).name)
    refuse_unread(config, typed)
    return config


def default_workdir(config: Config, minutes: float | None = None) -> Path:
    """Return the default folder of a run, named by the task, dataset, model, differences from the recipe, and seed.

    A long list of differences is cut and ends in a digest.
    """
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
    """Train or resume a run, then test it; return 0 when done, 1 when interrupted."""
    config = read_options(options)
    workdir = chosen_workdir(options, config)
    if options.minutes and config.steps:
        raise InputError(
            f"train: found --minutes {options.minutes:g} and {config.steps} steps, expected only one of them"
        )
    if options.minutes and "epochs" in typed_fields(options):
        raise InputError(f"train: found --minutes {options.minutes:g} and --epochs, expected only one of them")
    config = fixed_steps(config, workdir, options.minutes)
    workdir.check(config)
    given = (options.distributed, options.minutes, options.memory, options.checkpoint_minutes)
    return start(config, workdir, options.data_dir, *given)


def chosen_workdir(options: argparse.Namespace, config: Config) -> Workdir:
    """Return the folder of the run: the one of the command, or the default."""
    return Workdir(options.workdir or default_workdir(config, options.minutes))


def fixed_steps(config: Config, workdir: Workdir, minutes: float | None) -> Config:
    """Return the config with the steps measured at the start of the run, if `minutes` is given and it has begun."""
    if minutes and (workdir.path / "config.json").exists():
        return dataclasses.replace(config, steps=workdir.config().steps)
    return config


def start(
    config: Config,
    workdir: Workdir,
    data_dir: Path | None,
    distributed: str | None = None,
    minutes: float | None = None,
    memory: float | None = None,
    checkpoint_minutes: float = math.inf,
) -> int:
    """Train a network or trees in a folder that passed `Workdir.check`; return 0 when done, 1 when interrupted."""
    # JAX, Orbax and TFDS take seconds to import, so mistakes in the command are reported before.
    from cardiax.models import TREES

    if config.model in TREES:
        for flag, is_given in (("distributed", distributed), ("checkpoint-minutes", checkpoint_minutes < math.inf)):
            if is_given:
                raise InputError(f"--{flag}: found it with the model {config.model}, which does not use it; omit it")
        from cardiax.launch.loops.boosting_loop import boost

        with workdir.hold():
            return boost(config, workdir, data_dir, memory)
    from cardiax.launch.loops.training_loop import train
    from cardiax.launch.run.environment import hold, start_processes
    from cardiax.training.reproducible_step import fix_threads

    if config.reproducible and (why := fix_threads(config.reproducible)):
        raise InputError(why)
    start_processes(distributed)
    with hold(workdir):
        return train(config, workdir, data_dir, None if config.steps else minutes, memory, checkpoint_minutes)


if __name__ == "__main__":
    from cardiax.launch.cli import main

    main(["train", *sys.argv[1:]])
