"""The results of a sweep: a table in Markdown and CSV, and a plot."""

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.catalog import BY_PATIENT, NOISE
from cardiax.launch.evaluation.folds import is_fold, together
from cardiax.launch.run.metric_text import NAMES, at, markdown_table, with_unit
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir, read_csv, write_atomically, write_csv
from cardiax.launch.run.sweep_member import Member
from cardiax.plots.metric_bars import comparison_figure
from cardiax.stats.classification import mean_interval
from cardiax.stats.significance import independent_units, resampled_systems, stands_out
from cardiax.tasks import TASKS, Task, task_of
from cardiax.tasks.class_report import parts_of
from cardiax.tasks.plain_report import Merit, metrics_in, unit_of


@dataclass(frozen=True)
class Row:
    """The seeds of one model, with one set of grid values, under one protocol or under all folds together.

    Attributes:
      name: `Member.row` of the runs.
      protocol: protocol of the runs.
      results: test.json of each seed, or the same of all folds.
      runs: for each seed its run, or that of each fold.
    """

    name: str
    protocol: str
    results: list[dict[str, Any]]
    runs: list[list[Workdir]]

    def values(self, figure: str) -> np.ndarray:
        """Return a metric, dotted as in `classes.S.recall`, of each seed: float64 (seeds,), NaN if undefined."""
        found = [at(result, figure) or {"value": None} for result in self.results]
        return np.asarray([one["value"] for one in found], float)

    @property
    def count(self) -> str:
        """The number of seeds, as the tables have it."""
        return str(len(self.results))

    @property
    def seconds(self) -> np.ndarray:
        """The training time of each seed, s: (seeds,)."""
        return np.asarray([sum(run.seconds() for run in some) for some in self.runs])

    @property
    def by_patient(self) -> bool:
        """True if the protocol splits by patient, as all folds do."""
        return self.protocol in BY_PATIENT or len(self.runs[0]) > 1


def write_table(folder: Path, members: list[Member], absent: dict[str, str]) -> None:
    """Write table.md, table.csv and table.png of the finished members, and print table.md.

    `absent` maps the name of each other member to the reason why it is not in the table.
    """
    task = task_of(members[0].config)
    clean = [member for member in members if member.protocol != NOISE]
    rows = _rows(clean, "test.json") + _of_folds(clean)
    noisy = _rows([member for member in members if member.protocol == NOISE], "test_noise.json")
    notes = [f"Not in the table: {name} ({' '.join(why.split())}).\n" for name, why in absent.items()]
    text = "\n".join([*_clean(folder, rows, task), *([noise_table(noisy)] if noisy else []), *notes])
    write_atomically(folder / "table.md", text.encode())
    say(text)
    say(f"wrote: {', '.join(str(folder / f'table.{kind}') for kind in ('md', *(('csv', 'png') if rows else ())))}")


def _rows(members: list[Member], file: str) -> list[Row]:
    return [
        Row(name, protocol, [one.workdir.read_json(file) for one in some], [[one.workdir] for one in some])
        for (protocol, name), group in itertools.groupby(members, lambda one: (one.protocol, one.row))
        for some in [list(group)]
    ]


def _of_folds(members: list[Member]) -> list[Row]:
    """Return a row for each model whose seeds have been tested on several folds: the test cases of all of them."""
    some = [member for member in members if is_fold(member.config)]
    count, rows = len({member.protocol for member in some}), []
    for name in dict.fromkeys(member.row for member in some):
        of_seed: dict[int, list[Workdir]] = {}
        for member in some:
            if member.row == name:
                of_seed.setdefault(member.config.seed, []).append(member.workdir)
        runs = [folds for folds in of_seed.values() if len(folds) == count > 1]
        if runs:
            rows.append(Row(name, f"{count} folds together", [together(folds) for folds in runs], runs))
    return rows


