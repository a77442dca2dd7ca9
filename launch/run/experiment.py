"""What training and evaluation share: the task, examples, split, model and evaluator of a config."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from cardiax import datasets
from cardiax.catalog import NOISE, Dataset, find_dataset
from cardiax.config import Config
from cardiax.datasets.storage.record_files import prepare_command
from cardiax.ecg.beat_windows import resample
from cardiax.errors import InputError, unknown
from cardiax.launch.run.example_store import Examples, load_examples
from cardiax.models import MODELS, TREES
from cardiax.protocols import Split, draw_split
from cardiax.tasks import Task
from cardiax.tasks.class_balance import resampled
from cardiax.tasks.plain_report import Cases
from cardiax.training.batch_order import Arrays, Order, fingerprint, padded_batches
from cardiax.training.device_mesh import divide, map_eval_step, process_share
from cardiax.training.lookup import look_up
from cardiax.training.reproducible_step import map_reproducible_eval
from cardiax.training.step import AXIS, make_eval_step, make_predict_step


def evaluation_batch(task: Task, model: str) -> int:
    """Return the number of examples per evaluation step of the named model."""
    return getattr(MODELS.get(model), "evaluation_batch", task.evaluation_batch)


@dataclass(frozen=True)
class Experiment:
    """A config with everything that it names looked up and loaded.

    Attributes:
      model: Flax module, for use inside a mapped step, or `Trees`.
      examples: all examples, in memory or read on demand.
      origin: metadata of the examples, e.g. the volunteer, each (n,); never shown to the model.
      protocol: how the split was drawn; the protocol of the config, except for `noise`.
      split: indices into `examples` of `train`, `validation` and `test`.
      noises: name → recording (m, 2) at the sampling rate of the examples; empty if the test is without noise.
      fingerprints: SHA-256 of the examples and of the split.
    """

    config: Config
    task: Task
    model: Any
    examples: Examples
    origin: Arrays
    protocol: str
    split: Split
    noises: Arrays
    fingerprints: dict[str, str]

    @property
    def targets(self) -> np.ndarray:
        """The classes of the training split (n,); (n, 0) if targets are not classes."""
        return self.examples.classes[self.split["train"]]

    def cases(self, split: str) -> Cases:
        """Return the examples of a split for `Task.report`."""
        dataset, take = find_dataset(self.config.dataset), self.examples.take
        return Cases(dataset, self.protocol, split, self.split[split], self.origin, take)

    @cached_property
    def order(self) -> Order:
        """The order in which training visits the examples of its split."""
        config, train = self.config, self.split["train"]
        return Order(config.seed, len(train), config.batch_size, self.task.shares(config, self.targets))


def load_experiment(
    config: Config,
    data_dir: Path,
    say: Callable[[str], None],
    memory: float | None = None,
) -> Experiment:
    """Load everything that `config` names, cheapest first, so that a mistake is reported before any work is done.

    Larger sets of examples than `memory`, GiB, by default half of what is available, stay on disk and are read on
    demand; `say` reports a line.
    """
    return load_experiments([config], data_dir, say, memory=memory)[0]


def load_experiments(
    configs: Sequence[Config],
    data_dir: Path,
    say: Callable[[str], None],
    with_noise: bool = False,
    memory: float | None = None,
) -> list[Experiment]:
    """Do as `load_experiment` for configs that differ only in the seed or the number of steps.

    The experiments share the examples.
    """
    config = configs[0]
    task, dataset, model = look_up(config, AXIS)
    if config.protocol not in dataset.protocols:
        raise unknown(f"protocol of {dataset.name}", config.protocol, dataset.protocols)
    with_noise = with_noise or config.protocol == NOISE
    if with_noise and not task.knows_noise:
        raise InputError(f"protocol: found noise, with which the task {task.name!r} is not tested; choose another")
    noises = _load_noises(dataset.rate, data_dir) if with_noise else {}
    if dataset.real:
        what, real = dataset.real
        command = prepare_command(real.split("/")[0], None if data_dir == datasets.default_data_dir() else data_dir)
        say(f"data: {dataset.name}, simulated by cardiax; for {what} run `{command}` and train with --dataset {real}")
        datasets.prepare(dataset.name, data_dir, report=say)
    records = datasets.open_records(dataset.name, data_dir)
    together = {
        "beats that are shown beside their record": dataset.by_record,
        f"the model {config.model}": config.model in TREES,
        "tests with real noise": bool(noises),
    }
    wanting = [what for what, expected in together.items() if expected]
    examples, features, digest = load_examples(records, task, dataset, memory, wanting, say)
    protocol = dataset.drawn_by(config.protocol)
    split = draw_split(dataset, protocol, features, records.parts)
    for name, indices in split.items():
        if not len(indices):
            raise InputError(
                f"{dataset.name} in {data_dir}: found {len(records)} examples, too few for the split "
                f"{protocol!r}: {name} would be empty; expected more of each class or group"
            )
    for line in _remarks(dataset, protocol, task, {name: examples.classes[rows] for name, rows in split.items()}):
        say(line)
    fingerprints = {"dataset": digest, "split": fingerprint(*split.values())}
    origin = {key: array for key, array in features.items() if array.ndim == 1}
    train, targets = split["train"], examples.classes[split["train"]]

    def drawn(config: Config) -> Split:
        if not config.per_class:
            return split
        return split | {"train": train[resampled(targets, config.per_class, config.seed)]}

    return [
        Experiment(config, task, model, examples, origin, protocol, drawn(config), noises, fingerprints)
        for config in configs
    ]


def _remarks(dataset: Dataset, protocol: str, task: Task, targets: dict[str, np.ndarray]) -> list[str]:
    """Tell of your own beats who is on which side of the split, and which classes a side lacks.

    `targets` are the classes (n,) of the examples of each side.
    """
    if not dataset.own:
        return []
    found = []
    if protocol == "random":
        grouped = "group" in dataset.protocols
        why = (
            "by beat, whatever the group" if grouped else f"by beat, since {dataset.made_by} has no groups to split by"
        )
        found.append(
            f"note: the protocol random splits {why}: a patient may be in training and in test, and then the metrics "
            "are too high for new patients"
        )
    classes = getattr(task, "classes", ())
    for name, own in targets.items() if classes else ():
        counts = np.bincount(own, minlength=len(classes))
        if lacking := [one for one, count in zip(classes, counts, strict=True) if not count]:
            found.append(f"note: no {name} example of class {', '.join(lacking)} with the protocol {protocol}")
    return found


def _load_noises(rate: float, data_dir: Path) -> Arrays:
    source = find_dataset("physionet_nstdb")
    found = datasets.load(source.name, data_dir)["noise"]
    return {
        str(name): resample(signal, source.rate, rate).astype(np.float32)
        for name, signal in zip(found["name"], found["signal"], strict=True)
    }


class Evaluator:
    """Evaluates variables on a split; every example counts once, whatever the batch size and the devices."""

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._experiment = experiment
        self._mesh = mesh
        batch, parts = evaluation_batch(experiment.task, experiment.config.model), experiment.config.reproducible
        # In a reproducible run, a device evaluates as many examples at a time, however many devices there are.
        self._batch_size = -(-batch // (parts or mesh.size)) * mesh.size
        mapped = map_reproducible_eval if parts else map_eval_step
        self._step = mapped(make_eval_step(experiment.task, experiment.model), mesh)
        self._predict = map_eval_step(make_predict_step(experiment.model), mesh)

    def __call__(self, variables: Any, split: str, inputs: Arrays | None = None) -> dict[str, Any]:
        """Return `task.summarize` over the split `train`, `validation` or `test`.

        `inputs`, each (n, ...) in the order of the split, replace its own inputs.
        """
        indices = self._experiment.split[split]
        padded = [(process_share(rows), count) for rows, count in padded_batches(len(indices), self._batch_size)]
        measured: list[dict[str, np.ndarray]] = []
        with contextlib.closing(self._experiment.examples.batches(indices[local] for local, _ in padded)) as batches:
            for (local, count), batch in zip(padded, batches, strict=True):
                shown = batch | {name: array[local] for name, array in (inputs or {}).items()}
                measures = self._step(variables, divide(shown, self._mesh))
                measured.append({name: np.asarray(value)[:count] for name, value in measures.items()})
        together = {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}
        return self._experiment.task.summarize(together)

    def parameters(self, variables: Any) -> int:
        """Return the number of learned parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))

    def predict(self, variables: Any, inputs: Arrays) -> np.ndarray:
        """Return the model's outputs (n, ...) for a few inputs, each (n, ...)."""
        count = len(next(iter(inputs.values())))
        rows = np.arange(-(-count // self._mesh.size) * self._mesh.size)
        share = process_share(np.minimum(rows, count - 1))  # the last example is repeated for the remaining devices
        outputs = self._predict(variables, divide({name: array[share] for name, array in inputs.items()}, self._mesh))
        return np.asarray(outputs["output"])[:count]
