"""Reading of the arrays in MATLAB files of versions 4 to 7.2; structures, cells and objects are never used."""

import dataclasses
import math
import mmap
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.errors import InputError
from cardiax.file_kinds import HEAD
from cardiax.launch.formats.matlab_elements import read_arrays
from cardiax.launch.formats.numpy_array import of_array
from cardiax.launch.formats.reader import Recording
from cardiax.unpacked_size import Room, UnpackedSizeError

RATES = ("fs", "sf", "sfreq", "srate", "rate", "freq", "frequency", "samplingrate", "samplerate", "samplingfrequency")
"""Names of variables that hold the sampling rate, without underscores, in lower case."""


def open_matlab(path: Path) -> Recording:
    """Open the recording in a MATLAB file: one matrix of all channels, or a vector for each, and maybe the rate.

    Raises:
      InputError: the file is damaged, or it is not clear which of its arrays is the recording.
    """
    try:
        found = _arrays(path)
    except UnpackedSizeError as error:
        raise InputError(f"{path}: found arrays that are refused: {error}; save the recording alone") from error
    except Exception as error:  # the parsers raise many types
        raise InputError(
            f"{path}: found a damaged MATLAB file, or one of version 7.3, expected version 4 to 7.2; save it with -v7"
        ) from error
    arrays = {name: one for name, one in found.items() if isinstance(one, np.ndarray) and one.dtype.kind in "fiu"}
    rates = {name: one for name, one in arrays.items() if one.size == 1 and name.lower().replace("_", "") in RATES}
    signals = {name: np.squeeze(one) for name, one in arrays.items() if one.size > 1}
    if len(rates) > 1 or not signals or (len(signals) > 1 and {one.ndim for one in signals.values()} != {1}):
        raise InputError(
            f"{path}: found the arrays {', '.join(arrays) or 'none'}, expected one of all channels, or a vector for "
            "each, and at most one sampling rate fs; save them alone"
        )
    (first, *others) = signals.values()
    if any(one.shape != first.shape for one in others):
        raise InputError(f"{path}: found vectors of different lengths, expected a lead in each of {', '.join(signals)}")
    if others:
        first = np.rec.fromarrays(list(signals.values()), dtype=[(name, one.dtype) for name, one in signals.items()])
    elif first.ndim == 2 and len(first) < first.shape[1]:
        first = first.T  # channels × time, as in the challenges of PhysioNet
    recording = of_array(first, path)
    for name, rate in rates.items():
        recording = dataclasses.replace(recording, rate=float(rate.item()), rate_from=f"the variable {name}")
    return recording


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays in a file by name: of version 5 to 7.2 by our reader, of version 4 by SciPy's."""
    room = Room(path.stat().st_size)
    with path.open("rb") as file:
        head = file.read(HEAD)
        if b"\0" not in head[:4]:  # text, while version 4 begins with a number below 2^24
            if head.startswith(b"MATLAB 7.3"):
                raise ValueError("HDF5")
            # The arrays are views of the map, which is closed with the last of them.
            return read_arrays(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), room)
    from scipy.io import loadmat, whosmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        room.take(8 * sum(math.prod(shape) for _, shape, _ in whosmat(path)))
        found: dict[str, Any] = loadmat(path)
    return found
