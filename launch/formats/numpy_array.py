"""Reading of NumPy arrays: time × channels, or records with a field for each channel; also gzip-compressed."""

import dataclasses
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.ecg.leads import ELECTRODES, LEADS
from cardiax.errors import InputError, raise_of_disk
from cardiax.file_checks import ARRAY, HEAD, ZIP, Room, UnpackedSizeError, kind
from cardiax.launch.formats.columns import recording, role, unit_of
from cardiax.launch.formats.reader import Recording, check_names, opened


def open_array(path: Path) -> Recording:
    """Open the recording in a file of `np.save`, or in one of `np.savez`, see `of_arrays`.

    An array that is not compressed is memory-mapped. Only fields of records and arrays of channels have names. Raises
    `InputError` if the file has no plain arrays of numbers.
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
                # A member that is no array is bytes.
                stored = {name: np.asarray(array[name]) for name in array.files} if is_archive else {}
            file.read()  # up to the checksum
        except UnpackedSizeError as error:
            raise InputError(f"{path}: found an archive that is refused: {error}; save its arrays alone") from error
        except MemoryError as error:
            raise InputError(f"{path}: found an array that does not fit into memory, expected time × leads") from error
        except Exception as error:  # the header parser of np.load may raise anything
            raise_of_disk(error, path)
            raise InputError(
                f"{path}: found no plain NumPy array (Python objects, another format, or an incomplete file), expected "
                "an array of np.save"
            ) from error
    return of_arrays(stored, path) if is_archive else of_array(array, path)


RATES = ("fs", "sf", "sfreq", "srate", "rate", "freq", "frequency", "samplingrate", "samplerate", "samplingfrequency")
"""Names of variables that hold the sampling rate, without underscores, in lower case."""


def is_rate(name: str) -> bool:
    """Return True if an array of this name holds the sampling rate."""
    return name.lower().replace("_", "") in RATES


def of_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> Recording:
    """Return the recording in named arrays: one of all channels, or a vector for each, and maybe the sampling rate.

    Raises `InputError` if it is not clear which of them is the recording, which messages call `path`.
    """
    numbers = {name: one for name, one in arrays.items() if one.dtype.kind in "fiu"}
    rates = {name: float(one.item()) for name, one in numbers.items() if one.size == 1 and is_rate(name)}
    signals = {name: np.squeeze(one) for name, one in arrays.items() if name not in rates}
    is_plain = all(name in numbers and one.ndim == 1 for name, one in signals.items())
    if len(rates) > 1 or not signals or not (is_plain or len(signals) == 1):
        raise InputError(
            f"{path}: found the arrays {', '.join(arrays) or 'none'}, expected one of all channels, or a vector for "
            "each, and at most one sampling rate fs; save them alone"
        )
    first = next(iter(signals.values()))
    if any(one.shape != first.shape for one in signals.values()):
        raise InputError(f"{path}: found vectors of different lengths, expected a lead in each of {', '.join(signals)}")
    if len(signals) > 1:
        first = np.rec.fromarrays(list(signals.values()), dtype=[(name, one.dtype) for name, one in signals.items()])
    recording = of_array(first, path)
    for name, rate in rates.items():
        recording = dataclasses.replace(recording, rate=rate, rate_from=f"the variable {name}")
    return recording


def of_array(array: np.ndarray, path: Path) -> Recording:
    """Return the recording in an array (T, channels) or (T,), or a record array (T,) with a field for each channel.

    Raises `InputError` if the array, which messages call `path`, is not of numbers, or has another shape.
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
