"""The data of the page's comparison: several runs side by side, and the paired differences between them."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardiax.catalog import BY_PATIENT
from cardiax.launch.run.metric_text import NAMES
from cardiax.launch.run.run_folder import Workdir, read_csv
from cardiax.stats.classification import BOUNDS, mean_interval
from cardiax.stats.significance import beats_chance, independent_units, resampled_systems
from cardiax.tasks import Task, task_of
from cardiax.tasks.plain_report import Merit, unit_of


def comparison_part(rows: Mapping[str, Sequence[Workdir]]) -> dict[str, Any]:
    """Return the part `comparison` of a page, for name → runs that differ in the seed alone.

    Rows of the same task and the same test cases are paired by case: the test cases, or the records where the protocol
    splits by patient, are drawn with replacement, the same ones for both rows, and the interval of the difference holds
    95 % of the draws (Efron and Tibshirani 1993, chapter 16). It leaves out the chance of the seeds, which the p-value
    of Welch's test accounts for (`cardiax.stats.significance.beats_chance`). Raises `InputError` if a file of a run is
    missing.
    """
    groups: dict[tuple[str, str], dict[str, Sequence[Workdir]]] = {}
    for name, runs in rows.items():
        config, fingerprints = runs[0].config(), runs[0].read_json("environment.json").get("fingerprints", {})
        groups.setdefault((config.task, str(fingerprints.get("split"))), {})[name] = runs
    return {
        "kind": "comparison",
        "title": "Side by side",
        "tables": [_table(task_of(next(iter(some.values()))[0].config()), some) for some in groups.values()],
        "paired": len(groups) == 1,
    }


def _table(task: Task, rows: Mapping[str, Sequence[Workdir]]) -> dict[str, Any]:
    results = {name: [run.read_json("test.json") for run in runs] for name, runs in rows.items()}
    first = next(iter(results.values()))[0]
    by_record = first["protocol"] in BY_PATIENT
    cases = {name: [read_csv(run.path / "test_cases.csv") for run in runs] for name, runs in rows.items()}
    groups = np.array([unit_of(case) for case in next(iter(cases.values()))[0]]) if by_record else None
    return {
        "task": task.name,
        "data": f"{first['examples']:,} test examples of {first['dataset']}, protocol {first['protocol']}",
        "drawn": "records" if by_record else "test cases",
        "metrics": [
            _metric(merit, results) | {"pairs": _pairs(merit, cases, groups)} for merit in reversed(task.report.merits)
        ],
        "classes": [
            {"row": name, "class": label, "f1": _mean([one["classes"][label]["f1"]["value"] for one in some])}
            for name, some in results.items()
            for label in some[0].get("classes", {})
        ],
    }


def _metric(merit: Merit, results: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Return each row's metric: the mean over seeds with its t interval, as far as the metric can be there, or of one
    seed its bootstrap interval."""
    found: list[dict[str, Any]] = []
    for name, some in results.items():
        values = [one[merit.name]["value"] for one in some]
        mean, half = mean_interval(np.array(values, float))
        low, high = np.clip([mean - half, mean + half], *merit.bounds).tolist()
        if len(some) == 1:
            low, high = some[0][merit.name]["low"], some[0][merit.name]["high"]
        seeds = [one["seed"] for one in some]
        found.append({"row": name, "value": float(mean), "low": low, "high": high, "seeds": seeds, "values": values})
    known = {one["row"]: one["value"] for one in found if np.isfinite(one["value"])}
    best = (max if merit.higher_is_better else min)(known, key=known.__getitem__, default=None)
    name = NAMES.get(merit.name, merit.name)
    return {"name": name, "higher_is_better": merit.higher_is_better, "best": best, "rows": found}


def _pairs(
    merit: Merit, cases: Mapping[str, Sequence[list[dict[str, str]]]], groups: np.ndarray | None
) -> list[dict[str, Any]]:
    """Return the difference of each two rows, the second minus the first, with its paired interval."""
    sums = [[merit.terms(run) for run in runs] for runs in cases.values()]
    if len(cases) < 2 or len({len(one) for runs in sums for one in runs}) > 1:
        return []
    drawn = resampled_systems(sums, merit.of_sums, groups)
    means = [np.mean([float(merit.of_sums(one.sum(axis=0, dtype=np.float64))) for one in runs]) for runs in sums]
    units, found = independent_units(merit.weights(sums[0][0]), groups), []
    rows = zip(cases, drawn, means, strict=True)
    for (first, ours, our_mean), (second, theirs, their_mean) in itertools.combinations(rows, 2):
        differences = theirs.mean(axis=1) - ours.mean(axis=1)
        is_defined = np.isfinite(differences).any()
        low, high = np.nanquantile(differences, BOUNDS) if is_defined else (np.nan, np.nan)
        several = is_defined and min(ours.shape[1], theirs.shape[1]) > 1
        p = beats_chance(theirs, ours, units) if several else None
        difference = {"difference": float(their_mean - our_mean), "low": float(low), "high": float(high), "p": p}
        found.append({"first": first, "second": second} | difference)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
