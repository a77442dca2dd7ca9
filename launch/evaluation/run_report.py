"""The results of a run: printed tables, SPLIT.json, SPLIT_cases.csv, SPLIT_noise.json, calibration.json and plots."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from cardiax.ecg.recorded_noise import NOISES, SNRS
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.metric_text import with_unit
from cardiax.launch.run.plot_files import save_plot, without_losing_results
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import CALIBRATION, Workdir, read_csv
from cardiax.plots.curves import learning_figure, noise_figure
from cardiax.stats.trust_fit import LEAST_COVERAGE, MOST_RISK, fit_trust
from cardiax.tasks.class_report import ClassReport
from cardiax.tasks.plain_report import Cases, cell
from cardiax.training.batch_order import Arrays
from cardiax.training.step import inputs_of

Figures = dict[str, Any]
"""Metric → `value`, `low`, `high` and possibly `unit`, or one number; the plot shows the first metric."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A trained run with its evaluator.

    Attributes:
      evaluator: an `Evaluator`, or an object with its methods.
      variables: those that were best on validation, in the form that the evaluator takes.
      step: the step that they are of.
      suffix: what the names of the files of its report end in, which states the corruption of inputs.
    """

    workdir: Workdir
    experiment: Experiment
    evaluator: Any
    variables: Any
    step: int
    suffix: str = ""

    def predict(self, inputs: Arrays) -> np.ndarray:
        """Return the model's outputs (n, ...) for a few inputs, each (n, ...)."""
        return self.evaluator.predict(self.variables, inputs)


def report(run: Run, split: str) -> dict[str, Any]:
    """Evaluate a run on a split: write the files and plots, print the table, and return the content of SPLIT.json.

    SPLIT_cases.csv has a row for every case. With the test split, a network of classes is calibrated on the validation
    split. An experiment with noises has a second report, on inputs with noise and with missing leads. The files contain
    no times, so equal runs give identical files. A read-only folder (see `Workdir.is_read_only`) is not written to.
    """
    workdir, experiment, suffix = run.workdir, run.experiment, run.suffix
    evaluate = functools.partial(run.evaluator, run.variables)
    config, task_report, cases = experiment.config, experiment.task.report, experiment.cases(split)
    figures = evaluate(split)
    heading = {
        "task": config.task,
        "dataset": config.dataset,
        "protocol": experiment.protocol,
        "split": split,
        "model": config.model,
        "seed": config.seed,
        "step": run.step,
        "examples": len(experiment.split[split]),
    }
    result = heading | {"parameters": run.evaluator.parameters(run.variables)} | task_report.results(cases, figures)
    is_writer = jax.process_index() == 0 and not workdir.is_read_only
    say(task_report.table(result))
    rows = result.pop("cases")
    if is_writer:
        workdir.write_csv(f"{split}{suffix}_cases.csv", rows)
        workdir.write_json(f"{split}{suffix}.json", result)
    # Draw after the results are written, so that a failing plot cannot lose them.
    plots = {}
    with without_losing_results(workdir.path / "figures"):
        plots = task_report.plots(cases, figures, result, run.predict)
        if split == "test" and not suffix and (workdir.path / "metrics.csv").exists():
            plots["learning"] = functools.partial(_learning_plot, workdir, experiment, result)
    if is_writer:
        written = [
            save_plot(workdir.path / "figures" / f"{split}{suffix}_{name}", draw) for name, draw in plots.items()
        ]
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}{suffix}.json', *itertools.chain(*written))))}")
    if experiment.noises:
        clean = task_report.main_figures(cases, figures)

        def measure(inputs: Arrays) -> dict[str, Any]:
            return task_report.main_figures(cases, evaluate(split, inputs))

        _report_noise(workdir, experiment, heading | {"interval": result["interval"], "clean": clean}, measure)
    if isinstance(task_report, ClassReport) and (split, suffix) == ("test", ""):  # last, so that it loses no result
        calibrated = calibration(experiment.cases("validation"), evaluate("validation"))
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
    history = [
        {name: float(value or "nan") for name, value in row.items()} for row in read_csv(workdir.path / "metrics.csv")
    ]
    title = f"{result['model']}, {result['dataset']}, protocol {result['protocol']}, seed {result['seed']}"
    selection = experiment.task.selection
    return learning_figure(history, selection, result["step"], title, result.get(selection, {}).get("unit", ""))


