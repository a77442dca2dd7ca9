"""The datasets as TFDS builders; importing this registers them for `tfds.builder("kaggle_heartbeat/mitbih")`."""

import importlib
from pathlib import Path

from cardiax.datasets.storage.prepared import (
    default_data_dir,
    is_prepared,
    load,
    open_records,
    prepare,
    prepared_from,
    prepared_path,
    sizes,
)

for _module in Path(__file__).parent.glob("*/*_dataset_builder.py"):
    importlib.import_module(f"{__name__}.{_module.parent.name}.{_module.stem}")

__all__ = [
    "default_data_dir",
    "is_prepared",
    "load",
    "open_records",
    "prepare",
    "prepared_from",
    "prepared_path",
    "sizes",
]
