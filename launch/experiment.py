"""What training and evaluation share: a config and a data folder become task, examples, split, model and evaluator."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn
import numpy as np
from jax.sharding import Mesh

from cardiax import datasets
from cardiax.catalog import find_dataset
from cardiax.config import Config
from cardiax.data import Arrays, fingerprint, padded_batches
from cardiax.errors import InputError, unknown
from cardiax.models import build_model
from cardiax.parallel import divide, map_eval_step, process_share
from cardiax.splits import Split, draw_split
from cardiax.step import AXIS, make_eval_step
from cardiax.tasks import Classification, find_task

EVALUATION_BATCH = 1024
"""Examples an evaluation step, over all devices, rounded up to a multiple of their number."""


@dataclass(frozen=True)
class Experiment:
    """A config with everything that it names looked up and loaded.

    Attributes:
      config: the experiment.
      task: its objective.
      model: the module, for use inside a mapped step.
      arrays: all examples, `input` (n, ...) and `target` (n, ...).
      split: `train`, `validation`, `test`: indices into `arrays`.
      fingerprints: SHA-256 of the examples and of the split.
    """

    config: Config
    task: Classification
    model: nn.Module
    arrays: Arrays
    split: Split
    fingerprints: dict[str, str]


def load_experiment(config: Config, data_dir: Path, say: Callable[[str], None]) -> Experiment:
    """Look everything up that `config` names, cheapest first, so that a mistake is told before any work is done."""
    task = find_task(config.task)
    dataset = find_dataset(config.dataset)
    model = build_model(config.model, task.outputs, AXIS, config.model_args)
    if config.split not in dataset.protocols:
        raise unknown(f"split of {dataset.name}", config.split, dataset.protocols)
    task.check(dataset)
    if dataset.built_in:
        say(
            f"data: {dataset.name}, made by cardiax itself; for real beats run `cardiax prepare kaggle_heartbeat` and "
            "train with --dataset kaggle_heartbeat/mitbih"
        )
        datasets.prepare(dataset.name, data_dir, report=say)
    parts = datasets.load(dataset.name, data_dir)
    beats = {key: np.concatenate([part[key] for part in parts.values()]) for key in ("beat", "label")}
    sizes = {name: len(part["label"]) for name, part in parts.items()}
    split = draw_split(config.split, beats["beat"], beats["label"], sizes)
    for name, indices in split.items():
        if not len(indices):
            raise InputError(
                f"{dataset.name} in {data_dir}: found {len(beats['label'])} beats, too few for the split "
                f"{config.split!r}: {name} would be empty; wanted more beats of each class"
            )
    fingerprints = {"dataset": fingerprint(beats["beat"], beats["label"]), "split": fingerprint(*split.values())}
    return Experiment(config, task, model, task.arrays(beats, dataset), split, fingerprints)


class Evaluator:
    """Measures variables on a split, exactly: every example counts once, whatever the batch size and the devices."""

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._experiment = experiment
        self._mesh = mesh
        self._batch_size = -(-EVALUATION_BATCH // mesh.size) * mesh.size
        self._step = map_eval_step(make_eval_step(experiment.task, experiment.model), mesh)

    def __call__(self, variables: Any, split: str) -> dict[str, Any]:
        """`task.summarize` of all examples of the split `train`, `validation` or `test`."""
        indices = self._experiment.split[split]
        measured: list[dict[str, np.ndarray]] = []
        for places, count in padded_batches(len(indices), self._batch_size):
            share = indices[process_share(places)]
            batch = divide({name: array[share] for name, array in self._experiment.arrays.items()}, self._mesh)
            measures = self._step(variables, batch)
            measured.append({name: np.asarray(value)[:count] for name, value in measures.items()})
        together = {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}
        return self._experiment.task.summarize(together)
