"""The features of a recording and the names of its two files, shared by the intracardiac datasets.

The UCSD/LLNL dataset stores a recording in `pECGData_<tail>.npy` (500, 10) and `VmData_<tail>.npy` (500, 75), mV at
1 kHz; the tail encodes the simulation parameters.
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
    """The simulation parameters of a recording; -1 for those not in its file name.

    Attributes:
      volunteer: number of the torso and heart, from 1.
      pattern: activation pattern, 0 … 28.
      innerindex: index of the stimulated site, 0 … 74.
      bcl: cycle length, ms.
      gkr: rapid delayed rectifier current, percent of normal; 50 for `gkr.050`.
      folder: name of the simulation series, e.g. `data_hearts_dd_0p2_geo_act_1_bcl`.
    """

    volunteer: int
    pattern: int
    innerindex: int
    bcl: int
    gkr: int
    folder: str


def features() -> tfds.features.FeaturesDict:
    """Return the TFDS features: electrodes (500, 10) and voltage (500, 75), mV at 1 kHz, and the fields of `Origin`."""
    tensors = {"electrodes": ELECTRODE_SHAPE, "voltage": VOLTAGE_SHAPE}
    numbers = ("volunteer", "pattern", "innerindex", "bcl", "gkr")
    return tfds.features.FeaturesDict(
        {name: tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes") for name, shape in tensors.items()}
        | {name: tfds.features.Scalar(np.int64) for name in numbers}
        | {"folder": tfds.features.Text()}
    )


def times_features() -> tfds.features.FeaturesDict:
    """Return the TFDS features of recordings without voltages: electrodes float16, mV, with activation times, ms."""
    return tfds.features.FeaturesDict(
        {
            "electrodes": tfds.features.Tensor(shape=ELECTRODE_SHAPE, dtype=np.float16, encoding="bytes"),
            "activation": tfds.features.Tensor(shape=(len(SITE_NAMES),), dtype=np.float32, encoding="bytes"),
            "volunteer": tfds.features.Scalar(np.int64),
        }
    )


class Writer(ExampleWriter):
    """The example writer of TFDS, without compression of array_record.

    zstd makes recordings a quarter smaller, but reading a batch of 32 then takes 9 ms of a core instead of 3 ms.
    """

    def write(self, path: os.PathLike, examples: Iterable[tuple[Any, bytes]]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Write examples, pairs (key, serialized example), to a file."""
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
    """Split `count` recordings into shards of `size` for `ShardBasedBuilder`, one function each, to be called in order.

    `GeneratorBasedBuilder` keeps a split in memory and, past 1 GB, in files that only TensorFlow writes.
    """

    def shard(first: int) -> Iterator[tuple[int, dict]]:
        for key, (origin, electrodes, voltage) in enumerate(islice(recordings, min(size, count - first)), first):
            yield key, {"electrodes": electrodes, "voltage": voltage, **vars(origin)}

    return [partial(shard, first) for first in range(0, count, size)]


def tail(origin: Origin) -> str:
    """Return the tail of a recording's file names, with the keys in the order of the UCSD/LLNL dataset."""
    series = origin.folder.removeprefix("data_")
    keys = {"bcl": origin.bcl, "gkr": origin.gkr, "innerindex": origin.innerindex, "pattern": origin.pattern}
    written = [f"{key}.{value:03d}" if key == "gkr" else f"{key}.{value}" for key, value in keys.items() if value >= 0]
    return f"{series}_{'.'.join([*written, f'volunteer.v{origin.volunteer}'])}"
