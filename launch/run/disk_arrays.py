"""Arrays too large for memory: on disk, in files without a name, read row by row."""

import errno
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np


class Rows:
    """The rows of an array (n, ...), written in order, then read by index; several threads may read at once.

    They are read from the file and not mapped into memory, where every row that was ever asked for would count. The
    file has no name: however the process ends, nothing of it stays on the disk.

    Attributes:
      shape: of a row.
      dtype: of a row.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed with the rows)
        weakref.finalize(self, self._file.close)

    def append(self, rows: np.ndarray) -> None:
        """Write rows (k, ...) after those that are there."""
        left = np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8).data
        while left:
            left = left[self._file.write(left) :]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows at places, int64 of any shape: (*places.shape, ...).

        Raises:
          IndexError: there is no such row.
        """
        found = np.empty((indices.size, *self.shape), self.dtype)
        size = found[:1].nbytes
        for number, index in enumerate(indices.ravel().tolist()):
            if index < 0 or os.preadv(self._file.fileno(), [found[number : number + 1].data], index * size) < size:
                raise IndexError(f"rows on disk: found none at place {index}")
        return found.reshape(*indices.shape, *self.shape)


def check_room(folder: Path, size: int) -> None:
    """Raise `OSError` unless the disk of `folder` has room for `size` bytes."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, f"no space for {size / 2**30:.3g} GiB of examples", str(folder))
