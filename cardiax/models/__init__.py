"""The models: a dict from name to Flax module.

A model maps inputs (B, ...) to outputs (B, ...): `module(leads, train)`, and the other inputs that it reads by name,
such as `rr`. The task sets its field `outputs`, the width of the output, and the step `axis_name`, the mapped axis over
which the batch is divided, or None; all others can be set from the command line, e.g. `--model_args dropout_rate=0.1`.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from cardiax.catalog import Dataset
from cardiax.errors import InputError, check_new, unknown
from cardiax.models.heart_networks import ActivationResNet, VoltageTemplate
from cardiax.models.reference_bilstm import TransmembraneBiLSTM
from cardiax.models.reference_cnn import ActivationCNN, ReferenceCNN
from cardiax.models.reference_field_cnn import FieldCNN
from cardiax.models.reference_squeezenet import ActivationSqueezeNet, TransmembraneSqueezeNet
from cardiax.models.reference_xgboost import Trees
from cardiax.models.resnet1d import ResNet1D
from cardiax.nn.mixed_precision import InBfloat16

MODELS: dict[str, type[nn.Module]] = {}

TREES: dict[str, type[Trees]] = {"xgboost": Trees}
"""Models that are not networks; `cardiax.launch.loops.boosting_loop` trains them."""

READS: dict[str, tuple[str, ...]] = {"xgboost": ("beat",)}
"""Model → the inputs that it supports: `beat` (`leads` alone, a single one), `leads` (several of them), `record`
(`leads`, `deviation` and `rr`, see `cardiax.tasks.beat_classification`), or a task on twelve leads."""


def register(name: str, module: type[nn.Module], reads: tuple[str, ...]) -> None:
    """Make a Flax module of your own a model, for `--model name`, which can read what `READS` lists.

    It is called as `module(leads, train)`, for `record` also with `deviation` and `rr` by name. It has the fields
    `outputs` and `axis_name`; every other field needs a default and may be set by `--model_args`. Raises `ValueError`
    if another model has that name.
    """
    check_new("model", MODELS, name, module, taken=TREES)
    MODELS[name], READS[name] = module, reads


register("reference_cnn", ReferenceCNN, reads=("beat", "leads"))
register("field_cnn", FieldCNN, reads=("beat",))
register("resnet1d", ResNet1D, reads=("beat", "leads", "record"))
register("activation_cnn", ActivationCNN, reads=("activation",))
register("activation_squeezenet", ActivationSqueezeNet, reads=("activation",))
register("activation_resnet", ActivationResNet, reads=("activation",))
register("transmembrane_bilstm", TransmembraneBiLSTM, reads=("transmembrane",))
register("transmembrane_squeezenet", TransmembraneSqueezeNet, reads=("transmembrane",))
register("voltage_template", VoltageTemplate, reads=("transmembrane",))

_GIVEN = {"outputs", "axis_name", "parent", "name"}


def check_reads(name: str, task: str, dataset: Dataset) -> None:
    """Raise `InputError` if the model does not support the task's inputs for the dataset."""
    of_beats = "record" if dataset.by_record else "leads" if dataset.shape[1] > 1 else "beat"
    expected = of_beats if dataset.kind == "beat" else task
    if name not in READS:
        raise unknown("model", name, READS)
    if expected not in READS[name]:
        fitting = ", ".join(model for model, read in READS.items() if expected in read)
        what = {
            "beat": "beats of one lead",
            "leads": "beats of several leads",
            "record": "several leads with RR features",
        }
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
    """Build the module or `Trees` of a model, wrapped in `InBfloat16` for the precision `bfloat16`.

    `args` are the fields of the module that differ from its defaults. It is an `InputError` if the model or a field is
    unknown, a value has another type than the field's default or is too small, or `Trees` have another precision.
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
        if not _fits(value, default) or (key == "dropout_rate" and isinstance(default, float) and value >= 1):
            raise InputError(f"model_args: found {key}={value!r}, expected a value like {default!r}")
    model = module(outputs=outputs, axis_name=axis_name, **(args or {}))
    if precision == "float32":
        return model
    if name in TREES:
        raise InputError(f"precision: found {precision!r}, which has no effect on model {name!r}; expected 'float32'")
    return InBfloat16(model)


def _fits(value: Any, default: Any) -> bool:
    """True for a value of the default's type; a whole number is at least 1, another at least 0, or as small as it.

    Of a tuple, which must not be empty, this holds for each value.
    """
    if isinstance(default, tuple) and default and isinstance(value, tuple):
        return bool(value) and all(_fits(one, default[0]) for one in value)
    if isinstance(default, bool) or not isinstance(default, int | float):
        return isinstance(value, type(default))
    kind, least = (int, 1) if isinstance(default, int) else (int | float, 0)
    return isinstance(value, kind) and not isinstance(value, bool) and min(least, default) <= value < math.inf
