"""The recordings of a folder, and the reader of a file, chosen by the ending of its name and its content."""

from pathlib import Path

import numpy as np

from cardiax.errors import InputError, listed, naming
from cardiax.file_checks import ARRAY, BDF, EDF, HEAD, MATLAB, UTF16, ZIP, header_lines, kind
from cardiax.launch.formats import text_table
from cardiax.launch.formats.numpy_array import of_array, open_array
from cardiax.launch.formats.reader import Recording, opened
from cardiax.launch.formats.text_table import is_table

KNOWN = ".npy, .csv, .tsv, .txt, .mat, .edf, .bdf or a WFDB record (.hea)"


def open_recording(source: Path | np.ndarray | Recording) -> Recording:
    """Open an array, or a file of any known format by the ending of its name and its content, unless it is open.

    Raises `InputError` if the file does not exist or its format is unknown.
    """
    if isinstance(source, Recording):
        return source
    if not isinstance(source, Path):
        return of_array(source, Path("array"))
    with naming(source):
        return _open_file(source)


def _open_file(path: Path) -> Recording:
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
    from cardiax.launch.formats import wfdb_record

    if path.suffix not in (*wfdb_record.ENDINGS, "") and not header.exists():
        found = f"a file ending in {path.suffix!r}" if path.exists() else "no such file"
        raise InputError(f"{path}: found {found}, expected {KNOWN}")
    return wfdb_record.open_record(path)


OF_BEATS = ("_beats.csv", "_summary.txt", "_summary.json", ".cardiax", "_strips.png", "_rr.png", "_beats.png")
OF_HEART = ("_activation.csv", "_beats.csv", "_voltage.csv", "_notes.txt", "_ecg.png", "_activation.png", "_heart.gif")
OF_HEART += ("_voltage.png", "_influence.png", "_paper.png")
OF_TABLE = ("_classes.csv",)
PAGE = "_report.html"
WRITTEN = (*OF_BEATS, *OF_HEART, *OF_TABLE, PAGE)
"""Endings of the files that `cardiax predict` writes, of which all are no recordings."""

COMPARISON, PREDICTIONS = "comparison.json", "predictions.csv"
"""Names of the files that it writes of all recordings together."""

OF_RECORD = (".hea", ".dat", ".mat")
"""Endings of the files of a WFDB record by which it may be named."""

OTHERS = (".npy", ".npz", ".edf", ".bdf")
"""Endings of other files that are recordings, but for text tables."""

ENDINGS = (*OF_RECORD, *OTHERS, *text_table.ENDINGS)
"""Endings of all recordings, which `.gz` may follow."""

NAMED = 8
"""Largest number of files that a note names."""


def recordings_in(path: Path) -> tuple[list[Path], list[str]]:
    """Find the recordings in a folder: its WFDB records, without segments of others, its arrays and its text tables.

    Links to files are followed, but a link to a recording that is in the folder too, and folders are left out.

    Returns the recordings in the order of their names, and notes about what is left out; of any other path, itself.
    Raises `InputError` if the folder has no recording.
    """
    if not path.is_dir() or (path.parent / f"{path.name}.hea").is_file():  # "." has no name
        return [path], []
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    headers = [file for file in files if file.suffix == ".hea" and file.is_file()]
    parts = {name for header in headers for name in _parts(header)}  # segments, and files of signals
    found = [header for header in headers if header.stem not in parts]
    others = [file for file in files if file not in headers and file.name not in parts]
    others = [file for file in others if not file.name.endswith(WRITTEN) and file.name not in (COMPARISON, PREDICTIONS)]
    for file in (file for file in others if file.is_file()):
        name = file.name.lower().removesuffix(".gz")
        is_other = name.endswith((".mat", *OTHERS)) or (name.endswith(text_table.ENDINGS) and is_table(file))
        found += [file] if is_other else []
    if not found:
        raise InputError(
            f"{path}: found a folder without recordings, expected WFDB records, .npy, .npz, .mat, .edf, .bdf or text "
            "tables in it"
        )
    kept: dict[Path, Path] = {}
    for file in sorted(found, key=lambda file: (file.is_symlink(), file)):
        kept.setdefault(file.resolve(), file)
    links = [file.name for file in found if file not in kept.values()]
    names = {header.stem for header in headers} | {file.name.partition(".")[0] for file in found}
    beside = [
        f"{file.name}{'' if file.exists() else ' (a link to nothing)'}"
        for file in others
        if file not in found and file.stem not in names
    ]
    left_out = {"they are no recordings": beside, "they are links to others in it": links}
    notes = [f"{path}: left out, since {why}: {listed(some, NAMED)}" for why, some in left_out.items() if some]
    return sorted(kept.values()), notes


def _parts(header: Path) -> list[str]:
    """Return the names of the segments of a record, or of its signal files."""
    return [line.split()[0] for line in header_lines(header.read_bytes())[1:]]
