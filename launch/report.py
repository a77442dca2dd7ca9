"""What a run found: a printed table, SPLIT.json, SPLIT_cases.csv and pictures."""

from typing import Any

import jax

from cardiax.launch import report_classes, report_sites
from cardiax.launch.experiment import Experiment
from cardiax.launch.progress import say
from cardiax.launch.workdir import Workdir

_REPORTS = {"beat": report_classes, "intracardiac": report_sites}


def report(
    workdir: Workdir,
    experiment: Experiment,
    evaluator: Any,
    variables: Any,
    split: str,
    step: int,
    suffix: str = "",
) -> dict[str, Any]:
    """Measure `variables`, of `step`, on a split: write files and pictures, print the table, return SPLIT.json.

    SPLIT_cases.csv tells of every case what it is, and what became of it.

    `evaluator` is an `Evaluator` or another with its methods. The files bear the split's name and a `suffix` that
    tells what was done to its inputs.

    The file holds results and no times, so that equal runs give equal files.
    """
    config, kind = experiment.config, _REPORTS[experiment.task.kind]
    figures = evaluator(variables, split)
    result = {
        "task": config.task,
        "dataset": config.dataset,
        "protocol": config.split,
        "split": split,
        "model": config.model,
        "seed": config.seed,
        "step": step,
        "examples": len(experiment.split[split]),
        "parameters": evaluator.parameters(variables),
    } | kind.results(experiment, figures, split)
    pictures = kind.pictures(experiment, figures, result, lambda inputs: evaluator.predict(variables, inputs))
    if jax.process_index() == 0:
        written = [workdir.save_picture(f"{split}{suffix}_{name}", picture) for name, picture in pictures.items()]
        text = kind.table(result)
        workdir.write_csv(f"{split}{suffix}_cases.csv", result.pop("cases"))
        workdir.write_json(f"{split}{suffix}.json", result)
        say(text)
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}{suffix}.json', *written)))}")
    return result
