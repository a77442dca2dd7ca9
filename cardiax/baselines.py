"""The baselines: each a name and the config fields that differ from the recipe of its task.

`cardiax` is our own recipe. The others are the networks and gradient-boosted trees of the reference projects, with
their preprocessing, class balancing, optimizer and batch size as far as these are published. Every difference is a
field of `cardiax.config` and can be set from the command line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cardiax.catalog import FOLDS
from cardiax.config import AugmentationConfig, leaves
from cardiax.errors import unknown

Fields = dict[str, Any]
"""Name → value."""


@dataclass(frozen=True)
class System:
    """A baseline of one task.

    Attributes:
      summary: description in a few words.
      fields: dotted name → value of each config field that differs from the task's recipe.
      protocols: protocols that it is evaluated with; empty for all.
    """

    summary: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    protocols: tuple[str, ...] = ()


_ADAM = {
    "optimizer.name": "adam",
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "constant",
    "optimizer.warmup": 0.0,
    "optimizer.clip_norm": 0.0,
    "ema": 0.0,
    **{name: {} if value == {} else 0 for name, (_, value) in leaves(AugmentationConfig(), "augmentation.").items()},
}
"""Adam at learning rate 1e-3 without augmentation, as all reference networks were trained."""

_BY_PATIENT = ("patient", *FOLDS)
_BY_RECORD = {"dataset": "physionet_mitbih/patient"}


def _of_beats(per_class: int, cnn: Fields, field_cnn: Fields, trees: Fields) -> dict[str, System]:
    """Return the reference systems for beats, from their `per_class` and the `model_args` of each model."""
    balanced = {"balance": "none", "label_smoothing": 0.0, "per_class": per_class}
    network = _ADAM | balanced | {"batch_size": 64, "epochs": 100}
    boosted = balanced | {"model": "xgboost"}
    on_fields = {"model": "field_cnn", "model_args": field_cnn}
    return {
        "cnn": System("1-D CNN", network | {"model": "reference_cnn", "model_args": cnn}),
        "field_cnn": System("2-D CNN on Gramian angular fields", network | on_fields),
        "field_cnn_64": System(
            "the same on fields of 64 × 64", network | on_fields | {"model_args": field_cnn | {"size": 64}}
        ),
        "xgboost": System("XGBoost on beats", boosted | {"model_args": trees}),
        "xgboost_field": System("XGBoost on Gramian angular fields", boosted | {"model_args": {"field": 224}}),
        "xgboost_field_32": System("the same on fields of 32 × 32", boosted | {"model_args": {"field": 32}}),
    }


SYSTEMS: dict[str, dict[str, System]] = {
    "heartbeat": {"cardiax": System("residual network")} | _of_beats(3236, {}, {}, {}),
    "arrhythmia": {
        "cardiax": System("residual network"),
        "cardiax_rr": System(
            "residual network on both leads, with intervals and the patient's median beat", _BY_RECORD, _BY_PATIENT
        ),
        "cardiax_rr_pauses": System(
            "the same, with simulated rhythms with pauses, designed with knowledge of record 232 of DS2",
            _BY_RECORD | {"augmentation.pauses": 0.12},
            _BY_PATIENT,
        ),
        **_of_beats(
            16078,
            cnn={"dropout_rate": 0.3, "z_score": True},
            field_cnn={"channels": (64, 32, 16), "dropout_rate": 0.3},
            trees={"z_score": True},
        ),
    },
    "activation": {
        "cardiax": System("residual network"),
        "cnn": System("1-D CNN", _ADAM | {"model": "activation_cnn", "epochs": 8000}),
        "squeezenet": System(
            "1-D SqueezeNet", _ADAM | {"model": "activation_squeezenet", "epochs": 1000, "augmentation.shift": 40}
        ),
    },
    "transmembrane": {
        "cardiax": System("residual network with an action potential template"),
        "bilstm": System("CNN and BiLSTM", _ADAM | {"model": "transmembrane_bilstm", "epochs": 4000, "batch_size": 64}),
        "squeezenet": System(
            "fully convolutional SqueezeNet",
            _ADAM | {"model": "transmembrane_squeezenet", "epochs": 1000, "augmentation.shift": 40},
        ),
    },
}
"""Task → name → baseline. CinC 2022 does not state how long its networks were trained; 1000 epochs is our choice."""


def find_system(task: str, name: str) -> System:
    """Return the baseline `name` of `task`, or raise `InputError` with the closest match and all names."""
    if name not in SYSTEMS.get(task, {}):
        raise unknown(f"baseline of {task}", name, SYSTEMS.get(task, {}))
    return SYSTEMS[task][name]
