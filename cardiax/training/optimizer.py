"""The optimizer of a config."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from cardiax.config import OptimizerConfig
from cardiax.errors import check_new, unknown

Rule = Callable[[optax.Schedule, OptimizerConfig], optax.GradientTransformation]
"""Function from a learning rate schedule and the other fields of the optimizer to an update rule."""

OPTIMIZERS: dict[str, Rule] = {
    "adamw": lambda rate, config: optax.adamw(rate, weight_decay=config.weight_decay, mask=is_kernel),
    "adam": lambda rate, config: optax.adam(rate),
    "sgd": lambda rate, config: optax.sgd(rate, momentum=0.9),
}


def register(name: str, rule: Rule) -> None:
    """Add an update rule of your own, for `--optimizer.name`.

    Raises:
      ValueError: another one has that name.
    """
    check_new("optimizer", OPTIMIZERS, name, rule)
    OPTIMIZERS[name] = rule


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Return the gradient transformation of `config` for a run of `steps` steps; `InputError` if it is unknown."""
    if config.name not in OPTIMIZERS:
        raise unknown("optimizer.name", config.name, OPTIMIZERS)
    warmup = round(config.warmup * steps)
    after = (
        optax.cosine_decay_schedule(config.learning_rate, max(steps - warmup, 1))
        if config.schedule == "cosine"
        else optax.constant_schedule(config.learning_rate)
    )
    rise = optax.linear_schedule(0.0, config.learning_rate, max(warmup, 1))
    schedule = optax.join_schedules([rise, after], [warmup])
    rule = OPTIMIZERS[config.name](schedule, config)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), rule) if config.clip_norm else rule


def is_kernel(params: Any) -> Any:
    """Return for each parameter whether it is a kernel, the only kind that decays."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)
