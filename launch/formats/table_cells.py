"""The cells of a line of text: numbers, dates and times of day, however they are written."""

import csv
import re
from datetime import date, datetime
from pathlib import Path

from cardiax.errors import InputError

MISSING = ("", "na", "n/a", "nan", "null", "-")
"""Cells without a number, in lower case."""

ROW_NUMBERS = (["0", "1"], ["1", "2"])
"""The first two cells of a column of row numbers."""

_CLOCK = re.compile(
    r"(?:(?P<date>.*\d)[ T] *)?(?P<clock>\d{1,7}:\d\d(?::\d\d)?)(?P<part>[.,]\d+|:\d{3})? *(?P<half>[ap]\.?m\.?)?"
    r" *(?:[+-]\d\d:?\d\d|z)?",
    re.IGNORECASE,
)
"""A time of day or an elapsed time, with or without a date, half of the day and time zone (the same in all rows)."""

_DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[012])([012]\d|3[01])")
"""A date without separators, e.g. 20240501."""

_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}([.,]\d{3})+")


def split_cells(line: str, delimiter: str | None, first: int = -1) -> list[str]:
    """Split a line into cells without quotation marks; the `first` ones suffice."""
    if '"' in line:
        try:
            cells = next(csv.reader([line.strip(" ")], delimiter=delimiter or " ", skipinitialspace=True))
        except csv.Error:
            cells = [line]  # too long
    else:
        cells = line.split(delimiter, first)
    return [cell.strip().strip("'\"\u200b\ufeff").strip() for cell in cells]


def is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def is_count(cells: list[str], below: list[list[str]]) -> bool:
    """True if a line counts its columns, as pandas names unnamed ones: 0, 1, 2, … or 1, 2, 3, …

    One or two such numbers could also be samples. They count columns if the first column of the rows `below` counts
    the rows or, if the line has no cell for that column, none of their cells is a whole number.
    """
    has_index = cells[:1] == [""]
    numbers = cells[1:] if has_index else cells
    if has_index and len(numbers) < 3:
        is_sure = [row[0] for row in below] in ROW_NUMBERS
    else:
        is_sure = len(numbers) > 2 or not any(cell.lstrip("+-").isdigit() for row in below for cell in row)
    counts = [[str(first + index) for index in range(len(numbers))] for first in (0, 1)]
    return is_sure and (has_index or len(numbers) > 1) and numbers in counts


def parse_decimal(text: str) -> float:
    """Parse a number such as `1000`, `1,000`, `257.5`, `257,5` or `1.000,5`."""
    text = text.strip(".,")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text):
        return float(text.replace(",", ""))
    return float(text.replace(".", "").replace(",", ".") if "." in text and "," in text else text.replace(",", "."))


def is_date(cell: str) -> bool:
    """True for a date without a time of day."""
    return ":" not in cell and cell.lower() not in MISSING and (not is_number(cell) or bool(_DAY.fullmatch(cell)))


def parse_number(path: Path, line: int, text: str) -> float:
    if text.lower() in MISSING:
        return float("nan")
    try:
        return float(text.replace(",", ".").replace("−", "-"))
    except ValueError as error:
        raise InputError(f"{path}: found {text[:40]!r} in line {line}, expected a number") from error


def refuse_thousands(path: Path, cells: list[str]) -> None:
    """Raise `InputError` if commas or points in numbers are not, or may not be, decimal marks."""
    marked = [cell for cell in cells if "." in cell or "," in cell]
    both = [cell for cell in marked if "." in cell and "," in cell]
    if not both and any(cell.lstrip("+-").isdigit() for cell in cells) and all(map(_THOUSANDS.fullmatch, marked)):
        both = marked
    if both:
        raise InputError(
            f"{path}: found {both[0][:40]!r}, expected numbers without thousands separators; save them without these"
        )


def refuse_halves(path: Path, rows: list[list[str]]) -> None:
    """Raise `InputError` if rows of two cells are numbers that were split at their decimal comma, as 0,05 is.

    The second cells are then whole numbers without a sign, of which some begin with 0.
    """
    halves = [row for row in rows if re.fullmatch(r"0\d+", row[-1])]
    if halves and all(len(row) == 2 and row[1].isdigit() and row[0].lstrip("+-").isdigit() for row in rows):
        raise InputError(
            f"{path}: found {','.join(halves[0])!r}, expected two columns, or numbers with decimal points; write "
            "decimal commas as points"
        )


def parse_clock(cell: str) -> float | None:
    """Parse a time of day or an elapsed time into seconds; return None for anything else.

    With a date, the seconds are those since 2000-01-01, which float64 resolves to a microsecond. A date counts only as
    YYYY-MM-DD, since the order of days and months is unknown otherwise.
    """
    if not (found := _CLOCK.fullmatch(cell.strip("[]"))):
        return None
    parts = [int(part) for part in found["clock"].split(":")]
    if found["half"]:
        parts[0] = parts[0] % 12 + 12 * (found["half"][0] in "pP")
    try:
        days = datetime.fromisoformat((found["date"] or "").strip()).toordinal() - date(2000, 1, 1).toordinal()
    except ValueError:
        days = 0
    seconds = 86400 * days + sum(part * 60**power for power, part in enumerate(reversed(parts)))
    return seconds + float(f"0.{(found['part'] or '.0')[1:]}")
