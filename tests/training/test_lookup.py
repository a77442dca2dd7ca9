"""Looking up what a config names: each mistake is refused before anything is read or trained."""

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
        ("heartbeat", {"optimizer.name": "adamm"}, "unknown optimizer.name 'adamm'"),
    ],
)
def test_what_does_not_fit_is_refused(task, fields, message):
    with pytest.raises(InputError, match=message):
        look_up(with_overrides(recipe(task), fields))
