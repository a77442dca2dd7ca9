"""The systems that are compared."""

import pytest

from cardiax.baselines import SYSTEMS, find_system
from cardiax.catalog import find_dataset
from cardiax.config import with_overrides
from cardiax.models import MODELS, TREES, build_model
from cardiax.recipes import recipe
from cardiax.tasks import TASKS, check_config


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, systems in SYSTEMS.items() for name in systems])
def test_every_system_is_an_experiment_that_can_be_asked(task, name):
    fields = dict(find_system(task, name).fields)
    dataset = find_dataset(fields.pop("dataset", recipe(task).dataset))
    config = with_overrides(recipe(task, dataset.name), fields)
    model = build_model(config.model, TASKS[task].outputs, args=config.model_args)
    assert type(model) in (MODELS | TREES).values()
    check_config(TASKS[task], config)
    for protocol in find_system(task, name).protocols:
        assert protocol in dataset.protocols


@pytest.mark.parametrize("task", SYSTEMS)
def test_our_own_system_is_the_recipe_and_the_others_learn_from_the_data_as_they_are(task):
    assert not SYSTEMS[task]["cardiax"].fields
    for name, system in SYSTEMS[task].items():
        if name.startswith("cardiax") or "xgboost" in name:
            continue
        config = with_overrides(recipe(task), system.fields)
        augmentation = vars(config.augmentation)
        assert not any(value for field, value in augmentation.items() if field != "shift"), name
        assert (config.optimizer.name, config.optimizer.learning_rate, config.ema) == ("adam", 1e-3, 0)
