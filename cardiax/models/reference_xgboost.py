"""The gradient-boosted trees of the reference heartbeat and arrhythmia projects.

They are trained with XGBoost (Chen and Guestrin 2016, arXiv:1603.02754).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.ecg.augmentation import gramian_angular_field
from cardiax.errors import import_extra
from cardiax.models.reference_scaling import z_score

CHUNK = 4096
"""Number of beats whose Gramian angular fields are computed at once."""


@dataclass(frozen=True)
class Trees:
    """The parameters of XGBoost; the defaults are those of the reference projects.

    Boosting has no training steps, so most fields of the config do not apply (see `cardiax.config.TREES_READ`).

    Attributes:
      outputs: number of classes.
      axis_name: not used.
      trees: number of boosting rounds, each with one tree per class.
      learning_rate: shrinkage.
      depth: maximum depth of a tree.
      alpha, penalty: L1 and L2 regularisation of the leaf weights.
      subsample, columns: fractions of the beats and of the features that each tree is trained on.
      patience: number of rounds without a lower validation loss before training stops; 0: never.
      field: size of the Gramian angular field, whose flattened values are the features; 0: the samples of the beat.
      z_score: True to scale each beat to mean 0 and standard deviation 1.
    """

    outputs: int
    axis_name: str | None = None
    trees: int = 500
    learning_rate: float = 0.1
    depth: int = 4
    alpha: float = 0.1
    penalty: float = 0.1
    subsample: float = 0.8
    columns: float = 0.8
    patience: int = 50
    field: int = 0
    z_score: bool = False

    def features(self, beats: np.ndarray) -> np.ndarray:
        """Return the features of beats (n, 187, 1): float32 (n, 187) or (n, field²)."""
        if self.z_score:
            beats = np.asarray(z_score(jnp.asarray(beats)).scale(jnp.asarray(beats)))
        if not self.field:
            return beats[..., 0]
        make = jax.jit(lambda some: gramian_angular_field(some, self.field).reshape(len(some), -1))
        return np.concatenate([np.asarray(make(beats[i : i + CHUNK, :, 0])) for i in range(0, len(beats), CHUNK)])

    def fit(
        self, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], seed: int
    ) -> tuple[Any, list[dict[str, float]]]:
        """Fit the trees to beats (n, 187, 1) and classes (n,) for training, and the same for validation.

        Returns:
          The booster, truncated after the round with the lowest validation loss, and the losses of all rounds, in nats.
        """
        xgboost = import_extra("xgboost", "model xgboost")
        sides = {
            name: xgboost.DMatrix(self.features(beats), targets)
            for name, (beats, targets) in (("train", train), ("validation", validation))
        }
        found: dict[str, dict[str, list[float]]] = {}
        booster = xgboost.train(
            {
                "objective": "multi:softprob",
                "num_class": self.outputs,
                "eta": self.learning_rate,
                "max_depth": self.depth,
                "alpha": self.alpha,
                "lambda": self.penalty,
                "subsample": self.subsample,
                "colsample_bytree": self.columns,
                "eval_metric": "mlogloss",
                "seed": seed,
            },
            sides["train"],
            self.trees,
            evals=[(matrix, name) for name, matrix in sides.items()],
            early_stopping_rounds=self.patience or None,
            evals_result=found,
            verbose_eval=False,
        )
        pairs = zip(found["train"]["mlogloss"], found["validation"]["mlogloss"], strict=True)
        losses = [
            {"step": index, "train_loss": ours, "validation_loss": theirs}
            for index, (ours, theirs) in enumerate(pairs, 1)
        ]
        best = min(losses, key=lambda row: row["validation_loss"])
        return booster[: int(best["step"])], losses

    def logits(self, booster: Any, beats: np.ndarray) -> np.ndarray:
        """Return the logarithms of the class probabilities, float32 (n, outputs), of beats (n, 187, 1)."""
        matrix = import_extra("xgboost", "model xgboost").DMatrix(self.features(beats))
        return np.log(np.maximum(booster.predict(matrix), 1e-30)).astype(np.float32)
