"""The default experiment of each task, and what is different on some datasets."""

import dataclasses
from typing import Any

from cardiax.catalog import find_dataset
from cardiax.config import AugmentationConfig, Config, OptimizerConfig, with_overrides

_TWELVE_LEADS = Config(
    dataset="simulated_intracardiac",
    protocol="random",
    batch_size=32,
    optimizer=OptimizerConfig(learning_rate=2e-3),
    augmentation=AugmentationConfig(stretch=0.08, warp=0.0, noise=0.02, mixup=0.0),
)


RECIPES = {
    "heartbeat": Config(task="heartbeat"),
    "arrhythmia": Config(task="arrhythmia"),
    "activation": dataclasses.replace(_TWELVE_LEADS, task="activation", model="activation_resnet", epochs=100),
    "transmembrane": dataclasses.replace(_TWELVE_LEADS, task="transmembrane", model="voltage_template", epochs=50),
}
"""The default experiment of each task."""


BY_DATASET: dict[str, dict[str, Any]] = {
    "simulated_heartbeat": {"epochs": 10},  # which is learnt sooner
    "physionet_mitbih/patient": {  # sixteen patients are soon learnt by heart
        "epochs": 12,
        "batch_size": 256,
        "model_args": {"widths": (16, 32, 64), "blocks": 1, "kernel": 7, "dropout_rate": 0.3},
        "balance": "sampling",
        "ema": 0.99,
        "optimizer.learning_rate": 2e-3,
        "optimizer.warmup": 0.1,
        "optimizer.weight_decay": 0.05,
        "augmentation.stretch": 0.0,
        "augmentation.electrode_gain": 0.4,
        "augmentation.warp": 0.0,
        "augmentation.noise": 1.2,
        "augmentation.mixup": 0.0,
        "augmentation.fibrillation": 0.25,
    },
}
"""What the default experiment of any task is on a dataset that asks for something else."""


def recipe(task: str, dataset: str | None = None) -> Config:
    """The default experiment of a task on a dataset (None: the built-in one)."""
    config = RECIPES.get(task, Config(task=task))
    found = find_dataset(dataset or config.dataset)
    config = dataclasses.replace(config, dataset=found.name, protocol=next(iter(found.protocols), config.protocol))
    return with_overrides(config, BY_DATASET.get(found.name, {}))
