"""Evaluate trained models from their run folders: metrics with 95 % intervals, overall and per class, and plots.

Writes SPLIT.json and plots in figures/ to each run folder, and with real noise SPLIT_noise.json. The folder of a sweep
stands for its finished runs. Runs that differ only in the seed are also evaluated together: the mean over seeds, their
ensemble (mean class probabilities, times or voltages), and its calibration, or its spread compared with its error, in
ensemble.json and plots in the folder that holds the first run, or in --out.

Examples:

  cardiax evaluate runs/mine
  cardiax evaluate runs/mine --protocol noise
  cardiax evaluate runs/hearts --noise 12
  cardiax evaluate runs/mine-seed0 runs/mine-seed1 runs/mine-seed2 --split validation
  cardiax evaluate sweeps/arrhythmia-simulated_heartbeat
"""

import argparse
import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cardiax.catalog import NOISE
from cardiax.config import Config, to_dict
from cardiax.errors import InputError, unknown
from cardiax.launch.run.run_folder import Workdir, write_json
from cardiax.launch.system.flags import add_data_dir, add_memory, finite
from cardiax.protocols import SPLITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run folders, the split, and the folder of the data if it has moved."""
    parser.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="folder of a run or a sweep")
    parser.add_argument("--split", default="test", metavar="SPLIT", help="train, validation or test (default)")
    add_data_dir(parser, "that of the run")
    add_memory(parser)
    parser.add_argument(
        "--out", metavar="DIR", help="folder of ensemble.json and its plots (default: parent of the first run's folder)"
    )
    parser.add_argument(
        "--protocol", metavar="NAME", help="noise: also evaluate with real noise, and each of twelve leads missing"
    )
    parser.add_argument(
        "--noise", type=finite, metavar="DB", help="add white noise at this signal-to-noise ratio to twelve leads"
    )
    parser.add_argument(
        "--drop-lead",
        action="store_true",
        help="set one of twelve leads to 0, a different one for each case in turn; of beats of two leads the second",
    )


def run(options: argparse.Namespace) -> None:
    """Evaluate the best checkpoint of each run, then the seeds of each experiment together."""
    if options.split not in SPLITS:
        raise unknown("split", options.split, SPLITS)
    if options.protocol not in (None, NOISE):
        raise unknown("protocol", options.protocol, [NOISE])
    if options.protocol and (options.noise is not None or options.drop_lead):
        raise InputError(
            "evaluate: found --protocol noise with --noise or --drop-lead, expected only one of them; evaluate them "
            "separately"
        )
    rows = group(find_runs(options.workdirs))

    from cardiax.launch.evaluation.ensemble import measure_together
    from cardiax.launch.evaluation.measured_runs import Corruption, load_runs
    from cardiax.launch.evaluation.run_report import report
    from cardiax.launch.run.progress import say

    corruption = Corruption(options.noise, options.drop_lead)
    first = next(iter(rows.values()))[0].path
    beside = Path(os.path.abspath(first)).parent
    folder = Path(options.out or (beside if first.is_absolute() else os.path.relpath(beside)))
    found = {}
    for name, workdirs in rows.items():
        results = []
        with contextlib.ExitStack() as held:
            for workdir in workdirs:
                if workdir.is_read_only:
                    say(f"note: {workdir.path} cannot be written: the results are printed, not saved")
                else:
                    held.enter_context(workdir.hold())
            runs = load_runs(workdirs, options.data_dir, corruption, bool(options.protocol), options.memory)
            for run in runs:
                say(f"evaluate: {run.workdir.path}")
                results.append(report(run, options.split))
        if len(runs) > 1:
            found[name] = measure_together(name, runs, results, options.split, folder)
    if found:
        path = folder / f"ensemble{'' if options.split == 'test' else f'_{options.split}'}{corruption.name}.json"
        write_json(path, found)
        say(f"wrote: {path}")


def find_runs(paths: Sequence[str | Path]) -> list[Workdir]:
    """Return the runs in folders of runs or sweeps, each once; of a sweep those that have ended, noting others."""
    from cardiax.launch.run.progress import say

    runs: dict[Path, Workdir] = {}
    for path in map(Path, paths):
        below = [] if (path / "config.json").exists() else sorted(path.glob("[!.]*/config.json"))
        finished = [index.parent for index in below if (index.parent / "test.json").exists()]
        if below and not finished:
            raise InputError(f"{path}: found no finished run, expected at least one; `cardiax sweep` resumes them")
        if rest := [index.parent.name for index in below if index.parent not in finished]:
            say(f"note: {path}: left out, since they have not ended: {', '.join(rest)}; `cardiax sweep` resumes them")
        for folder in finished or [path]:
            runs.setdefault(folder.resolve(), Workdir(folder))
    return list(runs.values())


def group(runs: Sequence[Workdir]) -> dict[str, list[Workdir]]:
    """Group runs whose configs differ only in the seed, as experiment name → runs in order of the seeds.

    If folders are named ...seedN, as by `train` and `sweep`, the name before N must be the same, and the steps may
    differ, since `--minutes` measures them for each seed. Raises `InputError` if a seed is repeated, or two experiments
    have the same name.
    """
    rows: dict[str, dict[int, Workdir]] = {}
    names: dict[str, str] = {}
    for workdir in runs:
        config = workdir.config()
        name, common = _experiment(workdir, config)
        row = rows.setdefault(common, {})
        if config.seed in row:
            raise InputError(
                f"evaluate: found seed {config.seed} in {row[config.seed].path} and {workdir.path}, expected each seed "
                "once; leave one out"
            )
        row[config.seed] = workdir
        names.setdefault(common, name)
    if len(set(names.values())) < len(names):
        raise InputError(
            f"evaluate: found several experiments in folders of the same name, {', '.join(names.values())}, expected "
            "distinct names; evaluate them one by one"
        )
    return {names[common]: [row[seed] for seed in sorted(row)] for common, row in rows.items()}


def _experiment(workdir: Workdir, config: Config) -> tuple[str, str]:
    """Return the experiment's name, and as text everything that its seeds have in common."""
    folder = workdir.path.resolve().name
    fields = {name: value for name, value in to_dict(config).items() if name != "seed"}
    named = re.fullmatch(rf"(.*?)[-_]?seed{config.seed}", folder)
    if not named:
        return folder, repr(fields)
    fields.pop("steps")
    return named[1] or config.model, repr((named[1], fields))
