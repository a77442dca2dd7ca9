"""Tables of two columns: symbol → class, label → class or record → group."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from cardiax.datasets.own_beats.beat_table import GROUPS, LABELS
from cardiax.errors import InputError, raise_of_disk

_HEADS = {(left, right) for left in ("symbol", "record", *LABELS) for right in ("class", *GROUPS)}
"""First lines of tables of two columns that are headers."""


def read_pairs(path: Path, what: str, key: Callable[[str], str] = str) -> dict[str, str]:
    """Read a table of two columns, as CSV or as a JSON object; `InputError` if the file is missing or has none.

    `what` names its content in messages, e.g. `symbol → class`; `key` returns the key of a text of the first column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            found = json.loads(text)
            rows = [[str(left), right] for left, right in found.items()] if isinstance(found, dict) else []
        else:
            mark = next((mark for mark in "\t;" if mark in text), ",")
            rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=mark) if row]
            rows = rows[1:] if rows and tuple(map(str.lower, rows[0])) in _HEADS else rows
        if not rows or not all(len(row) == 2 and isinstance(row[1], str) and all(row) for row in rows):
            raise ValueError("not two texts in each line")
        pairs: dict[str, str] = {key(left): right for left, right in rows}
        if len(pairs) < len(rows):
            raise ValueError("one text is twice in the first column")
    except FileNotFoundError as error:
        raise InputError(f"{path}: found no such file, expected a table {what}") from error
    except (ValueError, RecursionError, csv.Error, OSError) as error:
        raise_of_disk(error, path)
        raise InputError(f"{path}: found no table {what} ({error}), expected CSV or a JSON object") from error
    return pairs