def _clean(folder: Path, rows: list[Row], task: Task) -> list[str]:
    """Write table.csv and table.png of the rows without noise, and return their table as text, if there are any."""
    if not rows:
        return []
    merits = task.report.merits
    best = {
        (protocol, merit.name): _best(list(some), merit)
        for protocol, group in itertools.groupby(rows, lambda row: row.protocol)
        for some in [list(group)]
        for merit in merits
    }
    write_csv(folder / "table.csv", [_csv_row(row) for row in rows])
    name = merits[-1].name
    panels = {
        protocol: {row.name: row.values(name) for row in group}
        for protocol, group in itertools.groupby(rows, lambda row: row.protocol)
    }
    datasets = " and ".join(dict.fromkeys(row.results[0]["dataset"] for row in rows))
    title = (
        f"{task.name}, {rows[0].results[0]['split']} set of {datasets}: seeds, and their mean with a 95 % t interval"
    )
    unit = rows[0].results[0][name].get("unit")
    label = NAMES.get(name, name) + (f" ({unit})" if unit else "")
    save_plot(folder / "table", lambda: comparison_figure(panels, label, title, merits[-1].bounds))
    return [markdown(rows, best, task)]


def noise_table(rows: list[Row]) -> str:
    """Format the first metric of each row: clean, at each signal-to-noise ratio and, for ECG imaging, with one lead
    missing."""
    first = next(iter(rows[0].results[0]["clean"]))
    ratios = next(iter(rows[0].results[0]["noises"].values()))
    missing = ["one lead missing"] if "missing" in rows[0].results[0] else []
    titles = ["noise", "system", f"{_label(first, rows[0].results[0]['clean'][first])}, clean"]
    titles += [*(f"{ratio} dB" for ratio in ratios), *missing, "seeds"]
    lines = []
    for row in rows:
        seeds = [
            [
                one["clean"][first]["value"],
                *(np.mean([at[ratio][first]["value"] for at in one["noises"].values()]) for ratio in ratios),
                *(np.mean([of[first]["value"] for of in one["missing"].values()]) for _ in missing),
            ]
            for one in row.results
        ]
        cells = [f"{value:.4g}" for value in np.mean(seeds, axis=0)]
        lines.append([row.results[0]["protocol"], row.name, *cells, str(len(seeds))])
    return "\n".join(markdown_table(titles, lines)) + (
        "\n\nMeans over seeds and over baseline wander, electrode motion and muscle noise of the MIT-BIH Noise Stress "
        "Test Database, or over the missing lead.\n"
    )


def _best(rows: list[Row], merit: Merit) -> str | None:
    """Return the name of the row that is significantly better than every other row of its protocol, or None.

    Rows are compared only if all runs have the same split: a model with data of its own, e.g. other beats of the same
    patients, cannot be paired by case.
    """
    fingerprints = {
        tuple(run.read_json("environment.json")["fingerprints"]["split"] for run in some)
        for row in rows
        for some in row.runs
    }
    if len(fingerprints) != 1 or len(rows) < 2:
        return None
    cases = [
        [[case for run in some for case in read_csv(run.path / "test_cases.csv")] for some in row.runs] for row in rows
    ]
    sums = [[merit.terms(run) for run in runs] for runs in cases]
    groups = np.asarray([unit_of(case) for case in cases[0][0]]) if rows[0].by_patient else None
    units = independent_units(merit.weights(sums[0][0]), groups)
    index = stands_out(resampled_systems(sums, merit.of_sums, groups), merit.higher_is_better, units)
    return None if index is None else rows[index].name


