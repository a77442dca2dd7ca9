"""Architectures: one explicit dict from name to Flax module.

A model maps inputs (B, ...) to outputs (B, ...): `module(x, train)`. It is a dataclass; `outputs` and `axis_name` are
given by the task and the step, every other field may be set from the command line as `--model_args dropout_rate=0.1`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from cardiax.errors import InputError, unknown
from cardiax.models.cnn import ActivationCNN, ReferenceCNN
from cardiax.models.field import FieldCNN
from cardiax.models.intracardiac import ActivationResNet, VoltageTemplate
from cardiax.models.lstm import TransmembraneBiLSTM
from cardiax.models.precision import InBfloat16
from cardiax.models.resnet import ResNet1D
from cardiax.models.squeezenet import ActivationSqueezeNet, TransmembraneSqueezeNet
from cardiax.models.trees import Trees

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
"""Models that are no networks: `cardiax.launch.trees` runs them."""

_GIVEN = {"outputs", "axis_name", "parent", "name"}


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
            raise InputError(f"model_args: found {key}={value!r}, wanted a value like {default!r}")
    model = module(outputs=outputs, axis_name=axis_name, **(args or {}))
    if precision == "float32":
        return model
    if name in TREES:
        raise InputError(f"precision: found {precision!r}, but it means nothing to model {name!r}; wanted 'float32'")
    return InBfloat16(model)
