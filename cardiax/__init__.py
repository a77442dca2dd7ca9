"""cardiax: neural networks for the electrocardiogram in JAX, Flax and Optax.

    import cardiax

    run = cardiax.train("activation", steps=2000)
    print(run.metrics["activation_mae"])
    heart = cardiax.load(run.folder).predict("beat.csv", sampling_rate=500)

`train`, `evaluate`, `prepare` and `predict` run the same code and checks as the commands of these names; a mistake is
an `InputError`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cardiax.errors import InputError

if TYPE_CHECKING:
    from cardiax.launch.api import (
        evaluate,
        list_datasets,
        list_models,
        list_pretrained,
        list_tasks,
        load,
        predict,
        prepare,
        train,
    )

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "evaluate",
    "list_datasets",
    "list_models",
    "list_pretrained",
    "list_tasks",
    "load",
    "predict",
    "prepare",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import the function `name` when it is first used, since JAX takes seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module 'cardiax' has no attribute {name!r}")
    return getattr(importlib.import_module("cardiax.launch.api"), name)


def __dir__() -> list[str]:
    return __all__
