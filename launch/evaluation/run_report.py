"""The results of a run: a printed table, SPLIT.json, SPLIT_cases.csv and plots."""

import dataclasses
import itertools
from functools import partial
from typing import Any

import jax
import numpy as np

from cardiax.launch.evaluation.noise_report import report_noise
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.plot_files import save_plot, without_losing_results
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import CALIBRATION, Workdir, read_csv
from cardiax.stats.trust_fit import LEAST_COVERAGE, MOST_RISK, fit_trust
from cardiax.tasks.class_report import ClassReport
from cardiax.tasks.plain_report import Cases
from cardiax.training.batch_order import Arrays


def report(
    workdir: Workdir,
    experiment: Experiment,
    evaluator: Any,
    variables: Any,
    split: str,
    step: int,
    suffix: str = "",
) -> dict[str, Any]:
    """Evaluate variables on a split: write the files and plots, print the table, and return the content of SPLIT.json.

    SPLIT_cases.csv has a row for every case. With the test split, a network of classes is calibrated on the validation
    split. An experiment with noises has a second report, on inputs with noise and with missing leads. The files contain
    no times, so equal runs give identical files. A read-only folder (see `Workdir.is_read_only`) is not written to.
    `evaluator` is an `Evaluator` or an object with its methods; `suffix`, of file names, states the corruption of
    inputs.
    """
    config, task_report, cases = experiment.config, experiment.task.report, experiment.cases(split)
    figures = evaluator(variables, split)
    heading = {
        "task": config.task,
        "dataset": config.dataset,
        "protocol": experiment.protocol,
        "split": split,
        "model": config.model,
        "seed": config.seed,
        "step": step,
        "examples": len(experiment.split[split]),
    }
    result = heading | {"parameters": evaluator.parameters(variables)} | task_report.results(cases, figures)
    is_writer = jax.process_index() == 0 and not workdir.is_read_only
    say(task_report.table(result))
    rows = result.pop("cases")
    if is_writer:
        workdir.write_csv(f"{split}{suffix}_cases.csv", rows)
        workdir.write_json(f"{split}{suffix}.json", result)
    # Draw after the results are written, so that a failing plot cannot lose them.
    plots = {}
    with without_losing_results(workdir.path / "figures"):
        plots = task_report.plots(cases, figures, result, lambda inputs: evaluator.predict(variables, inputs))
        if split == "test" and not suffix and (workdir.path / "metrics.csv").exists():
            plots["learning"] = partial(_learning_plot, workdir, experiment, result)
    if is_writer:
        written = [
            save_plot(workdir.path / "figures" / f"{split}{suffix}_{name}", draw) for name, draw in plots.items()
        ]
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}{suffix}.json', *itertools.chain(*written))))}")
    if experiment.noises:
        clean = task_report.main_figures(cases, figures)

        def measure(inputs: Arrays) -> dict[str, Any]:
            return task_report.main_figures(cases, evaluator(variables, split, inputs))

        report_noise(workdir, experiment, heading | {"interval": result["interval"], "clean": clean}, measure)
    if isinstance(task_report, ClassReport) and (split, suffix) == ("test", ""):  # last, so that it loses no result
        calibrated = calibration(experiment.cases("validation"), evaluator(variables, "validation"))
        if is_writer:
            workdir.write_json(CALIBRATION, calibrated)
    return result


def calibration(cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the content of calibration.json, the fields of `ClassTrust` and how they were found.

    Args:
      cases: the validation split.
      figures: its `probabilities` (n, C) at temperature 1 and `target` (n,).
    """
    probabilities = np.asarray(figures["probabilities"])
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))  # up to a constant, which softmax ignores
    trust, measured = fit_trust(logits, np.asarray(figures["target"]), cases.records)
    rule = (
        f"the least certain beats of the validation split are uncertain: {100 - 100 * LEAST_COVERAGE:g} % of them, or "
        f"fewer if the others are wrong in at most {100 * MOST_RISK:g} %"
    )
    source = f"{cases.dataset.name}, its validation split by {cases.protocol}"
    return dataclasses.asdict(trust) | {"rule": rule, "source": source, "validation": measured}


def _learning_plot(workdir: Workdir, experiment: Experiment, result: dict[str, Any]) -> Any:
    from cardiax.plots.curves import learning_figure

    history = [
        {name: float(value or "nan") for name, value in row.items()} for row in read_csv(workdir.path / "metrics.csv")
    ]
    title = f"{result['model']}, {result['dataset']}, protocol {result['protocol']}, seed {result['seed']}"
    selection = experiment.task.selection
    return learning_figure(history, selection, result["step"], title, result.get(selection, {}).get("unit", ""))
