"""The recordings in a folder."""

from pathlib import Path

from cardiax.errors import InputError
from cardiax.launch.formats.text_table import ENDINGS

WRITTEN = ("_beats.csv", "_summary.txt", "_notes.txt", "_activation.csv", "_voltage.csv")
"""Endings of the files that `cardiax predict` writes; they are no recordings."""


def recordings_in(path: Path) -> list[Path]:
    """Return the recordings in a folder, in the order of their names; of any other path, itself.

    These are its WFDB records, without segments of others, or if it has none, its arrays and text tables.

    Raises:
      InputError: the folder has no recording.
    """
    if not path.is_dir() or (path.parent / f"{path.name}.hea").is_file():  # "." has no name
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    headers = [file for file in files if file.suffix == ".hea"]
    segments = {name for header in headers for name in _segments(header)}
    endings = (*ENDINGS, ".npy", ".npz")
    found = [header for header in headers if header.stem not in segments] or [
        file
        for file in files
        if file.name.lower().removesuffix(".gz").endswith(endings) and not file.name.endswith(WRITTEN)
    ]
    if not found:
        raise InputError(f"{path}: found a folder without recordings, expected .hea, .npy or tables of text in it")
    return found


def _segments(header: Path) -> list[str]:
    """Return the names of the segments of a record; none of a record of one segment."""
    lines = [line for line in header.read_text("latin-1").splitlines() if line.strip() and not line.startswith("#")]
    if not lines or "/" not in lines[0].split()[0]:
        return []
    return [line.split()[0] for line in lines[1:]]
