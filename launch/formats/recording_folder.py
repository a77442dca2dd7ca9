"""The recordings in a folder."""

from pathlib import Path

from cardiax.errors import InputError
from cardiax.launch.formats.text_table import ENDINGS, is_table

WRITTEN = ("_beats.csv", "_summary.txt", "_summary.json", "_notes.txt", "_activation.csv", "_voltage.csv", ".cardiax")
WRITTEN += ("_strips.png", "_rr.png", "_beats.png", "_ecg.png", "_activation.png", "_heart.gif", "comparison.json")
WRITTEN += ("_voltage.png", "_report.html")
"""Endings of the files that `cardiax predict` writes; they are no recordings."""

OTHERS = (".npy", ".npz", ".edf", ".bdf", ".mat")
"""Endings of other files that are recordings."""

NAMED = 8
"""Largest number of files that a note names."""


def recordings_in(path: Path) -> tuple[list[Path], list[str]]:
    """Find the recordings in a folder: its WFDB records, without segments of others, its arrays and its text tables.

    Returns:
      The recordings in the order of their names, and notes about what is left out; of any other path, itself.

    Raises:
      InputError: the folder has no recording.
    """
    if not path.is_dir() or (path.parent / f"{path.name}.hea").is_file():  # "." has no name
        return [path], []
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    headers = [file for file in files if file.suffix == ".hea" and file.is_file()]
    parts = {name for header in headers for name in _parts(header)}  # segments, and files of signals
    found = [header for header in headers if header.stem not in parts]
    others = [file for file in files if file not in headers and file.name not in parts]
    others = [file for file in others if not file.name.endswith(WRITTEN)]
    found += [file for file in others if _is_array_or_table(file)]
    if not found:
        raise InputError(
            f"{path}: found a folder without recordings, expected WFDB records, .npy, .npz, .mat, .edf, .bdf or text "
            "tables in it"
        )
    names = {header.stem for header in headers} | {file.name.partition(".")[0] for file in found}
    beside = [file.name for file in others if file not in found and file.stem not in names]
    more = f" and {len(beside) - NAMED} more" if len(beside) > NAMED else ""
    notes = [f"{path}: left out, since they are no recordings: {', '.join(beside[:NAMED])}{more}"] if beside else []
    return sorted(found), notes


def _is_array_or_table(file: Path) -> bool:
    name = file.name.lower().removesuffix(".gz")
    return file.is_file() and (name.endswith(OTHERS) or (name.endswith(ENDINGS) and is_table(file)))


def _parts(header: Path) -> list[str]:
    """Return the names of the segments of a record, or of its signal files."""
    lines = [line for line in header.read_text("latin-1").splitlines() if line.strip() and not line.startswith("#")]
    return [line.split()[0] for line in lines[1:]]
