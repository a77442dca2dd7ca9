"""The tables of launch/RESULTS.md and launch/timing/README.md, written from launch/results/*.json, in a checkout.

  python -m cardiax.launch.evaluation.results_page
  python -m cardiax.launch.evaluation.results_page add NAME RUN RUN RUN --title TITLE --command 'cardiax train …'

The first command writes each table of the pages between its lines `<!-- table: NAME -->` and `<!-- end -->`. The second
first writes results/NAME.json from the folders of finished runs that differ only in the seed, or from that of a sweep.
"""

import argparse
import collections
import re
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.config import to_dict
from cardiax.errors import InputError
from cardiax.launch.evaluation.folds import is_fold, together
from cardiax.launch.run.metric_text import at, markdown_table, with_unit
from cardiax.launch.run.run_folder import Workdir, read_json, write_atomically, write_json
from cardiax.stats.classification import mean_interval

DATA = Path(__file__).parent.parent / "results"
"""The folder of the tables' data, NAME.json each."""

PAGES = (DATA.parent / "RESULTS.md", DATA.parent / "timing" / "README.md")
"""The pages with the tables."""


def render(text: str, data: Path) -> str:
    """Return the text of a page with each table written again from `data`; raise `InputError` if a JSON is missing."""

    def one(found: re.Match[str]) -> str:
        return f"{found[1]}\n{table(read_json(data / f'{found[2]}.json'))}\n<!-- end -->"

    return re.sub(r"(<!-- table: (\w+) -->)\n.*?<!-- end -->", one, text, flags=re.DOTALL)


def table(result: dict[str, Any]) -> str:
    """Format one result as Markdown: its title, the table, and how the values were measured."""
    columns = result["columns"]
    titles = [result["row_title"], *(with_unit(column["title"], column) for column in columns)]
    rows = []
    for row in result["rows"]:
        decimals = [row.get("decimals", column["decimals"]) for column in columns]
        rows.append([with_unit(row["name"], row), *map(cell, row["cells"], decimals)])
    lines = [f"**{result['title']}**", "", *markdown_table(titles, rows)]
    return "\n".join([*lines, "", textwrap.fill(_origin(result), 120, break_long_words=False, break_on_hyphens=False)])


def cell(found: Any, decimals: int) -> str:
    """Format a cell: a text, a number, or an object; integers are shown without decimals, and None is empty.

    An object has a `value`, the `half_width` of its 95 % interval, and the bounds `low` and `high`, or some of these.
    """
    if found is None or isinstance(found, str):
        return found or ""
    of = found if isinstance(found, dict) else {"value": found}
    shown = {name: f"{one:,}" if isinstance(one, int) else f"{one:,.{decimals}f}" for name, one in of.items()}
    if "value" not in shown:
        return f"{shown['low']} to {shown['high']}"
    text = " ± ".join([shown["value"], *([shown["half_width"]] if "half_width" in shown else [])])
    return f"{text} ({shown['low']} to {shown['high']})" if "low" in shown else text


def _origin(result: dict[str, Any]) -> str:
    """Return how the values were measured; a command that is the name of a row is not repeated."""
    names = [row["name"] for row in result["rows"]]
    commands = [f"`{one}`" for one in result["command"] if not any(f"`{one}`" in name for name in names)]
    seeds = [str(seed) for seed in result["seeds"]]
    parts = ["seeds " + " and ".join(filter(None, [", ".join(seeds[:-1]), seeds[-1]]))] if seeds else []
    parts += [result["machine"], *([f"JAX {result['jax']}"] if result["jax"] else [])]
    stated = {"runs": "", "page": "first stated on "}[result["revision_of"]]
    text = "; ".join([*commands, *parts, f"{stated}{result['date']} at revision {result['revision'][:7]}."])
    return " ".join([text[0].upper() + text[1:], *result["notes"]])


