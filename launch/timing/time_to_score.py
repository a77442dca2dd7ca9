"""The time from process start to a score on Kaggle's MIT-BIH test set, of recipes of ours and of a CNN in PyTorch.

Every run is a new process without programs compiled before. Its time ends with the first evaluation whose accuracy and
macro-F1 on validation reach the target, plus a margin; the test set, measured once then, must hold the target, too.
"""

import argparse
import contextlib
import dataclasses
import itertools
import json
import operator
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cardiax import datasets
from cardiax.baselines import find_system
from cardiax.catalog import find_dataset
from cardiax.config import Config, refuse_unread, to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.run.environment import git_revision
from cardiax.launch.run.experiment import load_experiment
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import read_json, write_json
from cardiax.launch.timing import pytorch_twin
from cardiax.protocols import SPLITS
from cardiax.recipes import recipe
from cardiax.training.lookup import look_up

METRICS = ("accuracy", "macro_f1")
"""The metrics of a target, in its order."""

PEER = "PyTorch, reference CNN"
"""Name of the reference project's network and recipe."""

FAST = {
    "fast recipe": {
        "epochs": 3,
        "ema": 0.99,
        "model_args": {"widths": (48, 96), "blocks": 1, "pool": 2, "dropout_rate": 0.0},
    },
    "fast recipe, default network": {"epochs": 8},
}
"""Name → fields of the recipes that were found to reach the two targets soonest, by scores on validation alone."""

Recipes = dict[str, Config]
Run = dict[str, Any]
"""`recipe`, `target`, `seed`; `seconds`, None if validation did not reach it; scores of `validation` and `test`."""


def targets_of(text: str) -> list[tuple[float, ...]]:
    """Return the targets of `ACCURACY/MACRO_F1,…` in ascending order; `InputError` if the text is not of that form."""
    try:
        found = sorted(tuple(map(float, one.split("/"))) for one in text.split(","))
        if not all(len(one) == len(METRICS) and 0 <= min(one) <= max(one) <= 1 for one in found):
            raise ValueError
    except ValueError as error:
        raise InputError(f"--targets: found {text!r}, expected ACCURACY/MACRO_F1 of 0 to 1, e.g. .985/.915") from error
    return found


def recipes_of(asked: list[list[str]]) -> Recipes:
    """Return the experiment of each `--to-score FIELD=X …`; `InputError` for a wrong field.

    Without a field, they are the default recipe and those of `FAST`.
    """
    found = {}
    named: dict[str, dict[str, Any]] = {"default recipe": {}, **FAST}
    if any(asked):
        named = {
            " ".join(words): {name: value for name, _, value in (word.partition("=") for word in words)}
            for words in asked
        }
    for title, fields in named.items():
        if own := fields.keys() & {"task", "seed", "until"}:
            raise InputError(f"--to-score: found {', '.join(own)}, expected other fields; see --seeds and --targets")
        config = with_overrides(recipe("arrhythmia", fields.get("dataset", "kaggle_heartbeat/mitbih")), fields)
        config = dataclasses.replace(config, dataset=find_dataset(config.dataset).name, until={METRICS[0]: 1.0})
        if config.protocol != "kaggle":
            raise InputError(f"--to-score: found the protocol {config.protocol}, expected kaggle, Kaggle's test set")
        refuse_unread(config, [*fields, "until"])
        look_up(config)
        found[title or "default recipe"] = config
    return found


def measure(recipes: Recipes, options: argparse.Namespace, machine: dict[str, Any]) -> dict[str, Any]:
    """Measure the recipes, and PyTorch's unless `no_peer`, and print a line for each run.

    Returns what `results_page.table` reads, all `runs`, and the `machine` of `describe_machine` as `environment`.
    """
    for config in recipes.values():
        datasets.open_records(config.dataset, datasets.default_data_dir())
    if not options.no_peer:
        try:
            machine["versions"]["torch"] = pytorch_twin.check()
            usual = recipe("arrhythmia", next(iter(recipes.values())).dataset)
            recipes = recipes | {PEER: with_overrides(usual, dict(find_system("arrhythmia", "cnn").fields))}
        except InputError as error:
            say(f"PyTorch is left out: {str(error).partition(': ')[2]}")
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, seed in itertools.product(recipes, range(options.seeds)):
            config = dataclasses.replace(recipes[name], seed=seed)
            run: Run = {"seconds": 0.0}
            if name == PEER:
                write_arrays(Path(scratch, "arrays.npz"), config)
            for target in targets_of(options.targets):
                # What a seed did not reach on validation, it does not reach for a higher target either.
                if run["seconds"] is not None or run["target"][1] > target[1]:
                    pairs = zip(METRICS, target, options.margin, strict=True)
                    goals = {metric: value + more for metric, value, more in pairs}
                    folder = Path(scratch, f"{len(runs)}")
                    run = timed(command(name, config, goals, folder), folder, goals, 60 * options.limit)
                run = run | {"recipe": name, "target": target, "seed": seed}
                runs.append(run)
                say(f"{_text(target)}, {name}, seed {seed}: {_result(run)}")
    return page(runs, options, machine) | {"runs": runs, "environment": machine}


