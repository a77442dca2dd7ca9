"""The configuration of an experiment: frozen dataclasses, validated once and saved in the run folder.

`recipe(task, dataset)` gives the defaults, `with_overrides` applies command line options (for example
`optimizer.learning_rate`), and `to_dict` and `from_dict` convert to and from JSON. The location of the data and the
devices are not part of the config: a config gives bit-identical results wherever it is run.
"""

import ast
import dataclasses
import functools
import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_origin

from cardiax.catalog import find_dataset
from cardiax.errors import InputError, unknown

PRECISIONS = ("float32", "bfloat16")
"""Arithmetic precisions of a network, the default first."""


def setting(default: Any, help: str, *, low: float = -math.inf, high: float = math.inf, choices: tuple[str, ...] = ()):
    """Return a config field with its help text and its allowed values; `low` and `high` are included."""
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


fraction = functools.partial(setting, low=0.0, high=1.0)
"""The same as `setting`, for a value from 0 to 1."""


def pairs(help: str, what: str, numbers: bool = False):
    """Return a config field of `NAME=value` pairs, by default none; an error message names and shows `what`."""
    metadata = {"help": help, "what": what, "numbers": numbers, "choices": ()}
    return field(default_factory=lambda: MappingProxyType({}), metadata=metadata)


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its learning rate schedule."""

    name: str = setting("adamw", "update rule: adamw, muon, adam, sgd, or a registered one")
    learning_rate: float = setting(3e-3, "peak learning rate", low=0.0)
    schedule: str = setting(
        "cosine", "after the warm-up: cosine decay to 0, or constant", choices=("cosine", "constant")
    )
    warmup: float = fraction(0.05, "fraction of all steps in the linear warm-up")
    weight_decay: float = setting(
        0.02, "decoupled weight decay of kernels (adamw, muon), not of biases and scales", low=0.0
    )
    clip_norm: float = setting(1.0, "clip the global gradient norm to this; 0: no clipping", low=0.0)


@dataclass(frozen=True)
class AugmentationConfig:
    """Random augmentation of training examples; each task supports some of the fields (see `cardiax.tasks`).

    The zero padding of a beat is preserved, since its length carries the heart rate. A shift of the twelve leads also
    shifts the target.
    """

    stretch: float = setting(0.04, "time is scaled by a factor drawn uniformly from 1 ± this", low=0.0, high=0.5)
    warp: float = fraction(0.05, "amplitude is scaled by 1 + a slow sine of this standard deviation")
    noise: float = setting(
        0.01,
        "white noise of up to this standard deviation, of the beat's range or of each lead's own",
        low=0.0,
        high=4.0,
    )
    mixup: float = setting(
        0.0, "pairs of examples are mixed with a weight from Beta(this, this); 0: off", low=0.0, high=1000.0
    )
    electrode_gain: float = fraction(
        0.0, "each electrode's potential, or a beat, is scaled by 1 + noise of this standard deviation"
    )
    electrode_mixing: float = fraction(
        0.0, "each electrode of twelve leads also records every other, by a factor of this standard deviation"
    )
    shift: int = setting(0, "twelve leads are delayed by up to this, ms, and the target with them", low=0, high=200)
    drop_lead: float = fraction(0.0, "probability that one of twelve leads, or the second lead of a beat, is set to 0")
    rotate_leads: float = fraction(
        0.0, "probability that the two leads of a beat are rotated by a random angle, as if they were two other leads"
    )
    fibrillation: float = fraction(
        0.0,
        "probability that a normal beat gets the RR features of atrial fibrillation, where the dataset has RR features",
    )
    pauses: float = fraction(
        0.0, "the same for AV block or a sick sinus node; the beat becomes supraventricular unless it ends a pause"
    )
    extra: Mapping[str, Any] = pairs(
        "strength of registered augmentations, which follow the others: my_noise=0.1",
        "registered augmentations with their strengths, as in my_noise=0.1",
        numbers=True,
    )


@dataclass(frozen=True)
class Config:
    """The configuration of one experiment."""

    task: str = setting("arrhythmia", "objective")
    dataset: str = setting("simulated_heartbeat", "NAME or NAME/CONFIG, or several to join, separated by commas")
    protocol: str = setting("kaggle", "how the train, validation and test splits are drawn")
    model: str = setting("resnet1d", "architecture, a name in MODELS")
    model_args: Mapping[str, Any] = pairs(
        "fields of the model: dropout_rate=0.1,blocks=3",
        "fields of the model, as in dropout_rate=0.1,widths=(16,32)",
    )
    precision: str = setting(
        PRECISIONS[0],
        "precision of the network's arithmetic; parameters, batch statistics and loss are float32",
        choices=PRECISIONS,
    )
    seed: int = setting(0, "seed of initialisation, batch order, dropout and augmentation", low=0, high=2**31 - 1)
    epochs: int = setting(36, "passes over the training split", low=1)
    steps: int = setting(0, "stop after this many steps instead; 0: after `epochs`", low=0)
    batch_size: int = setting(128, "examples per step, over all devices", low=1)
    reproducible: int = setting(
        0,
        "compute each batch in this many parts: bit-identical on every number of devices that divides it; 0: off",
        low=0,
        high=64,
    )
    label_smoothing: float = fraction(0.0, "target probability spread evenly over the classes")
    balance: str = setting("none", "correction of class imbalance", choices=("none", "weights", "sampling"))
    per_class: int = setting(
        0, "train on this many examples of each class, drawn once, with repeats if a class has fewer; 0: all", low=0
    )
    balance_power: float = fraction(
        0.5, "examples of a class of share p have weight p^-this; 0: equal weights, 1: equal classes"
    )
    ema: float = fraction(0.999, "decay of the averaged parameters that are evaluated; 0: evaluate the raw parameters")
    patience: int = setting(0, "stop after this many evaluations without a better validation score; 0: never", low=0)
    until: Mapping[str, Any] = pairs(
        "stop at the first evaluation with all of these values on validation, and test it: accuracy=.985,macro_f1=.93",
        "metrics with the values to reach, as in macro_f1=0.93",
        numbers=True,
    )
    imports: str = field(
        default="",
        metadata={
            "help": "your own modules A,B that register models, datasets and more",
            "flag": "import",
            "choices": (),
        },
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    augmentation: AugmentationConfig = AugmentationConfig()


def leaves(config: Any, prefix: str = "") -> dict[str, tuple[dataclasses.Field, Any]]:
    """Return dotted name → (field, value) for every field of a config, including nested ones."""
    found: dict[str, tuple[dataclasses.Field, Any]] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            found |= leaves(value, f"{prefix}{item.name}.")
        else:
            found[prefix + item.name] = (item, value)
    return found


_FORMS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int, str), float: (int, float, str)}


def parse(name: str, item: dataclasses.Field, value: Any) -> Any:
    """Convert `value`, a command line string or a JSON value, to the field's type; `InputError` if it does not fit."""
    metadata = item.metadata
    if get_origin(item.type) is Mapping:
        return MappingProxyType(_pairs(name, value, metadata))
    kind: Any = item.type
    try:
        if isinstance(value, bool) or not isinstance(value, _FORMS[kind]):
            raise ValueError
        parsed: Any = kind(value)
        is_finite = kind is str or math.isfinite(parsed)  # raises OverflowError for an integer of 400 digits
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: found {shown(value)}, expected {_expected(item)}") from error
    if metadata["choices"] and parsed not in metadata["choices"]:
        raise unknown(name, parsed, metadata["choices"])
    if kind is not str and not (is_finite and metadata["low"] <= parsed <= metadata["high"]):
        text = value if isinstance(value, str) else shown(value)
        raise InputError(f"{name}: found {text}, expected {_expected(item)}")
    return parsed


