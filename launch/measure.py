"""The figures of run folders: each on its own, and the mean over several."""

from pathlib import Path
from typing import Any

import numpy as np

from cardiax.errors import InputError
from cardiax.launch.environment import check_fingerprint
from cardiax.launch.experiment import Evaluator, load_experiment
from cardiax.launch.progress import say
from cardiax.launch.report import report
from cardiax.launch.trained import load_best
from cardiax.launch.workdir import Workdir
from cardiax.metrics import mean_interval
from cardiax.parallel import make_mesh
from cardiax.state import evaluated


def measure(workdir: Workdir, split: str, data_dir: Path | None) -> dict[str, Any]:
    """Evaluate a run's best checkpoint on a split, write and print the figures, return what went into SPLIT.json."""
    config, environment = workdir.config(), workdir.read_json("environment.json")
    if not (data_dir or isinstance(environment.get("data_dir"), str)):
        raise InputError(f"{workdir.path / 'environment.json'}: found no data_dir, wanted one; give --data-dir")
    experiment = load_experiment(config, data_dir or Path(environment["data_dir"]), say)
    for name, found in experiment.fingerprints.items():
        check_fingerprint(workdir, environment, name, found)
    mesh = make_mesh()
    state = load_best(workdir, config, experiment.task, experiment.model, mesh)
    return report(workdir, experiment, Evaluator(experiment, mesh), evaluated(state), split, int(state.step))


def summarize(results: list[dict[str, Any]]) -> None:
    """Print the mean of each figure over runs with its 95 % Student t interval."""
    say(
        f"mean over {len(results)} runs, seeds {', '.join(str(result['seed']) for result in results)} (95 % t interval)"
    )
    for name, first in results[0].items():
        if isinstance(first, dict) and "value" in first:
            _say_mean(name, [result[name]["value"] for result in results])
    for label in results[0].get("classes", ()):
        _say_mean(f"F1 {label}", [result["classes"][label]["f1"]["value"] for result in results])


def _say_mean(name: str, values: list[float]) -> None:
    mean, half_width = mean_interval(np.asarray(values))
    say(f"{name:<16}{mean:.4f} ± {half_width:.4f}   ({', '.join(f'{value:.4f}' for value in values)})")
