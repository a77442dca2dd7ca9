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
_HEARTBEAT = _ADAM | {"batch_size": 64, "epochs": 100, "per_class": 3236}
_ARRHYTHMIA = _ADAM | {"batch_size": 64, "epochs": 100, "per_class": 16078}
_ARRHYTHMIA_FIELD = {"channels": (64, 32, 16), "dropout_rate": 0.3}

SYSTEMS: dict[str, dict[str, System]] = {
    "heartbeat": {
        "cardiax": System("residual network"),
        "cnn": System("1-D CNN", _HEARTBEAT | {"model": "reference_cnn"}),
        "field_cnn": System("2-D CNN on Gramian angular fields", _HEARTBEAT | {"model": "field_cnn"}),
        "field_cnn_64": System(
            "the same on fields of 64 × 64", _HEARTBEAT | {"model": "field_cnn", "model_args": {"size": 64}}
        ),
        "xgboost": System("XGBoost on beats", {"model": "xgboost", "per_class": 3236}),
        "xgboost_field": System(
            "XGBoost on Gramian angular fields",
            {"model": "xgboost", "per_class": 3236, "model_args": {"field": 224}},
        ),
        "xgboost_field_32": System(
            "the same on fields of 32 × 32", {"model": "xgboost", "per_class": 3236, "model_args": {"field": 32}}
        ),
    },
    "arrhythmia": {
        "cardiax": System("residual network"),
        "cardiax_rr": System(
            "residual network on both leads, with intervals and the patient's median beat",
            {"dataset": "physionet_mitbih/patient"},
            protocols=_BY_PATIENT,
        ),
        "cardiax_rr_pauses": System(
            "the same, with simulated rhythms with pauses, designed with knowledge of record 232 of DS2",
            {"dataset": "physionet_mitbih/patient", "augmentation.pauses": 0.12},
            protocols=_BY_PATIENT,
        ),
        "cnn": System(
            "1-D CNN",
            _ARRHYTHMIA | {"model": "reference_cnn", "model_args": {"dropout_rate": 0.3, "z_score": True}},
        ),
        "field_cnn": System(
            "2-D CNN on Gramian angular fields",
            _ARRHYTHMIA | {"model": "field_cnn", "model_args": _ARRHYTHMIA_FIELD},
        ),
        "field_cnn_64": System(
            "the same on fields of 64 × 64",
            _ARRHYTHMIA | {"model": "field_cnn", "model_args": _ARRHYTHMIA_FIELD | {"size": 64}},
        ),
        "xgboost": System(
            "XGBoost on beats", {"model": "xgboost", "per_class": 16078, "model_args": {"z_score": True}}
        ),
        "xgboost_field": System(
            "XGBoost on Gramian angular fields",
            {"model": "xgboost", "per_class": 16078, "model_args": {"field": 224}},
        ),
        "xgboost_field_32": System(
            "the same on fields of 32 × 32", {"model": "xgboost", "per_class": 16078, "model_args": {"field": 32}}
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
    """Return the baseline `name` of `task`.

    Raises:
      InputError: if the name is unknown; the message has the closest match and all names.
    """
    if name not in SYSTEMS.get(task, {}):
        raise unknown(f"baseline of {task}", name, SYSTEMS.get(task, {}))
    return SYSTEMS[task][name]