def _report_noise(
    workdir: Workdir, experiment: Experiment, heading: dict[str, Any], measure: Callable[[Arrays], Figures]
) -> None:
    """Evaluate a split at each noise level and without each lead; write SPLIT_noise.json and its plot.

    `heading` describes the split and the model, with the metrics of the clean inputs as `clean`; `measure` is a
    function from inputs, each (n, ...) in the order of the split, to metrics.
    """
    split, task = heading["split"], experiment.task
    indices = experiment.split[split]
    inputs = inputs_of(experiment.examples.take(indices))
    say(f"noise: {', '.join(experiment.noises)} of physionet_nstdb at {', '.join(map(str, SNRS))} dB")
    result = heading | {"noises": {}}
    for name, recording in experiment.noises.items():
        noisy = task.with_noise(inputs, recording, indices)
        result["noises"][name] = {str(snr): measure(noisy(snr)) for snr in SNRS}
    if missing := {lead: measure(rest) for lead, rest in task.without_leads(inputs).items()}:
        result["missing"] = missing
    say(_noise_table(result))
    if jax.process_index() == 0 and not workdir.is_read_only:
        workdir.write_json(f"{split}_noise.json", result)
        written = save_plot(workdir.path / "figures" / f"{split}_noise", lambda: _noise_plot(result))
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}_noise.json', *written)))}")


def _noise_table(result: dict[str, Any]) -> str:
    """Format the result as text: a line for each condition, with intervals except for single classes."""
    rows: dict[str, Figures] = {"clean": result["clean"]}
    for name, at in result["noises"].items():
        rows |= {f"{name} {snr} dB": figures for snr, figures in at.items()}
    rows |= {f"without {lead}": figures for lead, figures in result.get("missing", {}).items()}
    columns = {name: _label(name, figure) for name, figure in result["clean"].items()}
    cells = {name: [_cell(name, figures[name]) for figures in rows.values()] for name in columns}
    widths = {name: max(map(len, [columns[name], *cells[name]])) for name in columns}
    lines = [f"{'':<12}" + "".join(f"  {label:>{widths[name]}}" for name, label in columns.items())]
    for index, condition in enumerate(rows):
        lines.append(f"{condition:<12}" + "".join(f"  {cells[name][index]:>{widths[name]}}" for name in columns))
    lines.append(
        f"on {result['examples']:,} {result['split']} examples of {result['dataset']}, split by {result['protocol']} "
        f"({result['interval']})"
    )
    return "\n".join(lines)


def _label(name: str, figure: Any) -> str:
    return with_unit(name.replace("macro_f1", "macro-F1").replace("_mae", " MAE").replace("_", " "), figure)


def _cell(name: str, figure: Any) -> str:
    if not isinstance(figure, dict):
        return f"{figure:.3f}"
    return cell({"value": figure["value"]} if name.startswith("recall_") else figure, 3)


def _noise_plot(result: dict[str, Any]) -> Any:
    first = next(iter(result["clean"]))

    def triple(figures: Figures) -> tuple[float, float, float]:
        return figures[first]["value"], figures[first]["low"], figures[first]["high"]

    return noise_figure(
        {f"{NOISES[name]} ({name})": [triple(at[str(snr)]) for snr in SNRS] for name, at in result["noises"].items()},
        SNRS,
        triple(result["clean"]),
        _label(first, result["clean"][first]),
        f"{result['dataset']}, {result['split']} set, {result['examples']:,} examples, {result['model']}",
        {lead: triple(figures) for lead, figures in result.get("missing", {}).items()},
    )