def markdown(rows: list[Row], best: dict[tuple[str, str], str | None], task: Task) -> str:
    """Format the table in Markdown: a line for each row, grouped by protocol, and one without each dominant record."""
    columns = [merit.name for merit in task.report.merits]
    columns += [name for name in metrics_in(rows[0].results[0]) if not name.endswith("r2") and name not in columns]
    normal = getattr(TASKS.get(task.name), "normal", None)  # of your own classes all are shown
    classes = [name for name in rows[0].results[0].get("classes", {}) if name != normal]
    titles = ["protocol", "system", *(_label(name, rows[0].results[0][name]) for name in columns)]
    titles += [f"{name}: recall / precision" for name in classes]
    by_patient = [row for row in rows if row.by_patient and "macro_f1" in row.results[0]]
    if by_patient:
        units = re.findall(r"bootstrap over (\w+)", by_patient[0].results[0]["interval"])
        titles.append(f"macro f1 over {units[0] if units else 'records'}")
    titles += ["parameters", "minutes", "seeds"]
    lines = []
    for row in rows:
        cells = [row.protocol, row.name]
        for name in columns:
            cell = _mean(row, name)
            cells.append(f"**{cell}**" if best.get((row.protocol, name)) == row.name else cell)
        cells += [_pair(row, name) for name in classes]
        if by_patient:
            cells.append(_mean_bounds(row) if row in by_patient else "–")
        lines.append([*cells, f"{row.results[0]['parameters']:,}", f"{row.seconds.mean() / 60:.1f}", row.count])
        for seeds in zip(*map(parts_of, row.results), strict=True):
            dataset, record, _ = seeds[0]
            if record:
                rest = replace(row, results=[own for _, _, own in seeds])
                cells = [row.protocol, f"{row.name}, without {record}{f' of {dataset}' if dataset else ''}"]
                cells += [_mean(rest, name) for name in columns] + [_pair(rest, name) for name in classes]
                lines.append([*cells, _mean_bounds(rest), "–", "–", row.count])
    interval = rows[0].results[0]["interval"].partition(";")[0]
    cautions = dict.fromkeys((row.protocol, row.results[0]["interval"].partition("; ")[2]) for row in rows)
    bounds = " Macro f1 over records or groups: the bootstrap interval, as the means of the seeds' bounds."
    notes = dict.fromkeys(row.results[0]["note"] for row in rows if "note" in row.results[0])
    return "\n".join(markdown_table(titles, lines)) + (
        f"\n\nMean over seeds ± 95 % t interval; for one seed, its {interval}. Bold: better than every other row of "
        "its protocol beyond chance (Welch's t test with the variance over seeds and that of a paired bootstrap over "
        "test cases, or over records where the protocol splits by patient, which count as fewer if a few of them have "
        "most of the cases or, for macro-F1, of a class; Holm's correction for the number of rows; one seed alone is "
        "never bold). Parameters of XGBoost models are their leaves; minutes are the training time, "
        "including evaluations. Recall and precision of a class are means over the seeds in which they are defined."
        + (bounds if by_patient else "")
        + "".join(f" Interval of {protocol}: {caution}." for protocol, caution in cautions if caution)
        + "".join(f" By patient, {note}." for note in notes)
        + "\n"
    )


def _pair(row: Row, name: str) -> str:
    """Format recall and precision of a class as means over seeds."""
    cells = [row.values(f"classes.{name}.{figure}") for figure in ("recall", "precision")]
    return " / ".join("–" if np.isnan(one).all() else f"{np.nanmean(one):.3f}" for one in cells)


def _mean_bounds(row: Row) -> str:
    """Format the bootstrap interval of macro-F1: the mean of the seeds' bounds."""
    low, high = (np.mean([result["macro_f1"][bound] for result in row.results]) for bound in ("low", "high"))
    return f"{low:.3f} … {high:.3f}"


def _label(name: str, figure: dict[str, Any]) -> str:
    return with_unit(NAMES[name] if "risk" in name else name.replace("_", " "), figure)


def _mean(row: Row, name: str) -> str:
    values = row.values(name)
    if not np.isfinite(values).all():
        return "–"
    if len(values) == 1:
        bounds = row.results[0][name]
        return f"{values[0]:.4g} [{bounds['low']:.4g}, {bounds['high']:.4g}]"
    mean, half_width = mean_interval(values)
    return f"{mean:.4f} ± {half_width:.4f}"


def _csv_row(row: Row) -> dict[str, Any]:
    """Return every metric of a row: its mean over seeds and the half-width of its interval."""
    first = row.results[0]
    figures = list(metrics_in(first))
    figures += [
        f"classes.{name}.{figure}" for name in first.get("classes", {}) for figure in ("precision", "recall", "f1")
    ]
    if "without_record" in first:
        figures += [f"without_record.{name}" for name in figures]
    cells: dict[str, Any] = {"protocol": row.protocol, "system": row.name, "seeds": len(row.results)}
    for name in figures:
        values = row.values(name)
        known = values[np.isfinite(values)]  # as in table.md
        mean, half_width = mean_interval(known if len(known) else values)
        cells |= {name: f"{mean:.6g}", f"{name} ±": f"{half_width:.6g}"}
    return cells | {"parameters": first["parameters"], "seconds": f"{row.seconds.mean():.1f}"}
