"""The training state: an immutable pytree with everything needed to resume a run and nothing that can be recomputed."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

Shapes = Mapping[str, tuple[int, ...]]
"""Name → shape of each input of one example."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """The state of a run at one step.

    Attributes:
      step: number of steps taken, int32 scalar.
      seed: random seed of the run, int32 scalar; not a constant, so that runs with other seeds share compiled programs.
      params: parameters of the model.
      model_state: other variables of the model, for example batch statistics; empty for most models.
      opt_state: state of the optimizer.
      average: exponential moving average of (params, model_state); empty if it is not enabled.
      loss_sum: sum of the training losses since the last evaluation, float32 scalar.
      best_score: best validation score so far, float32 scalar; -inf before the first evaluation.
      best_step: step of the best score, int32 scalar.
      stale: number of evaluations since the best score, int32 scalar.
    """

    step: jax.Array
    seed: jax.Array
    params: Any
    model_state: Any
    opt_state: Any
    average: Any
    loss_sum: jax.Array
    best_score: jax.Array
    best_step: jax.Array
    stale: jax.Array


def create_state(
    model: nn.Module, tx: optax.GradientTransformation, seed: int | jax.Array, shapes: Shapes, ema: bool
) -> TrainState:
    """Create the initial state of `model`, with a moving average of the variables if `ema`. Pure; may be jitted."""
    inputs: dict[str, Any] = {name: jnp.zeros((1, *shape)) for name, shape in shapes.items()}
    variables = dict(model.init(jax.random.key(seed), **inputs, train=False))
    params = variables.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        seed=jnp.asarray(seed, jnp.int32),
        params=params,
        model_state=variables,
        opt_state=tx.init(params),
        average=jax.tree.map(jnp.copy, (params, variables)) if ema else (),
        loss_sum=jnp.zeros(()),
        best_score=jnp.full((), -jnp.inf),
        best_step=jnp.zeros((), jnp.int32),
        stale=jnp.zeros((), jnp.int32),
    )


def evaluated(state: TrainState) -> dict[str, Any]:
    """Return the variables for evaluation: the averaged ones if there are any, else the raw ones."""
    params, model_state = state.average or (state.params, state.model_state)
    return {"params": params, **model_state}


def record_score(state: TrainState, score: jax.Array) -> TrainState:
    """Return `state` after an evaluation: the loss sum is reset and a strictly better score becomes the best.

    `score` is a float32 scalar, higher is better. Pure; may be jitted.
    """
    better = score > state.best_score
    return dataclasses.replace(
        state,
        loss_sum=jnp.zeros_like(state.loss_sum),
        best_score=jnp.where(better, score, state.best_score),
        best_step=jnp.where(better, state.step, state.best_step),
        stale=jnp.where(better, 0, state.stale + 1),
    )
