"""Arrays too large for memory, in unnamed files on disk, read row by row."""

import errno
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np


class Rows:
    """The rows of an array (n, ...), written in order, then read by index; reads are thread-safe.

    The file is read, not memory-mapped: every row ever mapped would count as used memory. It has no name, so nothing
    stays on disk, however the process ends.

    Attributes:
      shape: shape of a row.
      dtype: data type of a row.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed with the rows)
        weakref.finalize(self, self._file.close)

    def append(self, rows: np.ndarray) -> None:
        """Append rows (k, ...)."""
        left = np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8).data
        while left:
            left = left[self._file.write(left) :]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows (*indices.shape, ...) at `indices`, int64 of any shape.

        Raises:
          IndexError: an index is out of range.
        """
        found = np.empty((indices.size, *self.shape), self.dtype)
        size = found[:1].nbytes
        for number, index in enumerate(indices.ravel().tolist()):
            if index < 0 or os.preadv(self._file.fileno(), [found[number : number + 1].data], index * size) < size:
                raise IndexError(f"rows on disk: found no row {index}")
        return found.reshape(*indices.shape, *self.shape)


def check_room(folder: Path, size: int) -> None:
    """Raise `OSError` unless the disk of `folder` has room for `size` bytes."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, f"no space for {size / 2**30:.3g} GiB of examples", str(folder))
