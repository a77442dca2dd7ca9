"""The examples of an experiment, held in memory or read from disk on demand: bit-identical, in the same order."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from cardiax.catalog import Dataset
from cardiax.datasets.storage.record_files import JoinedRecords, Records
from cardiax.errors import InputError, naming
from cardiax.launch.system.memory import available_memory
from cardiax.protocols import GROUPED
from cardiax.tasks import Task
from cardiax.training.batch_order import Arrays, fingerprint, fingerprint_of_chunks
from cardiax.training.step import inputs_of


class Rows:
    """The rows of an array (n, *shape), written in order, then read by index; reads are thread-safe.

    The file is read, not memory-mapped: every row ever mapped would count as used memory. It has no name, so nothing
    stays on disk, however the process ends.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype, self._folder = shape, dtype, folder
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed with the rows)
        weakref.finalize(self, self._file.close)

    def append(self, rows: np.ndarray) -> None:
        """Append rows (k, ...)."""
        left = np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8).data
        with naming(self._folder):
            while left:
                left = left[self._file.write(left) :]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows (*indices.shape, ...) at `indices`, int64 of any shape; `IndexError` for one out of range."""
        found = np.empty((indices.size, *self.shape), self.dtype)
        size, content = found[:1].nbytes, found.reshape(-1).view(np.uint8).data
        for number, index in enumerate(indices.ravel().tolist()):
            left, at = content[number * size : (number + 1) * size], index * size
            while left:  # the system may read less than it is asked for
                with naming(self._folder):
                    done = os.preadv(self._file.fileno(), [left], at) if index >= 0 else 0
                if not done:
                    raise IndexError(f"rows on disk: found no row {index}")
                left, at = left[done:], at + done
        return found.reshape(*indices.shape, *self.shape)


READ_AHEAD = 2
"""Batches that a thread reads ahead: one is ready while the next is read."""

DIGEST = 16
"""Bytes of a row's BLAKE2b digest: among 10⁹ rows, two collide by chance once in 10²⁰ datasets."""

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Examples:
    """All examples of a dataset as a task sees them.

    Attributes:
      take: function from indices, int64 of any shape, to the inputs by name and `target`, each
        (*indices.shape, ...).
      shapes: name → shape of each input of one example.
      classes: class of each example, int32 (n,); (n, 0) if targets are not classes, since no loss needs all of those.
      example_bytes: bytes of the inputs of one example and its target.
      read_ahead: batches that are read ahead; 0 if all examples are in memory.
    """

    take: Callable[[np.ndarray], Arrays]
    shapes: dict[str, tuple[int, ...]]
    classes: np.ndarray
    example_bytes: int
    read_ahead: int = 0

    def batches(self, indices: Iterable[np.ndarray]) -> Generator[Arrays]:
        """Yield `take` of each of `indices`, in order. Close or exhaust it to end the read-ahead thread."""
        return ahead(self.take, indices, self.read_ahead) if self.read_ahead else (self.take(one) for one in indices)


def load_examples(
    records: Records | JoinedRecords,
    task: Task,
    dataset: Dataset,
    memory: float | None,
    wanting: Sequence[str],
    say: Callable[[str], None],
) -> tuple[Examples, Arrays, str]:
    """Load the examples by `in_memory` if they fit into `memory`, else by `streamed`.

    Args:
      memory: GiB for the stored features and the examples made of them; by default half of the available memory.
      wanting: descriptions of what needs all examples at once.

    Returns:
      The examples, the features for `cardiax.protocols`, and the fingerprint of the dataset.

    Raises:
      InputError: the examples do not fit, and `wanting` is not empty.
    """
    budget = memory * 2**30 if memory else available_memory() / 2
    one = records.read([0]) if len(records) else {}
    size = len(records) * (_bytes(one) + _bytes(task.arrays(one, dataset))) if one else 0
    if size <= budget:
        return in_memory(records, task, dataset)
    found = (
        f"{dataset.name}: found {len(records):,} examples of {size / 2**30:.3g} GiB and {budget / 2**30:.3g} GiB of "
        "memory for them"
    )
    if wanting or not isinstance(records, Records):
        raise InputError(f"{found}, expected room for all at once: {', '.join(wanting)}; give a larger --memory")
    # The disk of the dataset has room for such sizes; if it is read-only, the system's temporary folder ($TMPDIR) is
    # used.
    scratch = records.folder if os.access(records.folder, os.W_OK) else Path(tempfile.gettempdir())
    say(f"data: {found} (--memory); they are read as they are needed, from a file without a name in {scratch}")
    return streamed(records, task, dataset, scratch)


