"""A run of XGBoost, in the folder, with the figures and by the commands of any other model."""

import time
from pathlib import Path
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from cardiax import datasets
from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.launch.environment import record_environment
from cardiax.launch.experiment import Experiment, load_experiment
from cardiax.launch.progress import say
from cardiax.launch.report import report
from cardiax.launch.workdir import Workdir, write_atomically
from cardiax.models.trees import Trees, import_xgboost
from cardiax.tasks.classification import Classification

FILE = "trees.ubj"
"""XGBoost's own format, cut after the best round; it is written when training is done."""


def train(config: Config, workdir: Workdir, data_dir: str | None, memory: float | None = None) -> int:
    """Boost, or read what was boosted before, then test; 0 when done."""
    started = time.monotonic()
    data_path = Path(data_dir) if data_dir else datasets.default_data_dir()
    experiment = load_experiment(config, data_path, say, memory=memory)
    trees = _trees(experiment)
    sides = {side: _arrays(experiment, side) for side in ("train", "validation")}
    say(f"train: {config.task}, xgboost, {len(sides['train'][1]):,} examples, {trees.trees} rounds, in {workdir.path}")
    import_xgboost()
    record_environment(workdir, config, experiment.fingerprints, data_path)
    if not (workdir.path / FILE).exists():
        booster, losses = trees.fit(sides["train"], sides["validation"], config.seed)
        workdir.write_metrics(losses)
        write_atomically(workdir.path / FILE, bytes(booster.save_raw("ubj")))
        workdir.write_seconds(time.monotonic() - started)
        best = booster.num_boosted_rounds()
        say(f"train: done in {time.monotonic() - started:.0f} s; best round on validation: {best}")
    booster = load_trees(workdir)
    report(workdir, experiment, TreesEvaluator(experiment), booster, "test", booster.num_boosted_rounds())
    return 0


class TreesEvaluator:
    """What `Evaluator` is to networks."""

    def __init__(self, experiment: Experiment):
        self._experiment = experiment

    def __call__(self, booster: Any, split: str, inputs: np.ndarray | None = None) -> dict[str, Any]:
        """`task.summarize` of all examples of a split, shown as they are or as `inputs` (n, ...)."""
        beats, targets = _arrays(self._experiment, split)
        logits = jnp.asarray(self.predict(booster, beats if inputs is None else inputs))
        measured = self._experiment.task.measure(logits, jnp.asarray(targets))
        return self._experiment.task.summarize({name: np.asarray(value) for name, value in measured.items()})

    def parameters(self, booster: Any) -> int:
        """How many leaves the trees have."""
        return sum(tree.count("leaf=") for tree in booster.get_dump())

    def predict(self, booster: Any, inputs: np.ndarray) -> np.ndarray:
        """Logits (n, classes) of beats (n, 187, 1)."""
        return _trees(self._experiment).logits(booster, inputs)


def _trees(experiment: Experiment) -> Trees:
    if not isinstance(experiment.task, Classification):
        raise InputError(
            f"model xgboost: found task {experiment.config.task!r}, wanted heartbeat or arrhythmia; choose another "
            "--model"
        )
    return cast(Trees, experiment.model)


def _arrays(experiment: Experiment, side: str) -> tuple[np.ndarray, np.ndarray]:
    arrays = experiment.examples.take(experiment.split[side])
    return arrays["input"], arrays["target"]


def load_trees(workdir: Workdir) -> Any:
    """The run's booster, cut after its best round."""
    path = workdir.path / FILE
    if not path.is_file():
        raise InputError(f"{path}: found no such file, wanted trained trees; `cardiax train` has not finished yet")
    xgboost = import_xgboost()
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except xgboost.core.XGBoostError as error:
        raise InputError(
            f"{path}: found trees that cannot be read ({str(error).splitlines()[0]}), wanted whole ones; remove it to "
            "train anew"
        ) from error
    return booster
