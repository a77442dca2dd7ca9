"""Populations: several runs in one program, the train step mapped over members and the fields that they differ in.

A member computes the same as its run alone on one device, with the keys of its own seed and its own batch order. Only
rounding differs: a traced field is rounded to float32 before it is used, and `vmap` merges the members' convolutions
into a grouped convolution, which sums in another order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from cardiax.config import Config, enabled, leaves, to_dict, with_leaves
from cardiax.models import TREES
from cardiax.tasks import Task
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import Shapes, TrainState, create_state
from cardiax.training.step import Batch, make_train_step

SWITCHES = (
    "ema",
    "optimizer.clip_norm",
    "augmentation.stretch",
    "augmentation.warp",
    "augmentation.noise",
    "augmentation.mixup",
    "augmentation.electrode_gain",
    "augmentation.drop_lead",
    "augmentation.rotate_leads",
)
"""Fields that may differ between members unless one has 0, since 0 removes their code from the program."""

VARYING = ("seed", "label_smoothing", "optimizer.learning_rate", "optimizer.weight_decay", *SWITCHES)
"""Fields that may differ between the members of one program. All others determine a shape, a count or a branch, or are
read on the host."""

Values = dict[str, jax.Array]
PopulationStep = Callable[[TrainState, Values, Batch], tuple[TrainState, jax.Array]]


def groups(configs: Sequence[Config]) -> list[list[int]]:
    """Return the indices of configs that can be trained together, groups in order of their first config.

    Configs of a group differ in fields of `VARYING` only, and a field of `SWITCHES` is 0 in all of them or in none. A
    run with `patience` may stop at any evaluation and gradient-boosted trees have no steps, so each is its own group.
    """
    found: dict[Any, list[int]] = {}
    for index, config in enumerate(configs):
        alone = config.patience > 0 or config.model in TREES
        found.setdefault(index if alone else _program(config), []).append(index)
    return list(found.values())


def _program(config: Config) -> str:
    """Return a key that is equal for configs that fit in one program."""
    fields = to_dict(config)
    common = {name: value for name, value in fields.items() if name not in VARYING}
    return repr((common, [enabled(fields[name]) for name in SWITCHES]))


def varying_values(configs: Sequence[Config]) -> dict[str, np.ndarray]:
    """Return the seed and the fields in which configs of one group differ: name → float32 (M,), the seed int32.

    Raises:
      ValueError: if the configs belong to several groups.
    """
    if len(groups(configs)) != 1:
        raise ValueError(f"found configs of {len(groups(configs))} groups, expected one group to train together")
    members = [leaves(config) for config in configs]
    columns = {name: [member[name][1] for member in members] for name in VARYING}
    return {
        name: np.asarray(column, np.int32 if name == "seed" else np.float32)
        for name, column in columns.items()
        if name == "seed" or len(set(column)) > 1
    }


def create_population(model: nn.Module, config: Config, steps: int, shapes: Shapes, values: Values) -> TrainState:
    """Create the initial states of M members, each leaf with a leading axis (M,). Pure; may be jitted.

    `config` is that of any member, `steps` the number of steps of the run, and `values` are from `varying_values`.
    """

    def create_member(own: Values) -> TrainState:
        tx = make_optimizer(with_leaves(config, own).optimizer, steps)
        return create_state(model, tx, own["seed"], shapes, config.ema > 0)

    return jax.vmap(create_member)(values)


def make_population_step(
    task: Task, model: nn.Module, config: Config, steps: int, targets: np.ndarray, unroll: bool
) -> PopulationStep:
    """Make the training step of M members: (states, values, batches) → (states, losses (M,)), each leaf (M, ...).

    It maps `make_train_step` over members; `cardiax.training.device_mesh.map_population_step` maps it over devices.

    Args:
      task: task of all members.
      model: network with `axis_name=AXIS`.
      config: configuration of any member; its varying fields are replaced by `values`, from `varying_values`.
      steps: number of steps of the run.
      targets: targets of the training split (n, ...), as for `Task.training_loss`.
      unroll: True to compute members one after the other instead of with `vmap`. Compilation then takes about as long
        as for the members separately. XLA's CPU backend has no fast grouped convolution: there a step of four members
        takes 3.8 times as long as that of one, and 7.0 times under `vmap` (2 cores, `resnet1d`).
    """

    def member_step(state: TrainState, own: Values, batch: Batch) -> tuple[TrainState, jax.Array]:
        member = with_leaves(config, own)
        tx = make_optimizer(member.optimizer, steps)
        return make_train_step(task, model, tx, member, task.training_loss(member, targets))(state, batch)

    if not unroll:
        return jax.vmap(member_step)

    def one_by_one(state: TrainState, values: Values, batch: Batch) -> tuple[TrainState, jax.Array]:
        def at(index: int) -> tuple[TrainState, jax.Array]:
            return member_step(*jax.tree.map(lambda leaf: leaf[index], (state, values, batch)))

        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(at, range(len(values["seed"]))))

    return one_by_one
