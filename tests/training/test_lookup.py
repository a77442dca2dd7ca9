"""Looking up what a config names: each mistake is refused before anything is read or trained."""

import math

import pytest

from cardiax.config import with_overrides
from cardiax.errors import InputError
from cardiax.models.reference_xgboost import Trees
from cardiax.models.resnet1d import ResNet1D
from cardiax.recipes import recipe
from cardiax.training.lookup import look_up


def test_what_a_config_names():
    task, dataset, model = look_up(recipe("heartbeat", "kaggle_heartbeat/ptbdb"), "data")
    assert (task.name, dataset.name) == ("heartbeat", "kaggle_heartbeat/ptbdb")
    assert isinstance(model, ResNet1D)
    assert (model.outputs, model.axis_name) == (2, "data")
    look_up(with_overrides(recipe("arrhythmia"), {"model_args": {"hidden": 0, "dropout_rate": 0, "widths": (1,)}}))
    trees = look_up(with_overrides(recipe("arrhythmia"), {"model": "xgboost", "model_args": {"depth": 2}}))[2]
    assert isinstance(trees, Trees)
    assert (trees.outputs, trees.depth) == (5, 2)


@pytest.mark.parametrize(
    ("task", "fields", "message"),
    [
        ("activation", {"dataset": "simulated_heartbeat"}, "cannot learn from simulated_heartbeat"),
        ("activation", {"model": "resnet1d"}, "which does not read twelve leads"),
        ("activation", {"balance": "weights"}, "balance: found weights, which has no effect"),
        ("heartbeat", {"model_args": {"depth": 2}}, "unknown field of model resnet1d 'depth'"),
        ("heartbeat", {"model_args": {"widths": ()}}, r"model_args: found widths=\(\), expected a value like \(32, 64"),
        ("heartbeat", {"model_args": {"widths": (8, 0)}}, r"found widths=\(8, 0\)"),
        ("heartbeat", {"model_args": {"widths": (8, 9.0)}}, r"found widths=\(8, 9.0\)"),
        ("heartbeat", {"model_args": {"kernel": -1}}, "found kernel=-1, expected a value like 5"),
        ("heartbeat", {"model_args": {"kernel": True}}, "found kernel=True"),
        ("heartbeat", {"model_args": {"dropout_rate": 1}}, "found dropout_rate=1"),
        ("heartbeat", {"model_args": {"dropout_rate": math.nan}}, "found dropout_rate=nan"),
        ("heartbeat", {"model": "xgboost", "model_args": {"alpha": -0.1}}, "found alpha=-0.1"),
        ("heartbeat", {"optimizer.name": "adamm"}, "unknown optimizer.name 'adamm'"),
    ],
)
def test_what_does_not_fit_is_refused(task, fields, message):
    with pytest.raises(InputError, match=message):
        look_up(with_overrides(recipe(task), fields))
