"""The page of runs: each of them, their hearts, and the comparison of several."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cardiax.ecg.leads import LEADS, SITE_NAMES, WALLS
from cardiax.errors import InputError
from cardiax.launch.evaluation.measured_runs import load_runs, open_experiments
from cardiax.launch.evaluation.run_report import Run
from cardiax.launch.networks.trained import find_network
from cardiax.launch.page.comparison import comparison_part
from cardiax.launch.page.heart_part import HeartCase, heart_part
from cardiax.launch.page.run import WORST, run_part
from cardiax.launch.predictors.batches import BatchPredictor
from cardiax.launch.predictors.heart import HeartPredictor, Prediction, times_of
from cardiax.launch.predictors.influence import evenly
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir, read_csv
from cardiax.models import TREES
from cardiax.tasks import input_shapes, task_of

BUDGET = 4_000_000
"""Bytes of text for the beats of all runs."""

EXPLAINED = 16
"""Number of test cases over which the influence of leads on walls is averaged."""

MOST = 12
"""Number of runs that have a part of their own; the comparison has all."""


def parts_of_runs(rows: Mapping[str, Sequence[Workdir]], data_dir: Path | None, memory: float | None) -> list[dict]:
    """Return the parts of a page that shows runs, name → runs that differ in the seed alone.

    A run without its data, e.g. on another machine, is shown without its beats or hearts, and says so. `data_dir` and
    `memory` are those of `load_runs`. Raises `InputError` if a run is not complete.
    """
    total = sum(len(runs) for runs in rows.values())
    parts = [comparison_part(rows)] if total > 1 else []
    budget = BUDGET // min(total, MOST)
    if total > MOST:
        say(f"note: {MOST} of {total} runs have a part of their own; the comparison has all")
    for name, workdirs in rows.items():
        shown = list(workdirs)[: MOST - sum(part["kind"] == "run" for part in parts)]
        try:
            loaded, why = _load(workdirs, data_dir, memory) if shown else [], ""
        except InputError as error:
            say(f"warning: {workdirs[0].path}: shown without its cases: {error}")
            loaded, why = [], f"The cases themselves are not shown: {error}"
        experiments = [run.experiment if isinstance(run, Run) else run for run in loaded] or [None] * len(shown)
        predictors = [_predictor(shown[0]), *([None] * MOST)] if loaded else [None] * MOST  # seeds look at the same
        own = [
            run_part(workdir.path.resolve().name, workdir, experiment, budget, predictor) | {"why": why}
            for workdir, experiment, predictor in zip(shown, experiments, predictors, strict=False)
        ]
        if isinstance(predictors[0], HeartPredictor) and experiments[0] is not None:
            own[0]["walls"] = wall_shares(predictors[0], experiments[0])
        parts += own
        if runs := [run for run in loaded if isinstance(run, Run)]:
            parts.append(hearts_of(name, runs))
    return parts


def _load(workdirs: Sequence[Workdir], data_dir: Path | None, memory: float | None) -> list[Experiment] | list[Run]:
    """Return the networks of runs whose test has sites of the heart, of others the data; `InputError` without them."""
    if "sites" in workdirs[0].read_json("test.json"):
        return load_runs(workdirs, data_dir, memory=memory)
    return open_experiments(workdirs, data_dir, memory=memory)


def _predictor(workdir: Workdir) -> BatchPredictor | None:
    """Return the network of a run that predicts classes, or a value at each site, or None if it has no gradient, or is
    not there."""
    result, config = workdir.read_json("test.json"), workdir.config()
    if config.model in TREES or not {"classes", "sites"} & set(result):
        return None
    try:
        network = find_network(workdir.path)
        network.variables()  # which are read once
    except InputError as error:
        say(f"note: shown without what the network looks at: {error}")
        return None
    if "classes" in result:
        return BatchPredictor(network)
    inputs = {name: jax.ShapeDtypeStruct((1, *shape), np.float32) for name, shape in input_shapes(config).items()}
    output = jax.eval_shape(network.function(network.variables()), **inputs)
    return HeartPredictor(network) if output.shape[1:] == (len(SITE_NAMES),) else None


def wall_shares(predictor: HeartPredictor, experiment: Experiment) -> dict[str, Any] | None:
    """Return the share of each lead in what moves the mean activation time of each wall, %, over test cases.

    None if the influences of no case add up, see `HeartPredictor.wall_influence`.
    """
    rows = evenly(experiment.split["test"], EXPLAINED)
    found = [predictor.wall_influence(leads) for leads in experiment.examples.take(rows)["leads"]]
    sums = [np.abs(one).sum(axis=1) for one in found if one is not None]
    if not sums:
        return None
    shares = np.mean([100 * one / np.maximum(one.sum(axis=1, keepdims=True), 1e-12) for one in sums], axis=0)
    return {"leads": LEADS, "walls": list(WALLS), "shares": shares.round(1).tolist(), "cases": len(sums)}


def hearts_of(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return the part `heart` of a page: the ten worst test cases, then the median one, of runs that differ in the
    seed; their mean is shown, and their spread if there are several."""
    first = runs[0]
    selection = task_of(first.experiment.config).report.merits[-1].name
    rows = [read_csv(run.workdir.path / "test_cases.csv") for run in runs]
    errors = np.mean([[float(case[selection] or "nan") for case in some] for some in rows], axis=0)
    order = np.argsort(-np.nan_to_num(errors, nan=np.inf), kind="stable")
    chosen = [*order[:WORST].tolist(), int(order[len(order) // 2])]
    examples = first.experiment.examples.take(first.experiment.split["test"][chosen])
    outputs = np.stack([run.predict({"leads": examples["leads"]}) for run in runs])
    unit = first.workdir.read_json("test.json")[selection]["unit"]
    titles = [
        f"{rank}: {errors[index]:.1f} {unit} {_origin(rows[0][index])}"
        for rank, index in zip([*(f"Worst {n}" for n in range(1, len(chosen))), "Median case"], chosen, strict=True)
    ]
    cases = [_case(title, examples["leads"][i], outputs[:, i], examples["target"][i]) for i, title in enumerate(titles)]
    config, seeds = first.experiment.config, f"; the mean of {len(runs)} seeds" if len(runs) > 1 else ""
    network = f"The network is {config.model} of the task {config.task}, on test cases of {config.dataset}{seeds}."
    remarks = [network, "Every case is shown on one heart, the built-in one, whose sites have the names of the data's."]
    sites = first.workdir.read_json("test.json")["sites"]
    errors = [{"value": sites[name][selection], "unit": unit} for name in SITE_NAMES]
    return heart_part(f"{name}: hearts", cases, "seeds", remarks) | {"site_errors": errors}


def _case(name: str, leads: np.ndarray, outputs: np.ndarray, target: np.ndarray) -> HeartCase:
    """Return one case: leads (500, 12), outputs (M, 75) or (M, 500, 75) of M networks, and the target."""
    mean, has_voltage = outputs.mean(axis=0), outputs.ndim == 3
    spread = outputs.std(axis=0, ddof=1) if has_voltage and len(outputs) > 1 else None
    times, true_times = times_of(np.stack([mean, target]))
    voltage, onsets = mean if has_voltage else None, np.empty(0)
    heart = Prediction(leads, times, voltage, (), (), onsets, times_of(outputs), voltage_spread=spread)
    return HeartCase(name, heart, true_times, target if has_voltage else None)


def _origin(case: dict[str, str]) -> str:
    told = {"volunteer": "volunteer", "pattern": "pattern", "innerindex": "stimulus at", "bcl": "cycle of"}
    known = {key: case[key] for key in told if case.get(key, "-1") != "-1"}
    if "innerindex" in known:
        known["innerindex"] = SITE_NAMES[int(known["innerindex"])]
    if "bcl" in known:
        known["bcl"] += " ms"
    words = ", ".join(f"{told[key]} {value}" for key, value in known.items())
    return f"({words})" if words else ""
