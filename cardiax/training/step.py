"""The training, evaluation and prediction steps, as pure functions of (state, batch).

They are per-device functions: `AXIS` names the axis over which the global batch is divided, and quantities of the
global batch are reduced over it. `cardiax.training.device_mesh` maps them over devices. All randomness comes from
`fold_in(key(state.seed), state.step)` and the index of the example in the global batch, so the number of devices
changes only the order of floating-point sums. `make_gradient` and `make_update` are the two halves of a training step,
between which gradients are averaged.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from cardiax.config import Config
from cardiax.ecg.augmentation import augment_extra, mix_pairs
from cardiax.tasks.task import Loss, Task
from cardiax.training.state import TrainState

AXIS = "data"
"""Name of the axis over which a batch is divided."""

Batch = dict[str, Any]
"""The inputs of the model by name, and `target`, each (B, ...)."""

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, jax.Array]]
Gradient = Callable[[TrainState, Batch, jax.Array], tuple[jax.Array, Any, Any]]
EvalStep = Callable[[Any, Batch], dict[str, jax.Array]]


def inputs_of(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays of a batch that the model reads: all but `target`."""
    return {name: array for name, array in batch.items() if name != "target"}


def make_train_step(
    task: Task, model: nn.Module, tx: optax.GradientTransformation, config: Config, loss_of_examples: Loss
) -> TrainStep:
    """Make the training step: (state, batch) → (state, scalar loss).

    A batch holds the model's inputs by name and "target", each (B, ...), the B examples of one device. The loss is the
    mean over the global batch. The model has `axis_name=AXIS`, and `loss_of_examples` is from `Task.training_loss`.
    """
    gradient, update = make_gradient(task, model, config, loss_of_examples), make_update(tx, config)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        loss, gradients, model_state = gradient(state, batch, jax.lax.axis_index(AXIS))
        if jax.lax.axis_size(AXIS) > 1:  # On one device `pmean` would only copy.
            loss, gradients = jax.lax.pmean((loss, gradients), AXIS)
        return update(state, loss, gradients, model_state), loss

    return train_step


def make_gradient(task: Task, model: nn.Module, config: Config, loss_of_examples: Loss) -> Gradient:
    """Make the function (state, batch, index of the batch) → (loss, gradients, model state); see `make_train_step`.

    The batch is that of a device, or a part of it with an axis `AXIS` of its own, of size 1: part i of the global batch
    has the examples i·B … (i + 1)·B − 1, as device i has.
    """

    def gradient(state: TrainState, batch: Batch, part: jax.Array) -> tuple[jax.Array, Any, Any]:
        key = jax.random.fold_in(jax.random.key(state.seed), state.step)
        augment_key, mix_key, dropout_key = jax.random.split(key, 3)
        if config.reproducible:
            mix_key, dropout_key = (jax.random.fold_in(key, part) for key in (mix_key, dropout_key))
        inputs: Any = inputs_of(batch)
        target = batch["target"]
        index = part * len(target) + jnp.arange(len(target))
        keys = jax.vmap(jax.random.fold_in, (None, 0))(augment_key, index)
        inputs, target = jax.vmap(task.augment, (0, 0, 0, None))(keys, inputs, target, config.augmentation)
        inputs, target = augment_extra(keys, inputs, target, config.augmentation.extra)
        sides = [(target, 1.0)]  # The targets of each example and their weights.
        if config.augmentation.mixup:
            inputs, neighbour, share = mix_pairs(mix_key, inputs, target, config.augmentation.mixup, AXIS)
            sides = [(target, 1.0 - share), (neighbour, share)]

        def loss_of(params: Any) -> tuple[jax.Array, Any]:
            variables = {"params": params, **state.model_state}
            outputs, model_state = model.apply(
                variables, **inputs, train=True, rngs={"dropout": dropout_key}, mutable=list(state.model_state)
            )
            losses = [weight * loss_of_examples(outputs, one) for one, weight in sides]
            return jnp.mean(sum(losses)), model_state

        (loss, model_state), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        return loss, gradients, model_state

    return gradient


def make_update(tx: optax.GradientTransformation, config: Config) -> Callable[..., TrainState]:
    """Make the function (state, loss, gradients, model state), each of the global batch, → state of the next step."""

    def update(state: TrainState, loss: jax.Array, gradients: Any, model_state: Any) -> TrainState:
        updates, opt_state = tx.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if config.ema:
            # The decay is smaller in the first steps, so that the random initial parameters are soon forgotten.
            decay = jnp.minimum(config.ema, (1.0 + state.step) / (10.0 + state.step))
            average = optax.incremental_update((params, model_state), average, 1.0 - decay)
        return dataclasses.replace(
            state,
            step=state.step + 1,
            params=params,
            model_state=model_state,
            opt_state=opt_state,
            average=average,
            loss_sum=state.loss_sum + loss,
        )

    return update


def make_eval_step(task: Task, model: nn.Module) -> EvalStep:
    """Make the evaluation step: (variables, batch) → the values of `task.measure` for all examples of the global batch.

    `variables` are from `cardiax.training.state.evaluated`.
    """

    def eval_step(variables: Any, batch: Batch) -> dict[str, jax.Array]:
        outputs: Any = model.apply(variables, **inputs_of(batch), train=False)
        measured = task.measure(outputs, batch["target"])
        return jax.lax.all_gather(measured, AXIS, tiled=True)

    return eval_step


def make_predict_step(model: nn.Module) -> EvalStep:
    """Make the prediction step: (variables, inputs) → {"output": …} for all examples of the global batch."""

    def predict_step(variables: Any, inputs: Batch) -> dict[str, jax.Array]:
        outputs: Any = model.apply(variables, **inputs, train=False)
        return {"output": jax.lax.all_gather(outputs, AXIS, tiled=True)}

    return predict_step
