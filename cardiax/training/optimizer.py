"""The optimizer of a config."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib

from cardiax.config import OptimizerConfig
from cardiax.errors import check_new, unknown

Rule = Callable[[optax.Schedule, OptimizerConfig], optax.GradientTransformation]
"""Function from a learning rate schedule and the other fields of the optimizer to an update rule."""

OPTIMIZERS: dict[str, Rule] = {
    "adamw": lambda rate, config: optax.adamw(rate, weight_decay=config.weight_decay, mask=is_kernel),
    "adam": lambda rate, config: optax.adam(rate),
    "sgd": lambda rate, config: optax.sgd(rate, momentum=0.9),
    "muon": lambda rate, config: optax.contrib.muon(
        rate,
        weight_decay=config.weight_decay,
        weight_decay_mask=is_kernel,
        consistent_rms=0.2,  # Updates are as large as those of Adam; NAdam updates what is not a kernel.
        muon_weight_dimension_numbers=as_matrices,
    ),
}


def register(name: str, rule: Rule) -> None:
    """Add an update rule of your own, for `--optimizer.name`; `ValueError` if another one has that name."""
    check_new("optimizer", OPTIMIZERS, name, rule)
    OPTIMIZERS[name] = rule


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Return the gradient transformation of `config` for a run of `steps` steps; `InputError` if it is unknown."""
    if config.name not in OPTIMIZERS:
        raise unknown("optimizer.name", config.name, OPTIMIZERS)
    warmup = round(config.warmup * steps)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warmup, max(steps, warmup + 1))
    if config.schedule == "constant":
        rise = optax.linear_schedule(0.0, config.learning_rate, max(warmup, 1))
        schedule = optax.join_schedules([rise, optax.constant_schedule(config.learning_rate)], [warmup])
    rule = with_plain_state(OPTIMIZERS[config.name](schedule, config))
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), rule) if config.clip_norm else rule


def with_plain_state(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return the rule with the typed keys in its state, as `optax.noisy_sgd` has, as integers: NumPy lacks the type."""

    def is_key(leaf: Any) -> bool:
        return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)

    def plain(state: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, state)

    def typed(leaf: Any, like: Any) -> Any:
        return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like)) if is_key(like) else leaf

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if any(map(is_key, jax.tree.leaves(jax.eval_shape(rule.init, params)))):
            state = jax.tree.map(typed, state, rule.init(params))
        updates, state = rule.update(updates, state, params)
        return updates, plain(state)

    return optax.GradientTransformation(lambda params: plain(rule.init(params)), update)


def as_matrices(params: Any) -> Any:
    """Return for each kernel the axes that make it a matrix with a column per output; None for other parameters."""

    def axes(is_kernel: bool, leaf: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        inputs = tuple(range(leaf.ndim - 1))
        return optax.contrib.MuonDimensionNumbers(inputs, leaf.ndim - 1) if is_kernel and inputs else None

    return jax.tree.map(axes, is_kernel(params), params)


def is_kernel(params: Any) -> Any:
    """Return for each parameter whether it is a kernel, the only kind that decays."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)