def _expected(item: dataclasses.Field) -> str:
    kind = {int: "a whole number", float: "a number", str: "a name"}[item.type]  # pyright: ignore[reportArgumentType]
    low, high = item.metadata["low"], item.metadata["high"]
    if low == -math.inf:
        return kind
    return f"{kind} from {low:g} to {high:.10g}" if high < math.inf else f"{kind} of {low:g} or more"


def shown(value: Any) -> str:
    """Return a value as an error message shows it; one that Python cannot print, as a huge integer, by its type."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"a value of the type {type(value).__name__}"


def _pairs(name: str, value: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if isinstance(value, Mapping):
            found = dict(value)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of text that is no Python
                call = ast.parse(f"f({value})", mode="eval").body
            if not isinstance(call, ast.Call) or call.args:
                raise ValueError
            found = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        if metadata["numbers"]:
            found = {key: float(item) for key, item in found.items()}
            if not all(map(math.isfinite, found.values())):
                raise ValueError
    except (SyntaxError, TypeError, ValueError, OverflowError, MemoryError, RecursionError) as error:  # also of nesting
        raise InputError(f"{name}: found {shown(value)}, expected {metadata['what']}") from error
    return {key: tuple(item) if isinstance(item, list) else item for key, item in found.items()}


def with_overrides(config: Config, overrides: Mapping[str, Any]) -> Config:
    """Return `config` with the fields of `overrides` (dotted name → value or text), or raise `InputError`."""
    known = leaves(config)
    for name in overrides:
        if name not in known:
            raise unknown("field", name, known)
    changes: dict[str, dict[str, Any]] = {}
    for name, value in overrides.items():
        group, _, leaf = name.rpartition(".")
        changes.setdefault(group, {})[leaf] = parse(name, known[name][0], value)
    top = changes.pop("", {})
    for group, values in changes.items():
        top[group] = dataclasses.replace(getattr(config, group), **values)
    return dataclasses.replace(config, **top)


TREES_READ = {
    "xgboost": ("task", "dataset", "protocol", "model", "model_args", "precision", "seed", "per_class", "imports")
}
"""Model that is not a network → the config fields that it reads."""


def unread(config: Config) -> dict[str, str]:
    """Return field → reason for the fields that have no effect in this experiment."""
    dataset, found = find_dataset(config.dataset), {}
    if config.model in TREES_READ:
        read, reason = TREES_READ[config.model], f"the model {config.model} is not trained in steps"
        return {name: reason for name in leaves(config) if name not in read}
    if config.steps:
        found["epochs"] = f"the run ends after {config.steps} steps"
    if config.optimizer.name in ("adam", "sgd"):
        found["optimizer.weight_decay"] = f"{config.optimizer.name} has no weight decay; --optimizer.name adamw has"
    if config.balance == "none":
        found["balance_power"] = "--balance is none"
    elif config.per_class:
        reason = f"--per_class {config.per_class} draws equally many examples of each class"
        found |= {"balance_power": reason, **({"balance": reason} if config.balance == "weights" else {})}
    if dataset.by_record and not dataset.has_rhythms:
        reason = f"a simulated rhythm has beats of classes N and S, and {dataset.name} has {', '.join(dataset.classes)}"
        found |= {"augmentation.fibrillation": reason, "augmentation.pauses": reason}
    if dataset.by_record:
        found["augmentation.stretch"] = (
            f"beats of {dataset.name} are not stretched, since their RR features give the time scale"
        )
    elif dataset.kind == "beat":
        reason = f"beats of {dataset.name} have no RR features; those of physionet_mitbih/patient have"
        found |= {"augmentation.fibrillation": reason, "augmentation.pauses": reason}
        one_lead = f"beats of {dataset.name} have one lead"
        found |= {"augmentation.drop_lead": one_lead, "augmentation.rotate_leads": one_lead}
    return found


def refuse_unread(config: Config, typed: Iterable[str]) -> None:
    """Raise `InputError` if one of the `typed` fields has no effect, unless its value is 0 or "none"."""
    reasons, values = unread(config), leaves(config)
    for name in typed:
        if name in reasons and values[name][1] not in (0, "none", {}):
            raise InputError(f"{name}: found {values[name][1]}, which has no effect: {reasons[name]}; leave it out")


RENAMED = {"split": "protocol"}
"""Former name of a field → its current name."""


def to_dict(config: Config) -> dict[str, Any]:
    """Return dotted name → JSON-serialisable value for every field; the inverse of `from_dict`."""
    return {name: dict(value) if isinstance(value, Mapping) else value for name, (_, value) in leaves(config).items()}


def from_dict(fields: Mapping[str, Any]) -> Config:
    """Return the config of a dict from `to_dict`; absent fields take their defaults and former names are accepted."""
    return with_overrides(Config(), {RENAMED.get(name, name): value for name, value in fields.items()})


def differences(ours: Config, theirs: Config) -> list[str]:
    """Return a line `name: expected OURS, found THEIRS` for each field in which two configs differ."""
    left, right = to_dict(ours), to_dict(theirs)
    return [f"{name}: expected {left[name]!r}, found {right[name]!r}" for name in left if left[name] != right[name]]
