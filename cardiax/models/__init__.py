"""Architectures: one explicit dict from name to Flax module.

A model maps inputs (B, ...) to outputs (B, ...): `module(x, train)`. It is a dataclass; `outputs` and `axis_name` are
given by the task and the step, every other field may be set from the command line as `--model_args dropout_rate=0.1`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from cardiax.catalog import Dataset
from cardiax.errors import InputError, unknown
from cardiax.models.heart_networks import ActivationResNet, VoltageTemplate
from cardiax.models.reference_bilstm import TransmembraneBiLSTM
from cardiax.models.reference_cnn import ActivationCNN, ReferenceCNN
from cardiax.models.reference_field_cnn import FieldCNN
from cardiax.models.reference_squeezenet import ActivationSqueezeNet, TransmembraneSqueezeNet
from cardiax.models.reference_xgboost import Trees
from cardiax.models.resnet1d import ResNet1D
from cardiax.nn.mixed_precision import InBfloat16

MODELS: dict[str, type[nn.Module]] = {
    "reference_cnn": ReferenceCNN,
    "field_cnn": FieldCNN,
    "resnet1d": ResNet1D,
    "activation_cnn": ActivationCNN,
    "activation_squeezenet": ActivationSqueezeNet,
    "activation_resnet": ActivationResNet,
    "transmembrane_bilstm": TransmembraneBiLSTM,
    "transmembrane_squeezenet": TransmembraneSqueezeNet,
    "voltage_template": VoltageTemplate,
}

TREES: dict[str, type[Trees]] = {"xgboost": Trees}
"""Models that are no networks: `cardiax.launch.loops.boosting_loop` trains them."""

READS: dict[str, tuple[str, ...]] = {
    "reference_cnn": ("beat",),
    "field_cnn": ("beat",),
    "resnet1d": ("beat", "record"),
    "activation_cnn": ("activation",),
    "activation_squeezenet": ("activation",),
    "activation_resnet": ("activation",),
    "transmembrane_bilstm": ("transmembrane",),
    "transmembrane_squeezenet": ("transmembrane",),
    "voltage_template": ("transmembrane",),
    "xgboost": ("beat",),
}
"""What each model is made for: `beat`, one lead of 187 samples; `record`, several leads beside the features of the
rhythm around (see `cardiax.tasks.beat_classification`); or a task on twelve leads."""


def register(name: str, module: type[nn.Module], reads: tuple[str, ...]) -> None:
    """Make a Flax module of your own a model of that name.

    Args:
      name: as `--model` and config.json have it.
      module: called as `module(x, train)`, with the fields `outputs` and `axis_name`. Every other field needs a default
        and may be set by `--model_args`.
      reads: what it can read, see `READS`.

    Raises:
      ValueError: another model has that name.
    """
    if name in READS and MODELS.get(name) is not module:
        raise ValueError(f"found a model {name!r} already, expected a name of its own")
    MODELS[name], READS[name] = module, reads


_GIVEN = {"outputs", "axis_name", "parent", "name"}


def check_reads(name: str, task: str, dataset: Dataset) -> None:
    """Raise `InputError` where the model of that name cannot read what the task makes of the dataset."""
    expected = task if dataset.kind != "beat" else "record" if dataset.by_record else "beat"
    if name not in READS:
        raise unknown("model", name, READS)
    if expected not in READS[name]:
        fitting = ", ".join(model for model, read in READS.items() if expected in read)
        what = {"beat": "beats of one lead", "record": "several leads with the rhythm around a beat"}
        raise InputError(
            f"model: found {name!r}, which does not read {what.get(expected, 'twelve leads for ' + task)}, the "
            f"examples of {dataset.name}; expected one of {fitting}"
        )


def build_model(
    name: str,
    outputs: int,
    axis_name: str | None = None,
    args: Mapping[str, Any] | None = None,
    precision: str = "float32",
) -> Any:
    """The module, or the `Trees`, of that name for `outputs` output channels.

    Args:
      name: a key of `MODELS` or `TREES`.
      outputs: width of the output.
      axis_name: the axis over which the step divides its batch; None outside of a mapped step.
      args: fields of the module that differ from its defaults.
      precision: `float32`, or `bfloat16`: see `InBfloat16`.

    Raises:
      InputError: no such model, no such field, a value of another type than the field's default, or trees in bfloat16.
    """
    models: dict[str, Any] = MODELS | TREES
    if name not in models:
        raise unknown("model", name, models)
    module = models[name]
    fields = {field.name: field for field in dataclasses.fields(module) if field.name not in _GIVEN}
    for key, value in (args or {}).items():
        if key not in fields:
            raise unknown(f"field of model {name}", key, fields)
        default = fields[key].default
        if not isinstance(
            value, int if isinstance(default, int) else (int, float) if isinstance(default, float) else type(default)
        ):
            raise InputError(f"model_args: found {key}={value!r}, expected a value like {default!r}")
    model = module(outputs=outputs, axis_name=axis_name, **(args or {}))
    if precision == "float32":
        return model
    if name in TREES:
        raise InputError(f"precision: found {precision!r}, but it means nothing to model {name!r}; expected 'float32'")
    return InBfloat16(model)
