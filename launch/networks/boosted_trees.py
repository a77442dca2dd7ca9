"""The XGBoost model of a run: loading it from the run folder and evaluating it like a network."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from cardiax.errors import InputError, import_extra
from cardiax.launch.run import run_sums
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.run_folder import TREES_FILE, Workdir
from cardiax.training.batch_order import Arrays


class TreesEvaluator:
    """The counterpart of `Evaluator` for boosted trees."""

    def __init__(self, experiment: Experiment):
        self._experiment = experiment

    def __call__(self, booster: Any, split: str, inputs: Arrays | None = None) -> dict[str, Any]:
        """Return `task.summarize` over a split, on its own inputs or on `inputs`, each (n, ...)."""
        beats, targets = beats_and_classes(self._experiment, split)
        logits = jnp.asarray(self.predict(booster, inputs or {"leads": beats}))
        measured = self._experiment.task.measure(logits, jnp.asarray(targets))
        return self._experiment.task.summarize({name: np.asarray(value) for name, value in measured.items()})

    def parameters(self, booster: Any) -> int:
        """Return the number of leaves of the trees."""
        return sum(tree.count("leaf=") for tree in booster.get_dump())

    def predict(self, booster: Any, inputs: Arrays) -> np.ndarray:
        """Return logits (n, classes) of the beats `leads` (n, 187, 1)."""
        return self._experiment.model.logits(booster, inputs["leads"])


def beats_and_classes(experiment: Experiment, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the beats (n, 187, 1) and classes (n,) of a split."""
    arrays = experiment.examples.take(experiment.split[side])
    return arrays["leads"], arrays["target"]


def load_trees(workdir: Workdir) -> Any:
    """Return the run's booster, up to its best round.

    Raises `InputError` if the file is missing, damaged or of another run.
    """
    path = workdir.path / TREES_FILE
    if not path.is_file():
        raise InputError(
            f"{path}: found no such file, expected a trained XGBoost model; `cardiax train` has not finished yet"
        )
    content = run_sums.read(path)
    xgboost = import_extra("xgboost", "model xgboost")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise InputError(
            f"{path}: found an XGBoost model that cannot be read ({str(error).splitlines()[0]}), expected a complete "
            "one; remove it to train from the start"
        ) from error
    return booster
