"""The figures of run folders: each on its own, and the mean over several."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cardiax.data import Arrays
from cardiax.errors import InputError
from cardiax.launch import trees
from cardiax.launch.environment import check_fingerprint
from cardiax.launch.experiment import Evaluator, Experiment, load_experiment
from cardiax.launch.progress import say
from cardiax.launch.report import report
from cardiax.launch.trained import load_best
from cardiax.launch.workdir import Workdir
from cardiax.metrics import mean_interval
from cardiax.models import TREES
from cardiax.parallel import make_mesh
from cardiax.state import evaluated
from cardiax.transforms import noise_at


@dataclass(frozen=True)
class Harm:
    """What is done to twelve leads before they are shown to the network.

    Attributes:
      noise: dB, signal-to-noise ratio of white noise; None: without.
      drop_lead: whether case i lacks lead i modulo 12.
    """

    noise: float | None = None
    drop_lead: bool = False

    @property
    def name(self) -> str:
        """What the files' names tell of it."""
        return ("" if self.noise is None else f"_{self.noise:g}dB") + ("_drop_lead" if self.drop_lead else "")

    def apply(self, experiment: Experiment) -> Experiment:
        """The experiment with its inputs (n, 500, 12) harmed; the same noise whenever it is asked for."""
        if not self.name:
            return experiment
        if experiment.task.kind != "intracardiac":
            raise InputError(
                f"evaluate: found --noise or --drop-lead and the task {experiment.config.task!r}, wanted one of twelve "
                "leads; leave them out"
            )
        take = experiment.examples.take

        def harmed(places: np.ndarray) -> Arrays:
            arrays = take(places)
            return arrays | {"input": self._harmed(arrays["input"], places)}

        return replace(experiment, examples=replace(experiment.examples, take=harmed), noises={})

    def _harmed(self, leads: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Leads (..., 500, 12) mV of the examples at `places` (...), harmed."""
        if self.noise is not None:
            many = leads.reshape(-1, *leads.shape[-2:])
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), places.ravel())
            leads = np.asarray(_noise_at(keys, many, self.noise)).reshape(leads.shape)
        if self.drop_lead:
            gone = places[..., None] % leads.shape[-1] == np.arange(leads.shape[-1])
            leads = np.where(gone[..., None, :], np.float32(0), leads)
        return leads


_noise_at = jax.jit(jax.vmap(noise_at, (0, 0, None)))


def measure(
    workdir: Workdir,
    split: str,
    data_dir: Path | None,
    harm: Harm = Harm(),
    with_noise: bool = False,
    memory: float | None = None,
) -> dict[str, Any]:
    """Evaluate a run's best checkpoint on a split, write and print the figures, return what went into SPLIT.json.

    `with_noise` the noise report follows, whatever protocol the run was trained by. `memory`: see `load_experiment`.
    """
    config, environment = workdir.config(), workdir.read_json("environment.json")
    if not (data_dir or isinstance(environment.get("data_dir"), str)):
        raise InputError(f"{workdir.path / 'environment.json'}: found no data_dir, wanted one; give --data-dir")
    experiment = load_experiment(config, data_dir or Path(environment["data_dir"]), say, with_noise, memory)
    for name, found in experiment.fingerprints.items():
        check_fingerprint(workdir, environment, name, found)
    experiment = harm.apply(experiment)
    if config.model in TREES:
        return trees.evaluate(workdir, experiment, split)
    mesh = make_mesh()
    state = load_best(workdir, config, experiment.examples.shape, experiment.model, mesh)
    return report(workdir, experiment, Evaluator(experiment, mesh), evaluated(state), split, int(state.step), harm.name)


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
