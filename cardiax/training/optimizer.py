"""The optimizer of a config."""

from typing import Any

import jax
import optax

from cardiax.config import OptimizerConfig, enabled


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Return the gradient transformation of `config` for a run of `steps` steps."""
    warmup = round(config.warmup * steps)
    after = (
        optax.cosine_decay_schedule(config.learning_rate, max(steps - warmup, 1))
        if config.schedule == "cosine"
        else optax.constant_schedule(config.learning_rate)
    )
    rise = optax.linear_schedule(0.0, config.learning_rate, max(warmup, 1))
    schedule = optax.join_schedules([rise, after], [warmup])
    rule = {
        "adamw": lambda: optax.adamw(schedule, weight_decay=config.weight_decay, mask=_is_kernel),
        "adam": lambda: optax.adam(schedule),
        "sgd": lambda: optax.sgd(schedule, momentum=0.9),
    }[config.name]()
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), rule) if enabled(config.clip_norm) else rule


def _is_kernel(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)