def of_runs(runs: list[Path], figures: list[str], decimals: int = 3) -> dict[str, Any]:
    """Return what the folders of finished runs state: the rows, seeds, revision, machine, version of JAX and date.

    Args:
      runs: folders of runs that differ only in the seed.
      figures: names in test.json, as `macro_f1` or `classes.S.recall`, each with `=LABEL` if it is shown otherwise.
      decimals: number of decimals shown; the bootstrap interval (mean of the seeds' bounds) has one fewer.

    Raises:
      InputError: a file or figure is missing, or the runs differ in more than the seed, or are not of one commit.
    """
    folders = [Workdir(run) for run in runs]
    results = [folder.read_json("test.json") for folder in folders]
    if len({repr(to_dict(one.config()) | {"seed": 0}) for one in folders}) > 1:
        raise InputError(f"{runs[0].parent}: found several experiments, expected seeds of one")
    over = "interval over records" if "over records" in results[0]["interval"] else "interval over cases"
    rest = [f"without record {one['record']}" for one in [results[0].get("without_record")] if one]
    rows = []
    for name, _, label in (figure.partition("=") for figure in figures):
        found = [_figure(result, name) for result in results]
        cells = [_mean(found), _bounds(found)]
        cells += [_mean([_figure(result, f"without_record.{name}") for result in results]) for _ in rest]
        unit = {"unit": found[0]["unit"]} if "unit" in found[0] else {}
        rows.append({"name": label or name.replace("_", " "), "cells": cells} | unit)
    return _origin_of(folders) | {
        "row_title": "figure",
        "columns": [
            {"title": title, "decimals": decimals - (title == over)} for title in ("mean over seeds", over, *rest)
        ],
        "rows": rows,
    }


def of_sweep(folder: Path, figures: list[str], decimals: int = 3) -> dict[str, Any]:
    """Return what the runs of a sweep state, as `of_runs`: a row for each system, a column for each figure.

    The test cases of all folds of a cross-validation are counted together. By patient, a figure has the bounds of its
    interval over records, as the means of the seeds' bounds. Besides names in test.json, a figure may be
    `noise.12.macro_f1`: a metric at a signal-to-noise ratio in test_noise.json, as the mean over seeds and noises.
    """
    systems: dict[tuple[str, str], dict[int, list[Workdir]]] = {}
    for path in sorted(found.parent for found in folder.glob("*/test.json")):
        config = (run := Workdir(path)).config()
        name = path.name.removesuffix(f"-{config.protocol}-seed{config.seed}")
        protocol = "" if is_fold(config) else config.protocol
        systems.setdefault((name, protocol), {}).setdefault(config.seed, []).append(run)
    every = [folds for seeds in systems.values() for folds in seeds.values()]
    if not systems or len({len(seeds) for seeds in systems.values()}) > 1 or len({len(folds) for folds in every}) > 1:
        raise InputError(f"{folder}: found no finished runs, or not all seeds of each, expected a finished sweep")
    asked = [figure.partition("=") for figure in figures]
    rows = []
    for (system, protocol), seeds in systems.items():
        runs = list(seeds.values())
        results = [some[0].read_json("test.json") if protocol else together(some) for some in runs]
        cells = [_of_seeds([some[0] for some in runs], results, name) for name, _, _ in asked]
        rows.append({"name": f"`{system}`", "cells": cells})
    return _origin_of([run for some in every for run in some]) | {
        "row_title": "system",
        "columns": [{"title": label or name.replace("_", " "), "decimals": decimals} for name, _, label in asked],
        "rows": rows,
    }


def _of_seeds(runs: list[Workdir], results: list[dict[str, Any]], name: str) -> Any:
    """Return a figure of the seeds of one system: an integer, or an object for `cell`; None if it was not measured."""
    if found := re.fullmatch(r"noise\.(-?\d+)\.(\w+)", name):
        if not all((run.path / "test_noise.json").exists() for run in runs):
            return None
        at = [one[found[1]] for run in runs for one in run.read_json("test_noise.json")["noises"].values()]
        return round(float(np.mean([one[found[2]]["value"] for one in at])), 6)
    if isinstance(results[0].get(name), int):
        return round(float(np.mean([one[name] for one in results])))
    found = [_figure(one, name) for one in results]
    return _mean(found) | (_bounds(found) if "over records" in results[0]["interval"] else {})


