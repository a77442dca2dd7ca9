"""The objectives, one dict: what goes in, what comes out, the loss and the figures of merit.

A task is data and pure functions; it knows neither files nor models. A new objective is a new entry in `TASKS`.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH, Dataset
from cardiax.errors import InputError, unknown
from cardiax.losses import cross_entropy
from cardiax.metrics import classification_metrics, confusion_matrix


@dataclass(frozen=True)
class Classification:
    """One beat, float32 (187, 1), min-max scaled and zero-padded, to one of C classes.

    Attributes:
      name: what the command line calls it.
      summary: the question that it answers.
      classes: names of the C classes; target i is `classes[i]`.
      merged: for a dataset with other class names, the class of ours that each of its classes counts as.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    merged: dict[tuple[str, ...], tuple[str, ...]]

    input_shape = (BEAT_LENGTH, 1)
    selection = "macro_f1"
    """The validation figure that picks the best checkpoint."""

    @property
    def outputs(self) -> int:
        """Width of the model's output."""
        return len(self.classes)

    def check(self, dataset: Dataset) -> None:
        """Raise `InputError` where the dataset's labels do not answer this task's question."""
        if dataset.classes != self.classes and dataset.classes not in self.merged:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found labels {', '.join(dataset.classes)}, "
                f"wanted {', '.join(self.classes)}; choose another --dataset"
            )

    def arrays(self, beats: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Examples for the model, from a dataset that passes `check`.

        Args:
          beats: `beat` float32 (n, 187) and `label` int (n,), an index into the dataset's classes.
          dataset: where they come from.

        Returns:
          `input` float32 (n, 187, 1) and `target` int32 (n,), an index into the task's classes.
        """
        ours = self.merged.get(dataset.classes, dataset.classes)
        targets = np.asarray([self.classes.index(name) for name in ours], np.int32)[beats["label"]]
        return {"input": beats["beat"][:, :, None], "target": targets}

    def loss(self, logits: jax.Array, target: jax.Array, label_smoothing: float = 0.0) -> jax.Array:
        """Cross entropy of each example, in nats: logits (B, C) and target (B,) → (B,)."""
        return cross_entropy(logits, target, label_smoothing)

    def measure(self, logits: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """What evaluation keeps of each example, each (B,): its predicted class, its own, and its loss in nats."""
        return {"prediction": jnp.argmax(logits, axis=-1), "target": target, "loss": self.loss(logits, target)}

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """The figures of a split from the measures of all its examples, `confusion` (C, C) among them."""
        target, prediction = jnp.asarray(measured["target"]), jnp.asarray(measured["prediction"])
        confusion = np.asarray(confusion_matrix(target, prediction, self.outputs))
        return {
            "loss": float(np.mean(measured["loss"], dtype=np.float64)),
            **classification_metrics(confusion),
            "confusion": confusion,
        }

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        """The figures of `summarize` that metrics.csv keeps, one number each."""
        scalars = {name: float(figures[name]) for name in ("loss", "accuracy", "macro_f1")}
        return scalars | {f"f1_{name}": float(f1) for name, f1 in zip(self.classes, figures["f1"], strict=True)}


TASKS = {
    task.name: task
    for task in (
        Classification(
            name="heartbeat",
            summary="is this beat healthy?",
            classes=("normal", "abnormal"),
            merged={AAMI_CLASSES: ("normal", *["abnormal"] * 4)},
        ),
        Classification(
            name="arrhythmia",
            summary="which AAMI class is this beat?",
            classes=AAMI_CLASSES,
            merged={},
        ),
    )
}


def find_task(name: str) -> Classification:
    """The task of that name; an unknown one is answered with the near match and the list."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
