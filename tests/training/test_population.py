"""A population: each member is the run that it is alone, whatever the others do."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.config import Config, enabled, to_dict, with_leaves, with_overrides
from cardiax.models import build_model
from cardiax.recipes import recipe
from cardiax.tasks import TASKS
from cardiax.training.device_mesh import (
    divide,
    divide_members,
    make_mesh,
    make_population_mesh,
    map_population_step,
    map_train_step,
    replicate,
)
from cardiax.training.optimizer import make_optimizer
from cardiax.training.population import (
    SWITCHES,
    VARYING,
    create_population,
    groups,
    make_population_step,
    varying_values,
)
from cardiax.training.state import create_state
from cardiax.training.step import AXIS, make_train_step

TASK = TASKS["arrhythmia"]
STEPS, BATCH = 4, 16
TARGETS = np.arange(50, dtype=np.int32) % 5
MODEL = {"model": "reference_cnn", "model_args": "channels=(4,4,4),widths=(8,8)", "batch_size": BATCH}


def members(count=4, **overrides):
    """Configs that differ in every field that may."""
    return [
        with_overrides(
            Config(),
            MODEL
            | {
                "seed": 7 * i,
                "label_smoothing": 0.1 * i,
                "ema": 0.9 + 0.02 * i,
                "optimizer.learning_rate": 0.005 * (1 + i),
                "optimizer.weight_decay": 4.0 * i,
                "optimizer.clip_norm": 0.5 + 0.5 * i,
                "augmentation.stretch": 0.05 + 0.1 * i,
                "augmentation.warp": 0.05 + 0.1 * i,
                "augmentation.noise": 0.02 + 0.1 * i,
                "augmentation.mixup": 0.2 + 0.3 * i,
                "augmentation.electrode_gain": 0.1 + 0.1 * i,
            }
            | overrides,
        )
        for i in range(count)
    ]


def batch(config, step):
    random = np.random.default_rng([config.seed, step])
    beats = np.where(np.arange(187) < random.integers(60, 188, (BATCH, 1)), random.uniform(0, 1, (BATCH, 187)), 0)
    return {"leads": beats[:, :, None].astype(np.float32), "target": random.integers(0, 5, BATCH).astype(np.int32)}


def network(config):
    return build_model(config.model, TASK.outputs, AXIS, config.model_args)


def alone(config):
    """The fresh state, the one after the steps, and the losses."""
    mesh, model, tx = make_mesh(jax.devices()[:1]), network(config), make_optimizer(config.optimizer, STEPS)
    fresh = jax.device_get(jax.jit(lambda: create_state(model, tx, config.seed, {"leads": (187, 1)}, config.ema > 0))())
    step = map_train_step(make_train_step(TASK, model, tx, config, TASK.training_loss(config, TARGETS)), mesh)
    state, losses = replicate(fresh, mesh), []
    for i in range(STEPS):
        state, loss = step(state, divide(batch(config, i), mesh))
        losses.append(float(loss))
    return fresh, jax.device_get(state), losses


def together(configs, devices, unroll=False):
    """The same of all members, each leaf (M, ...)."""
    mesh, config = make_population_mesh(len(configs), jax.devices()[:devices]), configs[0]
    model, values = network(config), divide_members(varying_values(configs), mesh)
    init = jax.jit(lambda values: create_population(model, config, STEPS, {"leads": (187, 1)}, values))
    fresh = jax.device_get(init(values))
    step = map_population_step(make_population_step(TASK, model, config, STEPS, TARGETS, unroll), mesh)
    state, losses = divide_members(fresh, mesh), []
    for i in range(STEPS):
        batches = [batch(config, i) for config in configs]
        stacked = {name: np.stack([one[name] for one in batches]) for name in batches[0]}
        state, loss = step(state, values, divide_members(stacked, mesh))
        assert len(loss.sharding.device_set) == mesh.size
        losses.append(np.asarray(loss))
    return fresh, jax.device_get(state), np.asarray(losses)


def of(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.fixture(scope="module")
def population():
    return together(members(), devices=1)


@pytest.fixture(scope="module")
def last_alone():
    return alone(members()[-1])


def test_a_member_is_the_run_that_it_is_alone(population, last_alone):
    # The fresh state to the bit. Then 1 - a is taken in float32 and not in float64, and sums in another order, which
    # Adam lifts where a gradient is near 0.
    fresh, state, losses = last_alone
    chex.assert_trees_all_equal(of(population[0], -1), fresh)
    np.testing.assert_allclose(population[2][:, -1], losses, rtol=1e-5)
    chex.assert_trees_all_close(of(population[1], -1), state, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_members_one_after_another_are_the_runs_that_they_are_alone(last_alone):
    fresh, state, losses = together(members()[-2:], devices=1, unroll=True)
    chex.assert_trees_all_equal(of(fresh, -1), last_alone[0])
    np.testing.assert_allclose(losses[:, -1], last_alone[2], rtol=1e-6)
    chex.assert_trees_all_close(of(state, -1), last_alone[1], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_four_devices_train_one_member_each(population):
    fresh, state, losses = together(members(), devices=4)
    chex.assert_trees_all_equal(fresh, population[0])
    np.testing.assert_allclose(losses, population[2], rtol=1e-5)
    chex.assert_trees_all_close(state, population[1], rtol=1e-4, atol=1e-4)


def test_a_member_that_diverges_changes_no_bit_of_another(population):
    configs = members()
    configs[1] = members(**{"optimizer.learning_rate": 1e30})[1]
    _, state, losses = together(configs, devices=1)
    assert not np.isfinite(losses[-1, 1])
    for index in (0, 2, 3):
        np.testing.assert_array_equal(losses[:, index], population[2][:, index])
        chex.assert_trees_all_equal(of(state, index), of(population[1], index))


@pytest.mark.parametrize("task", ["activation", "transmembrane"])
def test_twelve_leads_are_changed_as_alone(task):
    names = [f"augmentation.{name}" for name in ("stretch", "noise", "electrode_gain", "drop_lead")]
    configs = [with_overrides(recipe(task), dict.fromkeys(names, 0.1 + 0.2 * i)) for i in range(2)]
    random = np.random.default_rng(0)
    leads = jnp.asarray(random.normal(size=(500, 12)), jnp.float32)
    target = jnp.asarray(random.uniform(size=(75,) if task == "activation" else (500, 75)), jnp.float32)
    key = jax.random.key(3)

    def augment(own):
        return TASKS[task].augment(key, {"leads": leads}, target, with_leaves(configs[0], own).augmentation)

    values = varying_values(configs)
    assert set(values) == {"seed", *names}
    both = jax.jit(jax.vmap(augment))(values)
    for index, config in enumerate(configs):
        expected = jax.jit(
            lambda config=config: TASKS[task].augment(key, {"leads": leads}, target, config.augmentation)
        )()
        chex.assert_trees_all_close(of(both, index), expected, rtol=1e-4, atol=1e-4)


def test_members_lie_on_as_many_devices_as_divide_them():
    assert [make_population_mesh(count).size for count in (1, 3, 4, 6, 8, 12, 16)] == [1, 1, 4, 2, 8, 4, 8]


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "seed": st.integers(0, 2),
                "optimizer.learning_rate": st.sampled_from([0, 0.1]),
                "augmentation.noise": st.sampled_from([0, 0.1, 0.2]),
                "ema": st.sampled_from([0, 0.9]),
                "optimizer.warmup": st.sampled_from([0, 0.1]),
                "patience": st.sampled_from([0, 1]),
                "model": st.sampled_from(["resnet1d", "xgboost"]),
            },
        ),
        max_size=6,
    )
)
def test_groups_hold_every_config_once_and_differ_only_where_they_may(overrides):
    configs = [with_overrides(Config(), one) for one in overrides]
    found = groups(configs)
    assert sorted(index for group in found for index in group) == list(range(len(configs)))
    fields = [to_dict(config) for config in configs]

    def fit(one, other):
        same = all(one[name] == other[name] for name in one if name not in VARYING)
        return same and all(enabled(one[name]) == enabled(other[name]) for name in SWITCHES)

    for i, one in enumerate(fields):
        for j, other in enumerate(fields[:i]):
            apart = one["patience"] or one["model"] == "xgboost" or not fit(one, other)
            assert any({i, j} <= set(group) for group in found) == (not apart)


def test_values_are_the_seed_and_what_differs():
    configs = [with_overrides(Config(), {"seed": 5, "ema": ema}) for ema in (0.9, 0.99)]
    values = varying_values(configs)
    assert {name: value.dtype.name for name, value in values.items()} == {"seed": "int32", "ema": "float32"}
    np.testing.assert_array_equal(values["seed"], [5, 5])
    np.testing.assert_array_equal(values["ema"], np.float32([0.9, 0.99]))
    with pytest.raises(ValueError, match="2 groups"):
        varying_values([Config(), with_overrides(Config(), {"ema": 0})])
