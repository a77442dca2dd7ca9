"""A few inputs of a network with their outputs, by which any copy of it can be checked."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from cardiax import datasets
from cardiax.catalog import find_dataset
from cardiax.config import Config, with_overrides
from cardiax.launch.run.experiment import Experiment, load_experiment
from cardiax.tasks import input_shapes
from cardiax.training.batch_order import Arrays
from cardiax.training.step import inputs_of

COUNT = 4
"""Number of examples."""


def prepared_experiment(config: Config, data_dir: Path | None) -> Experiment | None:
    """Return the experiment of a network, with its data; None if no prepared dataset is in `data_dir`."""
    dataset = find_dataset(config.dataset)
    if data_dir is None or not datasets.is_prepared(dataset.name, data_dir):
        return None
    config = with_overrides(config, {"protocol": dataset.drawn_by(config.protocol)})
    return load_experiment(config, data_dir, lambda line: None)


def golden_inputs(config: Config, experiment: Experiment | None) -> tuple[Arrays, str]:
    """Return inputs, name → float32 (4, ...), and a sentence that says what they are.

    They are spread evenly over the test split of `experiment`, or random numbers without it.
    """
    if experiment is not None:
        test = experiment.split["test"]
        rows = test[np.linspace(0, len(test) - 1, COUNT).astype(int)]
        config = experiment.config
        what = f"examples {', '.join(map(str, rows))} of {config.dataset}, of its test split by {config.protocol}"
        return {name: np.asarray(array) for name, array in inputs_of(experiment.examples.take(rows)).items()}, what
    random = np.random.default_rng(0)
    shapes = input_shapes(config).items()
    inputs = {name: random.normal(size=(COUNT, *shape)).astype(np.float32) for name, shape in shapes}
    return inputs, "random numbers of a standard normal distribution, since the data were not at hand"


def golden_file(inputs: Arrays, output: np.ndarray) -> bytes:
    """Return the content of golden.npz: the inputs by name, and `output`."""
    file = io.BytesIO()
    arrays: dict[str, Any] = inputs | {"output": output}
    np.savez_compressed(file, **arrays)
    return file.getvalue()
