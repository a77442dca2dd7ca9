"""Configs: what is typed, what is written, what is refused."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.config import Config, differences, from_dict, leaves, recipe, to_dict, with_overrides
from cardiax.errors import InputError


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


def test_differences_name_field_and_both_values():
    assert differences(Config(), with_overrides(Config(), {"seed": 7})) == ["seed: wanted 0, found 7"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "0", "epochs: found 0, wanted a whole number of 1 or more"),
        ("epochs", "2.5", "epochs: found '2.5', wanted a whole number of 1 or more"),
        ("epochs", 2.0, "epochs: found 2.0, wanted a whole number"),
        ("epochs", True, "epochs: found True"),
        ("ema", "1.5", "ema: found 1.5, wanted a number from 0 to 1"),
        ("ema", "nan", "ema: found nan, wanted a number from 0 to 1"),
        ("optimizer.learning_rate", "fast", "optimizer.learning_rate: found 'fast', wanted a number"),
        ("optimizer.learning_rate", "inf", "optimizer.learning_rate: found inf"),
        ("balance", "weight", "unknown balance 'weight': did you mean 'weights'? known: none, sampling, weights"),
        ("model", 3, "model: found 3, wanted a name"),
        ("model_args", "widths=(1,", "model_args: found 'widths=(1,', wanted fields of the model"),
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
    assert recipe("heartbeat", "kaggle_heartbeat/ptbdb").split == "published"
    assert recipe("heartbeat", "kaggle_heartbeat").dataset == "kaggle_heartbeat/mitbih"
    with pytest.raises(InputError, match="did you mean 'simulated_heartbeat'"):
        recipe("heartbeat", "simulated_hartbeat")
