"""Several runs in one program: the train step mapped over members, and over the fields in which their configs differ.

A member computes what the same run computes alone on one device: its keys come from its own seed and its examples in
its own order. Only rounding differs: a traced field is rounded to float32 before it is used, and `vmap` makes one
grouped convolution of the members' convolutions, which takes its sums in another order.
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
from cardiax.training.state import TrainState, create_state
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
)
"""Fields that may differ between members as long as none has 0, which leaves their code out of the program."""

VARYING = ("seed", "label_smoothing", "optimizer.learning_rate", "optimizer.weight_decay", *SWITCHES)
"""Fields that may differ between the members of one program. Every other one decides a shape, a count or a branch, or
is read on the host."""

Values = dict[str, jax.Array]
PopulationStep = Callable[[TrainState, Values, Batch], tuple[TrainState, jax.Array]]


def groups(configs: Sequence[Config]) -> list[list[int]]:
    """The places of the configs that can be trained together, in order of the first of each.

    They are equal but for `VARYING`, and where one has 0 in a field of `SWITCHES` all have. A run with `patience` ends
    when it likes, and trees have no steps: each is alone.
    """
    found: dict[Any, list[int]] = {}
    for index, config in enumerate(configs):
        alone = config.patience > 0 or config.model in TREES
        found.setdefault(index if alone else _program(config), []).append(index)
    return list(found.values())


def _program(config: Config) -> str:
    """What members of one program have in common, as text."""
    fields = to_dict(config)
    common = {name: value for name, value in fields.items() if name not in VARYING}
    return repr((common, [enabled(fields[name]) for name in SWITCHES]))


def varying_values(configs: Sequence[Config]) -> dict[str, np.ndarray]:
    """The fields in which configs of one group differ, and the seed: name → float32 (M,), the seed int32.

    Raises:
      ValueError: they are of several groups.
    """
    if len(groups(configs)) != 1:
        raise ValueError(f"found configs of {len(groups(configs))} groups, expected one to train together")
    members = [leaves(config) for config in configs]
    columns = {name: [member[name][1] for member in members] for name in VARYING}
    return {
        name: np.asarray(column, np.int32 if name == "seed" else np.float32)
        for name, column in columns.items()
        if name == "seed" or len(set(column)) > 1
    }


def create_population(
    model: nn.Module, config: Config, steps: int, input_shape: tuple[int, ...], values: Values
) -> TrainState:
    """The fresh states of M members, each leaf with an axis (M,) in front. Pure; may be jitted.

    Args:
      model: as `create_state` wants it.
      config: of any member.
      steps: of the run.
      input_shape: of one example.
      values: of `varying_values`.
    """

    def create_member(own: Values) -> TrainState:
        tx = make_optimizer(with_leaves(config, own).optimizer, steps)
        return create_state(model, tx, own["seed"], input_shape, config.ema > 0)

    return jax.vmap(create_member)(values)


def make_population_step(
    task: Task, model: nn.Module, config: Config, steps: int, targets: np.ndarray, unroll: bool
) -> PopulationStep:
    """The training step of M members: (states, values, batches) → (states, losses (M,)), each leaf (M, ...).

    It is `make_train_step` over members, and `cardiax.training.device_mesh.map_population_step` maps it over devices.

    Args:
      task: the objective.
      model: made with `axis_name=AXIS`.
      config: of any member; `values` of `varying_values` take the place of its own.
      steps: of the run.
      targets: of the training split (n, ...), as `Task.training_loss` wants them.
      unroll: whether members follow one another in the program instead of `vmap`. It takes longer to compile, about as
        long as the members alone. XLA's CPU backend has no fast grouped convolution: there a step of four members
        takes 3.8 times that of one, and 7.0 times under `vmap` (2 cores, `resnet1d`).
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
