"""The interface of a task to training and evaluation, with what most tasks have in common."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import Dataset
from cardiax.config import AugmentationConfig, Config, leaves
from cardiax.errors import InputError
from cardiax.tasks.plain_report import Report, mean_of

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""Function from the outputs (B, ...) and targets (B, ...) of a batch to the loss of each example (B,)."""


class Task:
    """An objective, as constants and pure functions; a subclass has at least what raises `NotImplementedError` here.

    Only `with_noise` may be missing.

    Attributes:
      name: name on the command line.
      summary: the question that the task answers.
      kind: `Dataset.kind` of the datasets for this task.
      outputs: width of the model's output.
      selection: validation metric that selects the best checkpoint.
      higher_is_better: True if the highest value of `selection` is the best, False if the lowest is.
      report: the metrics, table and plots of an evaluated split.
      meaningless: config fields that do not apply to the task.
      evaluation_batch: examples per evaluation step over all devices, rounded up to a multiple of their number.
    """

    name: str
    summary: str
    kind: str
    outputs: int
    selection: str
    report: Report
    higher_is_better: bool = False
    evaluation_batch: int = 256
    meaningless: tuple[str, ...] = (
        "label_smoothing",
        "balance",
        "per_class",
        *(name for name in leaves(AugmentationConfig(), "augmentation.") if name != "augmentation.extra"),
    )

    def of(self, dataset: Dataset) -> "Task":
        """Return the task for a dataset, e.g. for the classes of your own."""
        del dataset
        return self

    def shapes(self, dataset: Dataset) -> dict[str, tuple[int, ...]]:
        """Return name → shape of each input of one example of the dataset."""
        raise NotImplementedError

    def check(self, dataset: Dataset) -> None:
        """Raise `InputError` if the dataset cannot be used for this task."""
        if dataset.kind != self.kind:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found examples of the kind {dataset.kind!r}, "
                f"expected {self.kind!r}; choose another --dataset"
            )

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset, /) -> dict[str, np.ndarray]:
        """Return the inputs by name and `target`, each (n, ...), from the features of a dataset's examples."""
        raise NotImplementedError

    def augment(
        self, key: jax.Array, inputs: dict[str, jax.Array], target: jax.Array, config: AugmentationConfig, /
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Apply random augmentation to one training example; without any, see `meaningless`."""
        del key, config
        return inputs, target

    def with_noise(
        self, inputs: dict[str, np.ndarray], noise: np.ndarray, index: np.ndarray, /
    ) -> Callable[[float], dict[str, np.ndarray]]:
        """Return a function from a signal-to-noise ratio, dB, to the inputs (n, ...) with recorded noise (m, 2)."""
        raise NotImplementedError

    @property
    def knows_noise(self) -> bool:
        """True if a subclass has `with_noise`; without it the task is not tested with noise."""
        return type(self).with_noise is not Task.with_noise

    def without_leads(self, inputs: dict[str, np.ndarray], /) -> dict[str, dict[str, np.ndarray]]:
        """Return lead → the inputs without it, for the leads that a network should do without: none."""
        del inputs
        return {}

    def shares(self, config: Config, targets: np.ndarray) -> np.ndarray | None:
        """Return the sampling weight of each training example (n,), or None if each is drawn once per epoch.

        `targets` are as in `training_loss`.
        """
        del config, targets
        return None

    def training_loss(self, config: Config, targets: np.ndarray) -> Loss:
        """Return the training loss of `config`; `targets` are all training classes (n,), or (n, 0) without classes."""
        raise NotImplementedError

    def combine(self, outputs: jax.Array, /) -> jax.Array:
        """Return the outputs (B, ...) of an ensemble from those of its members (M, B, ...): their mean."""
        return jnp.mean(outputs, axis=0)

    def measure(self, outputs: jax.Array, target: jax.Array, /) -> dict[str, jax.Array]:
        """Return the values that evaluation stores for each example, arrays (B, ...), among them `loss`."""
        raise NotImplementedError

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the metrics of a split from the values of `measure` for all its examples, and the mean `loss`."""
        return measured | {"loss": float(np.mean(measured["loss"], dtype=np.float64))}

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        """Return the scalar metrics of `summarize` that are written to metrics.csv: the loss and the report's means."""
        means = {name: mean_of(figures[name]) for name in self.report.units}
        return {"loss": figures["loss"]} | means
