"""Reading of text tables, of which the first line names the columns, and one column may hold times."""

import codecs
import contextlib
import io
import itertools
import json
import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cardiax.ecg.leads import MILLIVOLTS, parse_name
from cardiax.errors import InputError
from cardiax.launch.formats.columns import SECONDS, recording, role, unit_of
from cardiax.launch.formats.reader import NAME, Recording, check_names, opened
from cardiax.launch.formats.table_cells import (
    MISSING,
    ROW_NUMBERS,
    is_count,
    is_date,
    is_number,
    parse_clock,
    parse_decimal,
    parse_number,
    refuse_halves,
    refuse_thousands,
    split_cells,
)

ENDINGS = (".csv", ".tsv", ".txt", ".asc")

BLANK = " \t\r\n,;"
"""Characters of a line without cells that hold anything."""

LINE = 2**20
"""Number of characters from which a line is no row of a table."""

_RATE = re.compile(
    r"\b(?:sampl(?:e|es|ed|ing)[\s_-]*(?:rate|frequency|freq)?|s?freq|fs|rate|frequency)\b"
    r"(?:[^\d\n]*?|.*?\s)(?P<rate>\d[\d.,]*)\s*(?P<unit>k?hz|samples?\s*(?:/|per)\s*s(?:ec(?:ond)?)?|$)",
    re.IGNORECASE,
)
"""The sampling rate in a comment: a word for it, and a number with its unit or at the end of the line."""

_OTHER_RATE = re.compile(r"heart|filter|pass|notch|bpm|mains|cut-?off|respirat", re.IGNORECASE)
"""Words in comments about other rates and frequencies."""


class Layout(NamedTuple):
    """The layout of a table.

    Attributes:
      encoding: encoding of the text.
      delimiter: delimiter of cells; None for white space.
      names: names of the columns as written; None if there are none.
      units: unit of each column; None if none is stated.
      times: column of the date, if there is one of its own, and of the time; empty if there are no times.
      skip: number of lines before the first row of numbers.
      stated: sampling rate in a comment, Hz, or None; and the comment.
    """

    encoding: str
    delimiter: str | None
    names: list[str] | None
    units: list[str | None]
    times: list[int]
    skip: int
    stated: tuple[float | None, str]


def open_table(path: Path) -> Recording:
    """Open the recording in a text table, in mV unless it states another unit.

    Raises `InputError` if the table is not valid; the message says where.
    """
    layout = _layout(path)
    seconds, is_clock, rows = _scan(path, layout)
    if not rows:
        raise InputError(f"{path}: found no rows of numbers, expected time × leads")

    lines = _rows(path, layout)
    reached = 0

    def read(first: int, last: int, columns: Sequence[int]) -> np.ndarray:
        nonlocal lines, reached
        skipped = first - reached
        if skipped < 0:  # a recording that is read part by part is scanned once
            lines, skipped = _rows(path, layout), first
        chosen = itertools.islice(lines, skipped, skipped + last - first)
        found = [(number, split_cells(line, layout.delimiter)) for number, line in chosen]
        reached = last
        if last == rows:
            lines.close()  # the file too
        if layout.names is None and layout.delimiter == ",":
            refuse_halves(path, [cells for _, cells in found])
        refuse_thousands(path, [cells[index] for _, cells in found for index in columns])
        return np.array([[parse_number(path, number, cells[index]) for index in columns] for number, cells in found])

    times = (layout.times, seconds, is_clock) if layout.times else None
    return recording(path, layout.names, layout.units, rows, read, times, layout.stated)


