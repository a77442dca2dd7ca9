"""Reading of NumPy arrays, time × channels, which are memory-mapped."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiax.errors import InputError
from cardiax.launch.formats.reader import Recording


def open_array(path: Path) -> Recording:
    """Open the recording in a .npy file, which states neither names, units nor the sampling rate.

    Raises:
      InputError: the file is not a plain array of numbers, time × channels.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError as error:
        raise InputError(f"{path}: found an array that does not fit into memory, expected time × leads") from error
    except Exception as error:  # the header parser of np.load may raise anything
        raise InputError(f"{path}: found no plain NumPy array ({error}), expected numbers as np.save writes") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: found {getattr(array, 'dtype', 'several arrays')}, expected one array of numbers, mV"
        )
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"{path}: found shape {array.shape}, expected time × leads")
    if array.shape[1] > array.shape[0]:
        raise InputError(f"{path}: found shape {array.shape}, expected time × leads; transpose it")

    def read(first: int, last: int, channels: Sequence[int]) -> np.ndarray:
        return np.asarray(array[first:last, list(channels)], np.float64)

    return Recording(path, None, (None,) * array.shape[1], len(array), None, None, read)
