"""The reader of a file, chosen by the ending of its name and its content."""

from pathlib import Path

import numpy as np

from cardiax.errors import InputError
from cardiax.file_kinds import ARRAY, BDF, EDF, HEAD, MATLAB, UTF16, ZIP, kind
from cardiax.launch.formats import text_table
from cardiax.launch.formats.numpy_array import of_array, open_array
from cardiax.launch.formats.reader import Recording, opened

KNOWN = ".npy, .csv, .tsv, .txt, .mat, .edf, .bdf or a WFDB record (.hea)"


def opened_recording(source: Path | np.ndarray | Recording) -> Recording:
    """Open a file or an array, unless it is open already; see `open_recording`."""
    if isinstance(source, Recording):
        return source
    return open_recording(source) if isinstance(source, Path) else of_array(source, Path("array"))


def open_recording(path: Path) -> Recording:
    """Open the recording in a file of any known format, by the ending of its name and its content.

    Raises:
      InputError: the file does not exist or its format is unknown.
    """
    name, header = path.name.lower().removesuffix(".gz"), path.parent / f"{path.name}.hea"
    if path.is_dir() and not header.is_file():
        raise InputError(f"{path}: found a folder, expected a file; name the recordings in it")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: found a pipe or a device, expected a regular file")
    is_array, is_table = name.endswith((".npy", ".npz")), name.endswith(text_table.ENDINGS)
    if not path.exists() and (is_array or is_table or path.is_symlink()):
        raise InputError(f"{path}: found no such file, expected a recording")
    found = None
    if path.is_file():
        with opened(path) as file:
            found = kind(file.read(HEAD))
    if found == ARRAY or (is_array and found in (None, ZIP)):
        return open_array(path)
    if found in (EDF, BDF):
        from cardiax.launch.formats.edf_recording import open_edf

        return open_edf(path)
    if found == MATLAB or (name.endswith(".mat") and path.is_file() and not path.with_suffix(".hea").exists()):
        from cardiax.launch.formats.matlab_arrays import open_matlab

        return open_matlab(path)
    if found and not (found == UTF16 and is_table):
        raise InputError(f"{path}: found {found}, expected {KNOWN}; save the recording as one of these")
    if is_table:
        return text_table.open_table(path)
    from cardiax.launch.formats.wfdb_record import ENDINGS, open_record

    if path.suffix not in (*ENDINGS, "") and not header.exists():
        found = f"a file ending in {path.suffix!r}" if path.exists() else "no such file"
        raise InputError(f"{path}: found {found}, expected {KNOWN}")
    return open_record(path)