def is_table(path: Path) -> bool:
    """Return True if a file begins with a table of numbers or times; a list of names or a page of text does not."""
    try:
        layout = _layout(path)
        _, line = next(_rows(path, layout), (0, ""))
    except InputError:
        return False
    cells = [cell for cell in split_cells(line, layout.delimiter) if cell.lower() not in MISSING]
    return bool(cells) and all(is_number(cell) or parse_clock(cell) is not None or cell[:1].isdigit() for cell in cells)


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file, counted from 0; raise `InputError` for one that is too long to be a row."""
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding=encoding)
        for number in itertools.count():
            if not (line := text.readline(LINE)):
                return
            if len(line) == LINE:
                raise InputError(f"{path}: found a line of {LINE:,} characters or more, expected rows of numbers")
            yield number, line


def _layout(path: Path) -> Layout:
    encoding = _encoding(path)
    head, comments = [], []
    for number, line in _lines(path, encoding):
        if line.lstrip('\ufeff"').lower().startswith("sep="):  # Excel's line that states the delimiter
            continue
        if line.lstrip().startswith(("#", "%")):
            comments.append(line.strip())
        elif line.strip(BLANK):
            head.append((number, line.rstrip("\r\n")))
            if len(head) == 3:
                break
    if not head:
        raise InputError(f"{path}: found nothing, expected a header that names the leads")
    delimiter = _delimiter(head[-1][1])
    split = [split_cells(line, delimiter) for _, line in head]
    if delimiter is None and len(split[-1]) == 1:  # one column, whose name may have blanks
        split = [[" ".join(row)] for row in split]
    split = [row[:-1] if delimiter and len(row) > 1 and not row[-1] else row for row in split]  # a mark ends the line
    title = split_cells(comments[-1].lstrip("#% "), delimiter) if comments else []
    names: list[str] | None = None
    units: list[str | None] = [None] * len(split[-1])
    skip = head[0][0]
    if not all(map(is_number, filter(None, split[0]))) or is_count(split[0], split[1:]):
        names, skip = split[0], head[0][0] + 1
        if [row[0] for row in split[1:] if len(row) == len(names) + 1] in ROW_NUMBERS:
            names = ["", *names]  # R gives the row numbers no name
    elif len(title) == len(split[0]) and any(any(parse_name(name[:NAME])[:2]) for name in title):
        names = title  # as np.savetxt writes them
    check_names(path, names or (), len(units))
    if names:
        units = [unit_of(name) for name in names]
        values = [cell for cell in split[1] if cell.lower() not in MISSING] if len(split) > 1 else []
        if names is not title and values and not any(is_number(one) or parse_clock(one) is not None for one in values):
            if len(split[1]) == len(names):
                units = [_one_unit(path, *each) for each in zip(names, units, split[1], strict=True)]
            skip = head[1][0] + 1
    times = [index for index, name in enumerate(names or ()) if role(name) == "time" and index < len(split[-1])]
    days = [index for index in times if is_date(split[-1][index])]
    times = [index for index in times if index not in days][:1]
    if times and ":" in split[-1][times[0]]:
        times = [*days[:1], *times]
    return Layout(encoding, delimiter, names, units, times, skip, _stated(path, comments))


def _one_unit(path: Path, name: str, unit: str | None, cell: str) -> str | None:
    """Return the unit of a column, from its name or the line of units, which must not differ."""
    own, sizes = cell.strip("()[] ").lower(), {**MILLIVOLTS, **SECONDS}
    if own and unit and sizes.get(own, own) != sizes.get(unit, unit):
        raise InputError(f"{path}: found the units {unit} in {name!r} and {own} in the line below, expected one")
    return own or unit


def _stated(path: Path, comments: list[str]) -> tuple[float | None, str]:
    """Return the sampling rate that comments state, Hz, and the comment; None and an empty text if none does."""
    rates: dict[float | None, str] = {}
    for comment in comments:
        found = _RATE.search(comment[:NAME])
        if found and not _OTHER_RATE.search(comment):
            with contextlib.suppress(ValueError):  # 1.2.3 is the number of a version
                rate = parse_decimal(found["rate"]) * (1000 if found["unit"].lower() == "khz" else 1)
                rates.setdefault(rate, comment)
    if len(rates) > 1:
        told = " and ".join(f"{rate:g} Hz in {comment!r}" for rate, comment in rates.items())
        raise InputError(f"{path}: found {told}, expected one sampling rate")
    return next(iter(rates.items()), (None, ""))


def _encoding(path: Path) -> str:
    with opened(path) as file:
        head = file.read(4096)
    encoding = json.detect_encoding(head)
    if encoding == "utf-8":
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            encoding = "latin-1"
    if "\0" in head.decode(encoding, "ignore"):
        raise InputError(f"{path}: found no text, expected a table of numbers")
    return encoding


def _delimiter(line: str) -> str | None:
    """Return the first delimiter that leaves only numbers, times and missing values, else the first that occurs."""
    found = [mark for mark in (";", "\t", "|", ",", None) if len(split_cells(line, mark)) > 1]
    for mark in found:
        if all(
            cell.lower() in MISSING or is_number(cell) or parse_clock(cell) is not None
            for cell in split_cells(line, mark)
        ):
            return mark
    return next(iter(found), None)


def _rows(path: Path, layout: Layout) -> Generator[tuple[int, str], None, None]:
    """Yield the line number, from 1, and the text of every row of numbers; raise `InputError` if widths differ.

    A row of empty cells between others is one of missing values; before and after them it is left out.
    """
    width, mark = len(layout.units), layout.delimiter
    empty: list[tuple[int, str]] | None = None
    for number, line in _lines(path, layout.encoding):
        if number < layout.skip or line.lstrip().startswith(("#", "%")):
            continue
        if not line.strip(BLANK):
            if empty is not None and mark and mark in line:
                empty.append((number + 1, mark * (width - 1)))
            continue
        line = line.rstrip("\r\n")
        cells = line.count(mark) + 1 if mark and '"' not in line else len(split_cells(line, mark))
        if cells != width and not (mark and cells == width + 1 and line.rstrip(" ").endswith(mark)):
            comma = "; separate the cells by semicolons if commas are decimal marks"
            raise InputError(
                f"{path}: found {cells} cells in line {number + 1}, expected {width} as in the first lines; remove the "
                "lines that are not part of the table, or begin them with #"
                f"{comma if mark == ',' and width < cells <= 2 * width else ''}"
            )
        yield from empty or ()
        empty = []
        yield number + 1, line


def _scan(path: Path, layout: Layout) -> tuple[np.ndarray, bool, int]:
    """Scan the times of a table.

    Returns:
      The times as written, float64 (rows,), in s if they are clock times; empty without a column of times; True if
      they are clock times; and the number of rows.
    """
    times, rows, days, clock = array("d"), 0, 0.0, None
    for number, line in _rows(path, layout):
        rows += 1
        if layout.times:
            cells = split_cells(line, layout.delimiter, max(layout.times) + 1)
            text = " ".join(cells[column] for column in layout.times)
            clock = parse_clock(text)
            if clock is not None and times and clock + days < times[-1] - 43_200:
                days += 86_400  # past midnight
            times.append(parse_number(path, number, text) if clock is None else clock + days)
    return np.asarray(times), clock is not None, rows
