"""Train models × protocols × grid × seeds and compare them in one table; finished runs are not repeated.

Each member is a run of `cardiax train` in its own folder within that of the sweep. The same command resumes a sweep
that was stopped or killed, and several at once, on machines that share the folder, divide the members among them. The
protocol `noise` tests the runs of the dataset's first protocol again with real noise. The table (table.md, table.csv,
table.png) has means over seeds with 95 % intervals, parameters and training time. Bold marks a result that is
significantly better than every other row, over seeds and test cases.

Examples:

  cardiax sweep arrhythmia --seeds 8 --grid optimizer.learning_rate=1e-3,3e-3
  cardiax sweep arrhythmia --dataset physionet_mitbih/kaggle --systems cardiax,cnn --protocols kaggle,patient
  cardiax sweep activation --systems cardiax,cnn,squeezenet --protocols random,volunteer,pattern
"""

import argparse
import itertools
import math
import sys
import threading
from pathlib import Path
from typing import Any

from cardiax.baselines import find_system
from cardiax.catalog import find_dataset
from cardiax.config import TREES_READ, Config, leaves, refuse_unread, unread, with_overrides
from cardiax.errors import InputError, unknown
from cardiax.launch import train
from cardiax.launch.run.own_data import add_own_flags, settle
from cardiax.launch.run.run_folder import Workdir
from cardiax.launch.run.sweep_member import Member
from cardiax.launch.system.flags import add_data_dir, add_memory, count, positive
from cardiax.recipes import RECIPES, recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what varies, the budget, the folders, and one flag for every config field, shared by all members."""
    parser.add_argument("task", metavar="TASK", help=", ".join(RECIPES))
    parser.add_argument(
        "--systems", metavar="A,B", help="models to compare (default: the recipe with the given fields)"
    )
    parser.add_argument("--protocols", metavar="A,B", help="protocols of the splits (default: the dataset's first)")
    parser.add_argument("--seeds", type=count, default=3, metavar="N", help="seeds 0 … N − 1 of each (3)")
    parser.add_argument(
        "--grid", action="append", default=[], metavar="FIELD=A,B", help="values of a config field; may be repeated"
    )
    parser.add_argument(
        "--minutes",
        type=positive,
        metavar="T",
        help="training time of each network, without compilation and evaluation; see `train`",
    )
    parser.add_argument(
        "--workers",
        type=count,
        default=1,
        metavar="N",
        help="train N members side by side, each in its own process (1)",
    )
    parser.add_argument("--table", action="store_true", help="train nothing; write the table of the finished runs")
    parser.add_argument("--workdir", metavar="DIR", help="folder of the sweep (default: sweeps/TASK-DATASET)")
    add_data_dir(parser)
    train.add_checkpoint_minutes(parser)
    add_memory(parser)
    add_own_flags(parser)
    train.add_fields(parser, but=("task", "seed", "protocol"))


def run(options: argparse.Namespace) -> int:
    """Train the unfinished members, then write the table; return 0 when done, 1 when interrupted."""
    members = plan(options)
    if (folder(options) / "config.json").exists():
        raise InputError(
            f"{folder(options)}: found a run, expected a sweep's folder or a new one; choose another --workdir"
        )
    task = next(
        (Workdir(path.parent).config().task for path in folder(options).glob("[!.]*/config.json")), options.task
    )
    if task != options.task:
        raise InputError(f"{folder(options)}: found runs of {task}, expected {options.task}; choose another --workdir")
    for member in members:
        member.workdir.check(train.fixed_steps(member.config, member.workdir, options.minutes))
    failed = {} if options.table else train_members(members, options)
    if failed is None:
        done = sum(member.done for member in members)
        print(f"sweep: interrupted: {done} of {len(members)} runs are done; the same command goes on", file=sys.stderr)
        return 1
    states = [(member, member.done) for member in members]
    done = [member for member, is_done in states if is_done]
    absent = dict.fromkeys(member.workdir.path.name for member, is_done in states if not is_done)
    failed = {name: why for name, why in failed.items() if name in absent}  # another process may have finished it
    if done:
        from cardiax.launch.evaluation.sweep_table import write_table

        write_table(folder(options), done, {name: failed.get(name, "not finished") for name in absent})
    if failed:
        names: dict[str, list[str]] = {}
        for name, why in failed.items():
            names.setdefault(why, []).append(name)
        told = "; ".join(f"{', '.join(some)}: {why}" for why, some in names.items())
        raise InputError(f"{folder(options)}: {len(failed)} of {len(members)} members failed: {told}")
    if not done:
        raise InputError(f"{folder(options)}: found no finished run, expected at least one; leave --table out to train")
    return 0


def train_members(members: list[Member], options: argparse.Namespace) -> dict[str, str] | None:
    """Train the unfinished members, then test those that were trained but not tested.

    Members that another process holds are waited for.

    Returns:
      Name of the folder → why its member failed; None when interrupted.
    """
    from cardiax.launch.run.progress import say
    from cardiax.launch.run.sweep_workers import share, training_processes

    missing = list({member.workdir.path: member for member in members if not member.trained}.values())
    say(f"sweep: {len(missing)} runs to train in {folder(options)}")
    stopped = threading.Event()

    def given(member: Member) -> dict[str, Any]:
        """Return the arguments of `train.start`; trees, which are trained without checkpoints, refuse their time."""
        checkpoint_minutes = math.inf if member.config.model in TREES_READ else options.checkpoint_minutes
        named = {name: getattr(options, name) for name in ("data_dir", "minutes", "memory")}
        return named | {"checkpoint_minutes": checkpoint_minutes}

    def flags(member: Member) -> list[str]:
        known = {name: value for name, value in given(member).items() if value not in (None, math.inf)}
        return [f"--{name.replace('_', '-')}={value}" for name, value in known.items()]

    def train_here(member: Member) -> None:
        say(f"sweep: {member.workdir.path}")
        config = train.fixed_steps(member.config, member.workdir, options.minutes)
        if train.start(config, member.workdir, **given(member)):
            stopped.set()

    def test(member: Member) -> None:
        from cardiax.launch.evaluation.measured_runs import load_runs
        from cardiax.launch.evaluation.run_report import report

        with member.workdir.hold():
            (trained,) = load_runs([member.workdir], options.data_dir, with_noise=True, memory=options.memory)
            report(trained, "test")

    if options.workers > 1:
        with training_processes(options.workers, flags, stopped) as train_there:
            failed = share(missing, lambda member: member.trained, train_there, options.workers, stopped)
    else:
        failed = share(missing, lambda member: member.trained, train_here, 1, stopped)
    trained = [member for member in members if member.trained]
    failed |= share(trained, lambda member: member.done, test, 1, stopped)
    return None if stopped.is_set() else failed


def folder(options: argparse.Namespace) -> Path:
    """Return the folder of the sweep."""
    dataset = find_dataset(getattr(options, "dataset", None) or recipe(options.task).dataset).name
    return Path(options.workdir or Path("sweeps", f"{options.task}-{dataset.replace('/', '-')}"))


def plan(options: argparse.Namespace) -> list[Member]:
    """Return every member that the command specifies, ordered by row, then seed."""
    settle(options)
    task = options.task
    typed = train.typed_fields(options)
    names = _each_once("--systems", options.systems) or [None]
    base = recipe(task, typed.get("dataset"))
    protocols = _each_once("--protocols", options.protocols) or [base.protocol]
    grid = [parse_grid(text) for text in options.grid]
    varied = [field for field, _ in grid]
    if len(set(varied)) < len(varied):
        raise InputError(f"--grid: found {max(varied, key=varied.count)} twice, expected all its values in one --grid")
    if options.minutes and {"steps", "epochs"} & {*varied, *typed}:
        raise InputError(f"sweep: found --minutes {options.minutes:g} and steps or epochs, expected only one of them")
    members: list[Member] = []
    asked: list[tuple[Config, set[str]]] = []
    for protocol, name in itertools.product(protocols, names):
        system = find_system(task, name) if name else None
        if system and system.protocols and protocol not in system.protocols:
            continue
        own = system.fields if system else {}
        fields: dict[str, Any] = {**own, **typed} | {name: own[name] for name in own if name == "dataset"}
        dataset = find_dataset(fields.get("dataset", base.dataset))
        if protocol not in dataset.protocols:
            raise unknown(f"protocol of {dataset.name}", protocol, dataset.protocols)
        drawn_by = dataset.drawn_by(protocol)
        fields |= {"dataset": dataset.name, "protocol": drawn_by}
        if options.minutes or "epochs" in {*fields, *varied}:  # a length that is typed replaces that of the recipe
            fields = {"steps": 0} | fields
        start = with_overrides(recipe(task, dataset.name), fields)
        for values in itertools.product(*(values for _, values in grid)):
            cell = dict(zip((field for field, _ in grid), values, strict=True))
            config = with_overrides(start, cell)
            asked += [(config, {*typed, *cell})]
            row = ", ".join([name or config.model, *(f"{field}={value}" for field, value in cell.items())])
            for seed in range(options.seeds):
                index = "-".join([row.replace(", ", "-").replace("/", "_"), drawn_by, f"seed{seed}"])
                member = with_overrides(config, {"seed": seed})
                members.append(Member(row, protocol, member, Workdir(folder(options) / index)))
    _check(asked)
    return members


def _check(asked: list[tuple[Config, set[str]]]) -> None:
    """Raise `InputError` if the config of a member is not valid, or if no member reads a given field."""
    from cardiax.training.lookup import look_up

    for config, _ in asked:
        look_up(config)
    for name in set().union(*(typed for _, typed in asked)):
        if all(name in unread(config) for config, _ in asked):
            refuse_unread(asked[0][0], [name])


def _each_once(flag: str, text: str | None) -> list[str]:
    """Split `A,B` into names; raise `InputError` if one is repeated."""
    names = [name.strip() for name in text.split(",")] if text else []
    if len(set(names)) < len(names):
        raise InputError(f"{flag}: found {max(names, key=names.count)} twice, expected each name once")
    return names


def parse_grid(text: str) -> tuple[str, list[str]]:
    """Split `FIELD=A,B` into the field and its values."""
    name, _, values = text.partition("=")
    found = [value for value in values.split(",") if value]
    if not found:
        raise InputError(f"--grid: found {text!r}, expected FIELD=A,B as in optimizer.learning_rate=1e-3,3e-3")
    name = name.replace("-", "_")
    if name not in leaves(Config()):
        raise unknown("field", name, leaves(Config()))
    if name in ("task", "dataset", "protocol", "seed"):
        raise InputError(f"--grid: found {name!r}, expected another field; see --seeds, --protocols, --dataset")
    if len(set(found)) < len(found):
        raise InputError(f"--grid: found {text!r}, expected each value once")
    return name, found
