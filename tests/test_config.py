"""Configs: what is typed, what is written, what is refused."""

import dataclasses
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.catalog import find_dataset
from cardiax.config import Config, differences, from_dict, leaves, to_dict, unread, with_overrides
from cardiax.ecg.augmentation import EXTRA
from cardiax.errors import InputError
from cardiax.recipes import recipe
from cardiax.tasks import find_task
from cardiax.tasks.class_balance import resampled
from cardiax.training.batch_order import Order
from cardiax.training.optimizer import OPTIMIZERS, make_optimizer
from cardiax.training.state import create_state
from cardiax.training.step import AXIS, make_train_step


def test_overrides_reach_nested_fields_and_leave_the_rest():
    config = with_overrides(Config(), {"optimizer.learning_rate": "1e-2", "epochs": "3", "model": "reference_cnn"})
    assert (config.optimizer.learning_rate, config.epochs, config.model) == (0.01, 3, "reference_cnn")
    assert dataclasses.replace(config.optimizer, learning_rate=Config().optimizer.learning_rate) == Config().optimizer


@given(
    seed=st.integers(0, 2**31 - 1),
    learning_rate=st.floats(0, 10, allow_nan=False),
    stretch=st.floats(0, 0.5),
    balance=st.sampled_from(["none", "weights", "sampling"]),
    widths=st.lists(st.integers(1, 256), min_size=1, max_size=4),
)
def test_json_round_trip(seed, learning_rate, stretch, balance, widths):
    config = with_overrides(
        Config(),
        {
            "seed": str(seed),
            "optimizer.learning_rate": repr(learning_rate),
            "augmentation.stretch": stretch,
            "balance": balance,
            "model_args": f"widths={tuple(widths)},dropout_rate=0.1",
        },
    )
    again = from_dict(json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert again.model_args["widths"] == tuple(widths)
    assert differences(config, again) == []


def test_configs_of_earlier_versions_are_read():
    fields = to_dict(with_overrides(Config(), {"protocol": "published"}))
    fields["split"] = fields.pop("protocol")
    assert from_dict(fields).protocol == "published"


def test_differences_name_field_and_both_values():
    assert differences(Config(), with_overrides(Config(), {"seed": 7})) == ["seed: expected 0, found 7"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "0", "epochs: found 0, expected a whole number of 1 or more"),
        ("epochs", "2.5", "epochs: found '2.5', expected a whole number of 1 or more"),
        ("epochs", 2.0, "epochs: found 2.0, expected a whole number"),
        ("epochs", True, "epochs: found True"),
        ("ema", "1.5", "ema: found 1.5, expected a number from 0 to 1"),
        ("ema", "nan", "ema: found nan, expected a number from 0 to 1"),
        ("optimizer.learning_rate", "fast", "optimizer.learning_rate: found 'fast', expected a number"),
        ("optimizer.learning_rate", "inf", "optimizer.learning_rate: found inf"),
        ("balance", "weight", "unknown balance 'weight': did you mean 'weights'? known: none, sampling, weights"),
        ("model", 3, "model: found 3, expected a name"),
        ("augmentation.extra", "mine=high", "augmentation.extra: found 'mine=high', expected registered augmentations"),
        ("augmentation.extra", "mine='high'", "augmentation.extra: found"),
        ("augmentation.extra", {"mine": float("nan")}, "augmentation.extra: found"),
        ("model_args", "widths=(1,", "model_args: found 'widths=(1,', expected fields of the model"),
        ("model_args", "__import__('os')", "model_args: found"),
        ("model_args", "width=open('x')", "model_args: found"),
        ("epoch", "3", "unknown field 'epoch': did you mean 'epochs'? known: augmentation.drop_lead, "),
        ("optimizer", "adam", "unknown field 'optimizer'"),
    ],
)
def test_wrong_values_are_one_line_that_names_them(name, value, message):
    with pytest.raises(InputError) as error:
        with_overrides(Config(), {name: value})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_field_has_help_and_a_default_within_its_own_bounds():
    for name, (item, _) in leaves(Config()).items():
        assert item.metadata["help"], name
    assert from_dict(to_dict(Config())) == Config()


def test_recipe_takes_the_datasets_own_protocol():
    assert recipe("heartbeat", "kaggle_heartbeat/ptbdb").protocol == "published"
    assert recipe("heartbeat", "kaggle_heartbeat").dataset == "kaggle_heartbeat/mitbih"
    with pytest.raises(InputError, match="did you mean 'simulated_heartbeat'"):
        recipe("heartbeat", "simulated_hartbeat")


