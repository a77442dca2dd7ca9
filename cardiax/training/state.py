"""The training state: one immutable pytree that holds all that a run is, and nothing that could be recomputed."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """A run at one step.

    Attributes:
      step: steps taken, int32 scalar.
      params: the model's parameters.
      model_state: what the model carries besides, such as batch statistics; empty for most.
      opt_state: the optimiser's.
      average: exponential moving average of (params, model_state); empty where it is not asked for.
      loss_sum: sum of the training losses since the last evaluation, float32 scalar.
      best_score: best validation score so far; -inf before the first evaluation.
      best_step: the step that reached it.
      stale: evaluations since then.
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: Any
    average: Any
    loss_sum: jax.Array
    best_score: jax.Array
    best_step: jax.Array
    stale: jax.Array


def create_state(
    model: nn.Module, tx: optax.GradientTransformation, seed: int | jax.Array, input_shape: tuple[int, ...], ema: bool
) -> TrainState:
    """A fresh state: parameters of `model` drawn from `seed` for inputs (B, *input_shape). Pure; may be jitted."""
    variables = dict(model.init(jax.random.key(seed), jnp.zeros((1, *input_shape)), train=False))
    params = variables.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
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
    """The variables that evaluation uses: the averaged ones where they are kept, else the raw."""
    params, model_state = state.average or (state.params, state.model_state)
    return {"params": params, **model_state}


def record_score(state: TrainState, score: jax.Array) -> TrainState:
    """`state` after an evaluation: the training loss starts anew; a strictly better score becomes the best.

    `score` is a float32 scalar. Pure; may be jitted.
    """
    better = score > state.best_score
    return dataclasses.replace(
        state,
        loss_sum=jnp.zeros_like(state.loss_sum),
        best_score=jnp.where(better, score, state.best_score),
        best_step=jnp.where(better, state.step, state.best_step),
        stale=jnp.where(better, 0, state.stale + 1),
    )
