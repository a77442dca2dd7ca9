"""Reading the records of a prepared dataset by index.

Parsing with protobuf takes 4 µs for a beat and 80 µs for a recording, many times less than decoding by TFDS, and is
bit-identical. Reading through array_record's readers takes half the time of its data source, which creates a pool of
threads for each batch.
"""

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from google.protobuf.message import DecodeError
from tensorflow_datasets.proto import tf_example_pb2

from cardiax.catalog import DATASETS
from cardiax.errors import InputError, naming, raise_of_disk

_Example: Any = vars(tf_example_pb2)["Example"]  # which protobuf makes at run time
BATCH = 8192  # records read at once; a larger batch is not faster
BATCH_BYTES = 2**25  # limit on the bytes of a batch, which are in memory twice; a larger batch is not faster


class Records:
    """The concatenated records of some splits of a dataset; thread-safe for reading.

    Attributes:
      folder: folder of the dataset.
      parts: split → its number of records, in order.
      shapes: tensor feature → shape of one example; all other features are numbers or texts.
      types: tensor feature → NumPy type.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str, splits: Sequence[str]):
        features: Any = builder.info.features
        self.folder = Path(builder.data_dir)
        with damage(builder, name):  # TFDS has no splits if it found no info
            self.parts = {split: builder.info.splits[split].num_examples for split in splits}
        self.shapes = {key: tuple(feature.shape) for key, feature in features.items() if feature.shape}
        self.types = {key: np.dtype(features[key].np_dtype) for key in self.shapes}
        self._texts = [key for key, feature in features.items() if isinstance(feature, tfds.features.Text)]
        self._numbers = [key for key in features if key not in self.shapes and key not in self._texts]
        self._builder, self._name = builder, name
        # Files in the order in which TFDS reads them. Its list of paths for `all` is sorted by name instead.
        files = [part.filename for split in splits for part in builder.info.splits[split].file_instructions]
        with damage(builder, name):
            self._readers = [ArrayRecordReader(os.fspath(file)) for file in files]
        self._starts = np.cumsum([0, *(reader.num_records() for reader in self._readers)])

    def __len__(self) -> int:
        return sum(self.parts.values())

    def read(self, indices: Sequence[int]) -> dict[str, np.ndarray]:
        """Read the examples at `indices`, in any order: tensors (n, ...) as stored, numbers int64, texts str (n,)."""
        found = self._empty(len(indices))
        with damage(self._builder, self._name):
            for row, record in enumerate(self._records(indices)):
                self._parse(record, row, found)
        return found | {key: found[key].astype(str) for key in self._texts}

    def _empty(self, size: int) -> dict[str, np.ndarray]:
        """Return uninitialised arrays for `size` examples; texts are Python objects, whose lengths may differ."""
        return (
            {key: np.empty((size, *shape), self.types[key]) for key, shape in self.shapes.items()}
            | {key: np.empty(size, np.int64) for key in self._numbers}
            | {key: np.empty(size, object) for key in self._texts}
        )

    def _parse(self, record: bytes, row: int, found: dict[str, np.ndarray]) -> None:
        """Parse one record into row `row` of the arrays."""
        features = _Example.FromString(record).features.feature
        for key, shape in self.shapes.items():
            found[key][row] = np.frombuffer(features[key].bytes_list.value[0], self.types[key]).reshape(shape)
        for key in self._numbers:
            found[key][row] = features[key].int64_list.value[0]
        for key in self._texts:
            found[key][row] = features[key].bytes_list.value[0].decode()

    def _records(self, indices: Sequence[int]) -> list[bytes]:
        """Read the serialized records at `indices`."""
        expected = np.asarray(indices, np.int64)
        files = np.searchsorted(self._starts, expected, side="right") - 1
        found = [b""] * len(expected)
        for file in np.unique(files):
            (rows,) = np.nonzero(files == file)
            records = self._readers[file].read((expected[rows] - self._starts[file]).tolist())
            for row, record in zip(rows, records, strict=True):
                found[row] = record
        return found

    def chunks(self) -> Iterator[range]:
        """Yield all indices in order, in ranges of the best size for one read."""
        size = sum(array.nbytes for array in self._empty(1).values())
        step = max(min(BATCH, BATCH_BYTES // size), 1)
        for start in range(0, len(self), step):
            yield range(start, min(start + step, len(self)))

    def load(self) -> dict[str, np.ndarray]:
        """Read all examples, in the format of `read`, and check them."""
        found = self._empty(len(self))
        for indices in self.chunks():
            for key, array in self.read(indices).items():
                found[key][indices.start : indices.stop] = array
        found |= {key: found[key].astype(str) for key in self._texts}
        self.check(found)
        return found

    def check(self, examples: dict[str, np.ndarray]) -> None:
        """Raise `InputError` if a split does not have as many records of each `label` (n,) as its source."""
        counts = metadata(self._builder).get("counts", {})
        if not counts or "label" not in examples:
            return
        ends = np.cumsum(list(self.parts.values()))
        for split, labels in zip(self.parts, np.split(examples["label"], ends[:-1]), strict=True):
            with damage(self._builder, self._name):  # its counts may lack the split
                expected = np.sum([counts[one] for one in (counts if split == "all" else [split])], axis=0)
            found = np.bincount(labels, minlength=len(expected))
            if found.tolist() != expected.tolist():
                raise damaged(
                    self._builder,
                    self._name,
                    f"{split} has {found.tolist()} records of each class, expected {expected.tolist()}",
                )


class JoinedRecords:
    """The records of several datasets with the same features, one after another, and the `dataset` (n,) of each.

    Attributes:
      parts: split of a dataset → its number of records, in order.
    """

    def __init__(self, members: dict[str, Records]):
        self._members = members
        self.parts = {f"{name}:{split}": n for name, one in members.items() for split, n in one.parts.items()}

    def __len__(self) -> int:
        return sum(map(len, self._members.values()))

    def read(self, indices: Sequence[int]) -> dict[str, np.ndarray]:
        """As `Records.read`; indices must increase."""
        expected, start, found = np.asarray(indices, np.int64), 0, []
        for name, one in self._members.items():
            inside = expected[(expected >= start) & (expected < start + len(one))]
            found.append((name, one.read((inside - start).tolist())))
            start += len(one)
        return _joined(found)

    def load(self) -> dict[str, np.ndarray]:
        """As `Records.load`."""
        return _joined([(name, one.load()) for name, one in self._members.items()])


def _joined(found: Sequence[tuple[str, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    names = np.repeat([name for name, _ in found], [len(next(iter(one.values()))) for _, one in found])
    return {key: np.concatenate([one[key] for _, one in found]) for key in found[0][1]} | {"dataset": names}


def metadata(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """Return the builder's metadata of its sources, e.g. `counts` (split -> rows of each class) and `notes`, or {}."""
    try:
        with naming(Path(builder.data_dir)):
            return dict((builder.info.metadata or {}).items())
    except (ValueError, TypeError, AttributeError) as error:
        name = "/".join([builder.name, *([builder.builder_config.name] if builder.builder_config else [])])
        raise damaged(builder, name, f"metadata.json: {error}") from error


