"""The results of a run: a printed table, SPLIT.json, SPLIT_cases.csv and plots."""

import itertools
from typing import Any

import jax
import numpy as np

from cardiax.launch.report import class_report, site_report
from cardiax.launch.report.noise_report import report_noise
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir, without_losing_results

REPORTS = {"beat": class_report, "intracardiac": site_report}


def report(
    workdir: Workdir,
    experiment: Experiment,
    evaluator: Any,
    variables: Any,
    split: str,
    step: int,
    suffix: str = "",
) -> dict[str, Any]:
    """Evaluate `variables` on a split: write the files and plots and print the table.

    SPLIT_cases.csv has a row for every case. An experiment with noises has a second report, on inputs with noise and
    with missing leads. The files contain no times, so equal runs give identical files. A read-only folder (see
    `Workdir.is_read_only`) is not written to.

    Args:
      workdir: folder of the run.
      experiment: experiment of the run.
      evaluator: an `Evaluator` or an object with its methods.
      variables: variables of the model.
      split: train, validation or test.
      step: training step of the variables.
      suffix: suffix of the file names that states the corruption of the inputs.

    Returns:
      The content of SPLIT.json.
    """
    config, kind = experiment.config, REPORTS[experiment.task.kind]
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
    result = heading | {"parameters": evaluator.parameters(variables)} | kind.results(experiment, figures, split)
    is_writer = jax.process_index() == 0 and not workdir.is_read_only
    say(kind.table(result))
    cases = result.pop("cases")
    if is_writer:
        workdir.write_csv(f"{split}{suffix}_cases.csv", cases)
        workdir.write_json(f"{split}{suffix}.json", result)
    # Draw after the results are written, so that a failing plot cannot lose them.
    plots = {}
    with without_losing_results(workdir.path / "figures"):
        plots = kind.plots(experiment, figures, result, lambda inputs: evaluator.predict(variables, inputs))
    if is_writer:
        written = [workdir.save_plot(f"{split}{suffix}_{name}", draw) for name, draw in plots.items()]
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}{suffix}.json', *itertools.chain(*written))))}")
    if experiment.noises:
        clean = kind.main_figures(experiment, figures, split)

        def measure(inputs: np.ndarray) -> dict[str, Any]:
            return kind.main_figures(experiment, evaluator(variables, split, inputs), split)

        report_noise(workdir, experiment, heading | {"interval": result["interval"], "clean": clean}, measure)
    return result