def write_arrays(path: Path, config: Config) -> None:
    """Write the beats and classes of each split, as `cardiax train` has them, for PyTorch."""
    found = load_experiment(config, datasets.default_data_dir(), lambda line: None)
    splits = {split: found.examples.take(found.split[split]) for split in SPLITS}
    arrays: Any = {f"{split}_{name}": array for split in SPLITS for name, array in splits[split].items()}
    np.savez(path, allow_pickle=False, **arrays)


def command(name: str, config: Config, goals: dict[str, float], folder: Path) -> list[str]:
    """Return the command of a run in a new folder; that of PyTorch reads arrays.npz beside it."""
    if name == PEER:
        folder.mkdir()
        words = (pytorch_twin.PEERS / "torch_job.py", folder.with_name("arrays.npz"), folder, config.epochs)
        return [sys.executable, *map(str, (*words, *goals.values(), config.seed))]
    file = folder.with_suffix(".json")
    write_json(file, to_dict(dataclasses.replace(config, until=goals)))
    return [sys.executable, "-m", "cardiax.launch.train", "--config", str(file), "--workdir", str(folder)]


def timed(command: list[str], folder: Path, goals: dict[str, float], limit: float) -> Run:
    """Run a command that ends once validation has reached the goals, and return the `Run`'s seconds and scores.

    After each evaluation it prints a line that begins with "epoch", and has its row in metrics.jsonl. It is killed at
    the first one after `limit` seconds.
    """
    start = time.perf_counter()
    run: Run = {"seconds": None, "validation": None, "test": None}
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": ""}
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        stack.callback(process.kill)
        for line in process.stdout or ():
            if line.startswith("epoch "):
                seconds = time.perf_counter() - start
                figures = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
                run["validation"] = [figures[f"validation_{name}"] or 0.0 for name in goals]
                if all(map(operator.ge, run["validation"], goals.values())):
                    run["seconds"] = seconds
                elif seconds > limit:
                    return run
        if process.wait():
            raise InputError(f"found exit status {process.returncode}, with the error above, of {shlex.join(command)}")
    if run["seconds"] is not None:
        test = read_json(folder / "test.json")
        run["test"] = [test[name]["value"] for name in goals]
    return run


def page(runs: list[Run], options: argparse.Namespace, machine: dict[str, Any]) -> dict[str, Any]:
    """Return what `results_page.table` reads: the time of the slowest seed and the result of each, by target."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=operator.itemgetter("target")):
        groups.setdefault((_text(run["target"]), run["recipe"]), []).append(run)
    slowest = {key: max(run["seconds"] for run in some) for key, some in groups.items() if all(map(_holds, some))}
    rows = []
    for (target, name), some in groups.items():
        seconds, peer = slowest.get((target, name)), slowest.get((target, PEER))
        ratio = peer / seconds if peer and seconds else None
        rows.append({"name": f"{target}, {name}", "cells": [seconds or "not reached", ratio, *map(_result, some)]})
    titles = ["slowest, s", "PyTorch's time divided by it", *(f"seed {seed}" for seed in range(options.seeds))]
    words = [word for words in options.to_score for word in ("--to-score", *words)]
    for name in ("targets", "margin", "seeds", "limit"):
        words += [f"--{name}", *np.ravel(getattr(options, name))]
    return {
        "title": "From process start to a score on Kaggle's MIT-BIH test set",
        "command": [shlex.join(["cardiax", "bench", *map(str, words), *["--no-peer"] * options.no_peer])],
        "revision": str(git_revision()),
        "revision_of": "runs",
        "seeds": list(range(options.seeds)),
        "machine": f"{machine['processor']}, {machine['cores']} cores",
        "jax": machine["versions"]["jax"],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "row_title": "target (accuracy/macro-F1), recipe",
        "columns": [{"title": title, "decimals": 1} for title in titles],
        "rows": rows,
        "notes": ["A seed has its time to the target on validation, and the test scores of that moment."],
    }


def _holds(run: Run) -> bool:
    return run["test"] is not None and all(map(operator.ge, run["test"], run["target"]))


def _result(run: Run) -> str:
    if run["test"] is None:
        return "not reached"
    return f"{run['seconds']:.1f} s, {_text(run['test'], '.4f')}{'' if _holds(run) else ' (below the target)'}"


def _text(scores: Iterable[float], form: str = "g") -> str:
    return "/".join(f"{score:{form}}" for score in scores)