def prepare_command(name: str, data_dir: Path | str | None) -> str:
    """Return the shell command that prepares a dataset, with `--data-dir` if `data_dir` was given.

    A dataset of your own is prepared from its files, whose folder is not known.
    """
    own = DATASETS[name].made_by if name in DATASETS else ""
    words = [*(shlex.split(own) if own else [name]), *(["--data-dir", str(data_dir)] if data_dir else [])]
    return shlex.join(["cardiax", "prepare", *words])


@contextlib.contextmanager
def damage(builder: tfds.core.DatasetBuilder, name: str) -> Iterator[None]:
    """Turn exceptions of array_record and of the record parser into an `InputError` that names the folder.

    Those of the disk become an `OSError`.
    """
    try:
        yield
    except (RuntimeError, DecodeError, ValueError, LookupError) as error:  # also of other shapes than its info states
        raise_of_disk(error, builder.data_dir)
        raise damaged(builder, name, str(error).partition("\n")[0]) from error


def damaged(builder: tfds.core.DatasetBuilder, name: str, found: str) -> InputError:
    """Return the error for a dataset with damaged files."""
    return InputError(
        f"{name} in {builder.data_dir} is damaged ({found}): delete that folder if the same command fails "
        f"again, then run `{prepare_command(name, Path(builder.data_dir_root))}`"
    )