def _origin_of(folders: list[Workdir]) -> dict[str, Any]:
    """Return the seeds, revision, machine, version of JAX and date of finished runs of one or more experiments."""
    seeds = collections.Counter(folder.config().seed for folder in folders)
    environments = [folder.read_json("environment.json") for folder in folders]
    revisions = {str(one["git_revision"]) for one in environments}
    if len(set(seeds.values())) > 1 or (len(seeds) == 1 < len(folders)):
        raise InputError(
            f"{folders[0].path.parent}: found a repeated seed, or not all of each, expected the same seeds of each"
        )
    if len(revisions) > 1 or not re.fullmatch("[0-9a-f]{40}", min(revisions)):
        raise InputError(
            f"{folders[0].path.parent}: found revisions {', '.join(sorted(revisions))}, expected one commit"
        )
    written = max((folder.path / "test.json").stat().st_mtime for folder in folders)
    return {
        "revision": min(revisions),
        "revision_of": "runs",
        "seeds": list(seeds),
        "machine": ", ".join(environments[0]["devices"]),
        "jax": environments[0]["versions"]["jax"],
        "date": time.strftime("%Y-%m-%d", time.gmtime(written)),
    }


def _figure(result: dict[str, Any], name: str) -> dict[str, Any]:
    found = at(result, name)
    if not isinstance(found, dict) or found.get("value") is None:
        raise InputError(f"test.json: found no value of {name!r}, expected one, e.g. of classes.S.recall")
    return found


def _mean(figures: list[dict[str, Any]]) -> dict[str, float]:
    """Return the mean over seeds and, if there are several, the half-width of its 95 % t interval."""
    mean, half_width = (round(float(one), 6) for one in mean_interval(np.asarray([one["value"] for one in figures])))
    return {"value": mean} | ({"half_width": half_width} if len(figures) > 1 else {})


def _bounds(figures: list[dict[str, Any]]) -> dict[str, float]:
    """Return the bounds of the bootstrap interval, as the means of the seeds' bounds."""
    return {side: round(sum(one[side] for one in figures) / len(figures), 6) for side in ("low", "high")}


def main(arguments: list[str] | None = None) -> None:
    """Write the pages, after one more result if `add` is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_subparsers(dest="add", metavar="add").add_parser("add", help="write results/NAME.json")
    add.add_argument("name", metavar="NAME", help="name of the table")
    add.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folders of runs that differ only in the seed, or of a sweep"
    )
    add.add_argument("--title", required=True, help="title of the table")
    add.add_argument("--command", required=True, help="command that made the runs")
    add.add_argument("--figure", nargs="+", default=["accuracy", "macro_f1=macro-F1"], metavar="F", help="F or F=LABEL")
    add.add_argument("--decimals", type=int, default=3, help="decimals shown (3)")
    add.add_argument("--machine", help="the machine in words (default: the devices of the runs)")
    add.add_argument("--note", action="append", default=[], help="a sentence for readers; may be repeated")
    given = parser.parse_args(arguments)
    try:
        if not DATA.is_dir():
            raise InputError(f"{DATA}: found no such folder, expected that of a checkout of cardiax")
        if given.add:
            head = {"title": given.title, "command": [given.command]}
            is_sweep = [(run / "table.csv").exists() for run in given.runs] == [True]
            read = of_sweep(given.runs[0], given.figure, given.decimals) if is_sweep else None
            found = (read or of_runs(given.runs, given.figure, given.decimals)) | {"notes": given.note}
            write_json(
                DATA / f"{given.name}.json", head | found | ({"machine": given.machine} if given.machine else {})
            )
        for page in PAGES:
            write_atomically(page, render(page.read_text(encoding="utf-8"), DATA).encode())
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