def in_memory(records: Records | JoinedRecords, task: Task, dataset: Dataset) -> tuple[Examples, Arrays, str]:
    """Load the examples, the features (n, ...) for `cardiax.protocols` and the fingerprint of the dataset."""
    features = records.load()
    arrays = task.arrays(features, dataset)
    examples = Examples(
        take=lambda indices: {name: array[indices] for name, array in arrays.items()},
        shapes={name: array.shape[1:] for name, array in inputs_of(arrays).items()},
        classes=_classes(arrays["target"]),
        example_bytes=_bytes(arrays) // max(len(records), 1),
    )
    return examples, features, fingerprint(*(array for array in features.values() if array.dtype.kind != "U"))


def streamed(records: Records, task: Task, dataset: Dataset, scratch: Path) -> tuple[Examples, Arrays, str]:
    """Do as `in_memory`, for a dataset without `by_record`; memory holds only scalars, texts, classes and row digests.

    The examples are kept in a file in the folder `scratch`, or `OSError` is raised if its disk has no room. Reading a
    batch of 32 recordings from array_record and making examples of it takes 5 ms of one core, a sixth of the time of a
    training step of `activation` on two cores; reading it from the file takes 0.5 ms. Each tensor feature costs a pass
    over all records, because the fingerprint takes one array after another.
    """
    one = task.arrays(records.read([0]), dataset)
    if shutil.disk_usage(scratch).free < (size := _bytes(one) * len(records)):
        raise OSError(errno.ENOSPC, f"no space for {size / 2**30:.3g} GiB of examples", str(scratch))
    rows = {name: Rows(scratch, array.shape[1:], array.dtype) for name, array in one.items()}
    kept: dict[str, list[np.ndarray]] = {}
    classes = []

    def keep_examples(chunk: Arrays) -> None:
        arrays = task.arrays(chunk, dataset)
        for name, array in arrays.items():
            rows[name].append(array)
        classes.append(_classes(arrays["target"]))

    def chunks_of(tensor: str) -> Iterator[np.ndarray]:
        first = tensor == next(iter(records.shapes))
        with contextlib.closing(ahead(records.read, records.chunks(), 1)) as chunks:
            for chunk in chunks:
                small = {key: array for key, array in chunk.items() if first and array.ndim == 1}
                if tensor in GROUPED:
                    small[tensor] = row_digests(chunk[tensor])
                for key, array in small.items():
                    kept.setdefault(key, []).append(array)
                if first:
                    keep_examples(chunk)
                yield chunk[tensor]

    def all_features() -> Iterator[tuple[np.dtype, tuple[int, ...], Iterable[np.ndarray]]]:
        for tensor, shape in records.shapes.items():
            yield records.types[tensor], (len(records), *shape), chunks_of(tensor)
        for parts in kept.values():
            if parts[0].ndim == 1 and parts[0].dtype.kind != "U":
                yield parts[0].dtype, (len(records),), parts

    digest = fingerprint_of_chunks(all_features())
    features = {key: np.concatenate(parts) for key, parts in kept.items()}
    records.check(features)
    examples = Examples(
        take=lambda indices: {name: array.take(indices) for name, array in rows.items()},
        shapes={name: array.shape[1:] for name, array in inputs_of(one).items()},
        classes=np.concatenate(classes),
        example_bytes=_bytes(one),
        read_ahead=READ_AHEAD,
    )
    return examples, features, digest


def row_digests(rows: np.ndarray) -> np.ndarray:
    """Return digests uint8 (n, 16) of rows (n, ...), equal exactly where the rows are bit-identical."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    digests = b"".join(hashlib.blake2b(row.data, digest_size=DIGEST).digest() for row in flat)
    return np.frombuffer(digests, np.uint8).reshape(-1, DIGEST)


def ahead(read: Callable[[A], B], expected: Iterable[A], depth: int) -> Generator[B]:
    """Yield `map(read, expected)`, computed by one thread, at most `depth` results ahead.

    An exception of `read` is raised in place of its result. The thread ends before the generator does.
    """
    rest = iter(expected)
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        waiting = deque(pool.submit(read, one) for one in islice(rest, depth))
        try:
            while waiting:
                found = waiting.popleft().result()
                waiting.extend(pool.submit(read, one) for one in islice(rest, 1))
                yield found
        finally:
            for future in waiting:
                future.cancel()


def _classes(targets: np.ndarray) -> np.ndarray:
    return targets if targets.ndim == 1 and targets.dtype.kind in "iu" else np.empty((len(targets), 0), np.int32)


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