class Linear(nn.Module):
    """A model that is traced in no time, since what reads a field is the training around it."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, leads, train, **others):
        del train
        inputs = (leads, *others.values())
        x = jnp.concatenate([one.reshape(len(one), -1) for one in inputs], axis=1)
        return nn.Dense(int(np.prod(self.shape)))(x).reshape(-1, *self.shape)


def program(config, targets):
    """All that trains: initialisation and step as jaxprs with their constants, the order of examples, the steps."""
    task, dataset = find_task(config.task), find_dataset(config.dataset)
    own = {"activation": (75,), "transmembrane": (500, 75)}.get(config.task, ())
    model, shapes = Linear(own or (task.outputs,)), task.shapes(dataset)
    if config.per_class:
        targets = targets[resampled(targets, config.per_class, config.seed)]
    order = Order(config.seed, len(targets), config.batch_size, task.shares(config, targets))
    total = config.steps or config.epochs * order.steps_per_epoch
    tx = make_optimizer(config.optimizer, total)

    def train(batch):
        state = create_state(model, tx, config.seed, shapes, config.ema > 0)
        return make_train_step(task, model, tx, config, task.training_loss(config, targets))(state, batch)

    batch = {
        **{name: jax.ShapeDtypeStruct((4, *shape), jnp.float32) for name, shape in shapes.items()},
        "target": jax.ShapeDtypeStruct((4, *own), jnp.float32 if own else jnp.int32),
    }
    traced = jax.make_jaxpr(train, axis_env=[(AXIS, 1)])(batch)
    constants = [np.asarray(constant).tobytes() for constant in traced.consts]
    return str(traced.jaxpr), constants, order.indices(1).tolist(), total


IDENTITY = ("task", "dataset", "protocol", "model", "model_args", "precision", "imports")
"""Fields that name the data and the model."""

PAIRS_AND_NAMES = {"optimizer.name": tuple(OPTIMIZERS), "augmentation.extra": ({"scaled": 0.35},)}
"""Values of the fields that are neither numbers nor one of the choices."""

ON_THE_HOST = ("patience", "until")
"""Fields that the loop reads between evaluations."""


@pytest.mark.parametrize(
    ("task", "dataset", "changes"),
    [
        ("arrhythmia", "simulated_heartbeat", {}),
        ("arrhythmia", "simulated_heartbeat", {"optimizer.name": "adam"}),
        ("arrhythmia", "simulated_heartbeat", {"balance": "weights", "steps": 7}),
        ("arrhythmia", "simulated_heartbeat", {"balance": "sampling", "per_class": 7}),
        ("heartbeat", "kaggle_heartbeat/ptbdb", {"optimizer.name": "sgd"}),
        ("arrhythmia", "physionet_mitbih/patient", {"augmentation.warp": 0.1}),
        ("arrhythmia", "physionet_mitbih/patient,physionet_svdb", {"augmentation.warp": 0.1}),
        ("activation", "simulated_intracardiac", {}),
        ("transmembrane", "simulated_intracardiac", {"optimizer.schedule": "constant"}),
    ],
)
def test_a_field_is_called_unread_exactly_where_another_value_of_it_changes_nothing(
    task, dataset, changes, monkeypatch
):
    monkeypatch.setitem(
        EXTRA, "scaled", lambda key, inputs, target, strength: ({**inputs, "leads": 2 * inputs["leads"]}, target)
    )
    start = with_overrides(recipe(task, dataset), {"batch_size": 5, **changes})
    classes = find_task(task).outputs if find_dataset(dataset).kind == "beat" else 0
    targets = np.arange(40) ** 2 % 7 % classes if classes else np.zeros((40, 0))
    before = program(start, targets)
    silent, refused = set(unread(start)), find_task(task).meaningless
    for name, (item, value) in leaves(start).items():
        if name in (*IDENTITY, *ON_THE_HOST):
            assert name not in silent
            continue
        if name in refused:
            continue  # in every config that asks for it, not only where it is typed
        others = [other for other in item.metadata["choices"] or PAIRS_AND_NAMES.get(name, ()) if other != value]
        other = others[-1] if others else 6 if item.type is int else 0.35
        changed = with_overrides(start, {name: other})
        assert changed != start
        try:
            nothing_changes = program(changed, targets) == before
        except InputError:  # of the step itself
            nothing_changes = True
        assert nothing_changes == (name in silent), name
