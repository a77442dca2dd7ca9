"""What the intracardiac datasets share: the features of a recording, and the names of its two files.

The UCSD/LLNL dataset keeps a recording in `pECGData_<tail>.npy` (500, 10) and `VmData_<tail>.npy` (500, 75), mV at 1
kHz; the tail says how it was simulated.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.file_adapters import FileFormat
from tensorflow_datasets.core.writer import ExampleWriter

from cardiax.catalog import WINDOW
from cardiax.ecg.leads import ELECTRODES, SITE_NAMES

ELECTRODE_SHAPE = (WINDOW, len(ELECTRODES))
VOLTAGE_SHAPE = (WINDOW, len(SITE_NAMES))
ELECTRODE_PREFIX, VOLTAGE_PREFIX = "pECGData_", "VmData_"


@dataclass(frozen=True)
class Origin:
    """How a recording was simulated; -1 where its name does not say.

    Attributes:
      volunteer: torso and heart, 1 …
      pattern: activation pattern, 0 … 28.
      innerindex: the site that was stimulated, 0 … 74.
      bcl: cycle length, ms.
      gkr: scaling of the rapid delayed rectifier current, as written: 50 for `gkr.050`, percent.
      folder: the simulation series, as in `data_hearts_dd_0p2_geo_act_1_bcl`.
    """

    volunteer: int
    pattern: int
    innerindex: int
    bcl: int
    gkr: int
    folder: str


def features() -> tfds.features.FeaturesDict:
    """Electrodes (500, 10) and voltage (500, 75), mV at 1 kHz, and the fields of `Origin`."""
    tensors = {"electrodes": ELECTRODE_SHAPE, "voltage": VOLTAGE_SHAPE}
    numbers = ("volunteer", "pattern", "innerindex", "bcl", "gkr")
    return tfds.features.FeaturesDict(
        {name: tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes") for name, shape in tensors.items()}
        | {name: tfds.features.Scalar(np.int64) for name in numbers}
        | {"folder": tfds.features.Text()}
    )


class Writer(ExampleWriter):
    """TFDS's, but that array_record is not compressed: zstd makes recordings a quarter smaller, and reading a batch of
    32 takes 9 ms of a core instead of 3."""

    def write(self, path: os.PathLike, examples: Iterable[tuple[Any, bytes]]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Write examples, (key, serialized), to a file."""
        if self.file_format is not FileFormat.ARRAY_RECORD:
            return super().write(path, examples)
        writer = ArrayRecordWriter(os.fspath(path), "group_size:1,uncompressed")
        for _, example in examples:
            writer.write(example)
        writer.close()
        return None


def shards(
    recordings: Iterator[tuple[Origin, np.ndarray, np.ndarray]], count: int, size: int
) -> list[Callable[[], Iterator[tuple[int, dict]]]]:
    """`count` recordings as TFDS's `ShardBasedBuilder` wants them: one function for each shard of `size`, which are
    called in turn and read on where the one before stopped.

    TFDS's other builder keeps a split in memory and, past 1 GB, in files that only TensorFlow writes.
    """

    def shard(first: int) -> Iterator[tuple[int, dict]]:
        for key, (origin, electrodes, voltage) in enumerate(islice(recordings, min(size, count - first)), first):
            yield key, {"electrodes": electrodes, "voltage": voltage, **vars(origin)}

    return [partial(shard, first) for first in range(0, count, size)]


def tail(origin: Origin) -> str:
    """The tail of a recording's file names, its keys in the order of the UCSD/LLNL dataset."""
    series = origin.folder.removeprefix("data_")
    keys = {"bcl": origin.bcl, "gkr": origin.gkr, "innerindex": origin.innerindex, "pattern": origin.pattern}
    written = [f"{key}.{value:03d}" if key == "gkr" else f"{key}.{value}" for key, value in keys.items() if value >= 0]
    return f"{series}_{'.'.join([*written, f'volunteer.v{origin.volunteer}'])}"
