"""The SHA-256 of the files of a run, in `.sums.json` of its folder, since JSON and CSV have no checksum of their own.

A new sum is written before its file, beside the one before it, so a command that is killed in between leaves a file
with a known sum.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from cardiax.errors import InputError, naming

SUMS = ".sums.json"
"""File name → SHA-256 of its content, and that of the content before it."""


def digest(content: bytes) -> str:
    """Return the SHA-256 of the content of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def with_sum(folder: Path, name: str, content: bytes) -> bytes | None:
    """Return the content of `.sums.json` with that of a file that is about to be written, or None if it has it.

    The second sum is that of the file on disk, not of the last write, which may have been killed before its file.
    """
    sums, path = _read(folder), folder / name
    known, new = sums.get(name, []), [digest(content)]
    with naming(path):
        now = digest(path.read_bytes()) if path.exists() else new[0]
    if now != new[0] and (now in known or not known):  # an edited file stays unknown
        new.append(now)
    return None if new == known else json.dumps(sums | {name: new}, indent=1, sort_keys=True).encode() + b"\n"


def stored(folder: Path, name: str) -> str:
    """Return the sum of a file as it was written last; empty if there is none."""
    return next(iter(_read(folder).get(name, ())), "")


def read(path: Path) -> bytes:
    """Read a file of a run; `InputError` if it is not the one that cardiax wrote. One without a sum is not checked."""
    with naming(path):
        content = path.read_bytes()
    expected = _read(path.parent).get(path.name)
    if expected and digest(content) not in expected:
        raise InputError(
            f"{path}: found another SHA-256 than in {SUMS}, expected the file that cardiax wrote: it was damaged, "
            f"edited or is of another run; restore it, or remove {path.parent / SUMS} to use it as it is"
        )
    return content


def _read(folder: Path) -> dict[str, Any]:
    try:
        with naming(folder / SUMS):
            found = json.loads((folder / SUMS).read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, list) for value in found.values()):
        raise InputError(f"{folder / SUMS}: found no valid sums, expected those that cardiax wrote; remove the file")
    return found
