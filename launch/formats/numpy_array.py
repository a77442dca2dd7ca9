"""Reading of NumPy arrays: time × channels, or records with a field for each channel; also gzip-compressed."""

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.ecg.leads import ELECTRODES, LEADS
from cardiax.errors import InputError
from cardiax.file_checks import ARRAY, HEAD, ZIP, Room, UnpackedSizeError, kind
from cardiax.launch.formats.columns import recording, role, unit_of
from cardiax.launch.formats.reader import Recording, check_names, opened


def open_array(path: Path) -> Recording:
    """Open the recording in a file of `np.save`, or in one of `np.savez` with one array in all or one per channel.

    An array that is not compressed is memory-mapped. Only fields of records and arrays of channels have names.

    Raises:
      InputError: the file is not one plain array of numbers.
    """
    with path.open("rb") as plain:
        mapped = kind(plain.read(HEAD)) == ARRAY
    with opened(path) as file:
        try:
            is_archive = kind(file.read(HEAD)) == ZIP
            file.seek(0)
            if is_archive:
                with zipfile.ZipFile(file) as members:
                    Room(path.stat().st_size).take(sum(one.file_size for one in members.infolist()))
                file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of headers by Python 2, or with absurd sizes
                array: Any = np.load(path if mapped else file, "r" if mapped else None, allow_pickle=False)
                stored = [] if isinstance(array, np.ndarray) else array.files
                parts = [array[name] for name in stored]
            file.read()  # up to the checksum
            if parts and len({(part.ndim, part.shape) for part in parts} | {(1, parts[0].shape)}) == 1:
                fields = [(name, part.dtype) for name, part in zip(stored, parts, strict=True)]
                array = np.rec.fromarrays(parts, dtype=np.dtype(fields))  # a lead each
            array = parts[0] if len(parts) == 1 else array
        except UnpackedSizeError as error:
            raise InputError(f"{path}: found an archive that is refused: {error}; save its arrays alone") from error
        except MemoryError as error:
            raise InputError(f"{path}: found an array that does not fit into memory, expected time × leads") from error
        except Exception as error:  # the header parser of np.load may raise anything
            raise InputError(
                f"{path}: found no plain NumPy array (Python objects, another format, or an incomplete file), expected "
                "an array of np.save"
            ) from error
    if not isinstance(array, np.ndarray):
        one = f"np.save('beat.npy', np.load({path.name!r})[{stored[0]!r}])" if stored else "np.save"
        raise InputError(
            f"{path}: found the arrays {', '.join(stored) or 'none'}, expected one; save it alone by {one}"
        )
    return of_array(array, path)


def of_array(array: np.ndarray, path: Path) -> Recording:
    """Return the recording in an array (T, channels) or (T,), or a record array (T,) with a field for each channel.

    Raises:
      InputError: the array, which messages call `path`, is not of numbers, or has another shape.
    """
    names = array.dtype.names
    kinds = [array.dtype[name] for name in names] if names else [array.dtype]
    wrong = [str(kind) for kind in kinds if kind.kind not in "fiu"]
    if wrong:
        raise InputError(f"{path}: found {wrong[0]}, expected one array of numbers, mV, or a field of numbers per lead")
    if array.ndim == 1 and names is None:
        array = array[:, None]
    if array.ndim != (1 if names else 2) or array.size == 0:
        raise InputError(f"{path}: found shape {array.shape}, expected time × leads")
    if names is None and array.shape[1] > array.shape[0]:
        raise InputError(f"{path}: found shape {array.shape}, expected time × leads; transpose it")

    def read(first: int, last: int, columns: Sequence[int]) -> np.ndarray:
        part = array[first:last]
        with np.errstate(invalid="ignore"):  # of a signalling NaN
            return np.stack([part[names[index]] if names else part[:, index] for index in columns], 1, dtype=np.float64)

    check_names(path, names or (), len(kinds) if names else array.shape[1])
    if names is None:
        default = {len(ELECTRODES): ELECTRODES, len(LEADS): LEADS}.get(array.shape[1])
        return Recording(path, None, (None,) * array.shape[1], len(array), None, None, read, default=default)
    column = next((index for index, name in enumerate(names) if role(name) == "time"), None)
    times = None if column is None else ([column], read(0, len(array), [column])[:, 0], False)
    return recording(path, names, [unit_of(name) for name in names], len(array), read, times)
