"""Reading of text tables: commas, semicolons or tabs, with names in the first line and optionally a time column."""

import codecs
import gzip
import io
import itertools
import re
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from cardiax.ecg import lead_names
from cardiax.errors import InputError
from cardiax.launch.formats.reader import RATES, Recording

ENDINGS = (".csv", ".tsv", ".txt", ".asc")

SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3}
SECONDS |= {"milliseconds": 1e-3, "millis": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "min": 60.0}
SECONDS |= {"minutes": 60.0, "h": 3600.0, "hours": 3600.0}
"""Unit of time → seconds."""

TIMES = ("time", "t", "timestamp", "elapsed time", "elapsed", "datetime", "date", "zeit", "tiempo", "temps", *SECONDS)
MISSING = ("", "na", "n/a", "nan", "null", "-")
"""Cells without a number, in lower case."""

BLANK = " \t\r\n,;"
"""Characters of a line without cells that hold anything."""

INDICES = ("", "index", "sample", "samples", "sample #", "n", "no", "unnamed: 0")

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
      names: names of the columns as written; None if the first line has numbers.
      units: unit of each column; None if none is stated.
      skip: number of lines before the first row of numbers.
      rate: sampling rate in a comment, Hz; None if there is none.
      comment: the comment that states the rate.
    """

    encoding: str
    delimiter: str | None
    names: list[str] | None
    units: list[str | None]
    skip: int
    rate: float | None
    comment: str


def open_table(path: Path) -> Recording:
    """Open the recording in a text table, in mV unless it states another unit.

    Raises:
      InputError: the table is not valid; the message says where.
    """
    layout = _layout(path)
    columns = len(layout.units)
    roles = [_role(name) for name in layout.names] if layout.names else ["signal"] * columns
    signals = [index for index, role in enumerate(roles) if role == "signal"]
    times = [index for index, role in enumerate(roles) if role == "time"]
    seconds, is_clock, rows = _scan(path, layout, times[0] if times else None)
    if not rows:
        raise InputError(f"{path}: found no rows of numbers, expected time × leads")
    rate, rate_from, note = layout.rate, layout.comment and f"the comment {layout.comment!r}", ""
    if seconds is not None:
        name = layout.names[times[0]] if layout.names else "the first column"
        unit = layout.units[times[0]]
        if not (is_clock or unit) and np.array_equal(np.diff(seconds), np.ones(rows - 1)):
            note = (
                f"the times in {name!r} count 1, 2, 3 … and are read as ms; name it sample if they are sample numbers"
            )
        seconds = seconds * (1.0 if is_clock else _factor(path, seconds, name, unit))
        told, rate, rate_from = rate, even_rate(seconds), f"the times in {name!r}"
        if told and rate and abs(told / rate - 1) > 0.01:
            raise InputError(
                f"{path}: found {told:g} Hz in {layout.comment!r} and {rate:g} Hz from its times, expected the same "
                "rate"
            )

    def read(first: int, last: int, channels: Sequence[int]) -> np.ndarray:
        indices = [signals[channel] for channel in channels]
        values = np.empty((last - first, len(indices)))
        chosen = itertools.islice(_rows(path, layout), first, last)
        for row, (number, line) in enumerate(chosen):
            cells = line.split(layout.delimiter)
            values[row] = [_number(path, number, cells[index], layout) for index in indices]
        return values

    names = tuple(layout.names[index] for index in signals) if layout.names else None
    units = tuple(layout.units[index] for index in signals)
    return Recording(path, names, units, rows, rate, seconds, read, rate_from, note)


def _open(path: Path, encoding: str) -> TextIO:
    return io.TextIOWrapper(_open_bytes(path), encoding=encoding)


def _open_bytes(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _layout(path: Path) -> Layout:
    encoding = _encoding(path)
    head, rates = [], {}
    with _open(path, encoding) as file:
        for number, line in enumerate(file):
            if line.lower().startswith("sep="):  # Excel's line that states the delimiter
                continue
            if line.lstrip().startswith(("#", "%")):
                found = _RATE.search(line.strip())
                if found and not _OTHER_RATE.search(line):
                    rates.setdefault(_decimal(found["rate"]) * (1000 if found["unit"].lower() == "khz" else 1), line)
            elif line.strip(BLANK):
                head.append((number, line.rstrip("\r\n")))
                if len(head) == 3:
                    break
    if not head:
        raise InputError(f"{path}: found nothing, expected a header that names the leads")
    if len(rates) > 1:
        told = " and ".join(f"{rate:g} Hz in {line.strip()!r}" for rate, line in rates.items())
        raise InputError(f"{path}: found {told}, expected one sampling rate")
    delimiter = _delimiter(head[-1][1])
    split = [[_plain(cell) for cell in _cells(line, delimiter)] for _, line in head]
    names: list[str] | None = None
    units: list[str | None] = [None] * len(split[-1])
    skip = head[0][0]
    if not all(map(_is_number, filter(None, split[0]))) or _is_count(split[0]):
        names, skip = split[0], head[0][0] + 1
        units = [_unit_of(name) for name in names]
        values = [cell for cell in split[1] if cell.lower() not in MISSING] if len(split) > 1 else []
        if values and not any(map(_is_number, values)) and all(_clock(cell) is None for cell in values):
            if len(split[1]) == len(names):
                units = [own.strip("()[] ").lower() or unit for own, unit in zip(split[1], units, strict=True)]
            skip = head[1][0] + 1
    rate, comment = next(((rate, line.strip()) for rate, line in rates.items()), (None, ""))
    return Layout(encoding, delimiter, names, units, skip, rate, comment)


def _encoding(path: Path) -> str:
    with _open_bytes(path) as file:
        try:
            head = file.read(4096)
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: found a damaged gzip file ({error}), expected a complete one") from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise InputError(f"{path}: found no text, expected a table of numbers")
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _delimiter(line: str) -> str | None:
    for mark in (";", "\t", ","):
        if mark in line:
            return mark
    return None


def _cells(line: str, delimiter: str | None) -> list[str]:
    cells = line.split(delimiter)
    return cells[:-1] if delimiter and not cells[-1].strip() and len(cells) > 1 else cells


def _plain(cell: str) -> str:
    return cell.strip().strip("'\"").strip()


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _is_count(cells: list[str]) -> bool:
    """True if a line counts its columns, as pandas names unnamed ones: 0, 1, 2, … or 1, 2, 3, …"""
    numbers = cells[1:] if cells[:1] == [""] else cells
    return len(numbers) > 2 and any(numbers == [str(first + i) for i in range(len(numbers))] for first in (0, 1))


def _decimal(text: str) -> float:
    """Parse a number such as `1000`, `1,000`, `257.5`, `257,5` or `1.000,5`."""
    text = text.strip(".,")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text):
        return float(text.replace(",", ""))
    return float(text.replace(".", "").replace(",", ".") if "." in text and "," in text else text.replace(",", "."))


def _unit_of(name: str) -> str | None:
    found = re.search(r"[\(\[{]\s*([^\)\]}]+?)\s*[\)\]}]\s*$|_(s|ms|us|µs|sec)$", name, re.IGNORECASE)
    return (found[1] or found[2]).lower() if found else lead_names.parse(name).unit


def _role(name: str) -> str:
    plain = re.sub(r"[\(\[{].*$|_(s|ms|us|µs|sec)$", "", name.lower()).strip(" _")
    if plain in TIMES:
        return "time"
    return "index" if plain in INDICES else "signal"


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, str]]:
    """Yield the line number, from 1, and the text of every row of numbers; raise `InputError` if widths differ."""
    width, mark = len(layout.units), layout.delimiter
    with _open(path, layout.encoding) as file:
        try:
            for number, line in enumerate(file):
                if number < layout.skip or not line.strip(BLANK) or line.lstrip().startswith(("#", "%")):
                    continue
                line = line.rstrip("\r\n")
                cells = line.count(mark) + 1 if mark else len(line.split())
                if cells != width and not (mark and cells == width + 1 and line.rstrip(" ").endswith(mark)):
                    raise InputError(
                        f"{path}: found {cells} cells in line {number + 1}, expected {width} as in the first lines; "
                        "remove the lines that are not part of the table, or begin them with #"
                    )
                yield number + 1, line
        except (UnicodeDecodeError, EOFError, OSError) as error:
            raise InputError(f"{path}: found text that cannot be read ({error}), expected a complete table") from error


def _scan(path: Path, layout: Layout, column: int | None) -> tuple[np.ndarray | None, bool, int]:
    """Scan the time column of a table.

    Returns:
      The times as written, float64 (rows,), in s if they are clock times, or None without a column; True if they are
      clock times; and the number of rows.
    """
    times, rows, days, clock = array("d"), 0, 0.0, None
    for number, line in _rows(path, layout):
        rows += 1
        if column is not None:
            cell = _plain(line.split(layout.delimiter, column + 1)[column])
            clock = _clock(cell)
            if clock is not None and times and clock + days < times[-1] - 43_200:
                days += 86_400  # past midnight
            times.append(_number(path, number, cell, layout) if clock is None else clock + days)
    return (np.asarray(times) if column is not None else None), clock is not None, rows


def _number(path: Path, line: int, cell: str, layout: Layout) -> float:
    text = _plain(cell)
    if layout.delimiter != ",":
        text = text.replace(",", ".")
    if not text or text.lower() in MISSING:
        return float("nan")
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{path}: found {text!r} in line {line}, expected a number") from error


def _clock(cell: str) -> float | None:
    """Parse a time of day, with or without a date, into seconds; return None for anything else."""
    if ":" not in cell:
        return None
    cell = re.sub(r"\s*([+-]\d\d:?\d\d|Z)$", "", cell.strip("[]").replace("T", " "))  # all rows have the same time zone
    date, _, clock = cell.rpartition(" ")
    try:
        parts = [float(part.replace(",", ".")) for part in clock.split(":")]
        days = datetime.fromisoformat(date.strip()).toordinal() if re.match(r"\d{4}-\d\d-\d\d$", date.strip()) else 0
    except ValueError:
        return None
    return days * 86400 + sum(part * 60**power for power, part in enumerate(reversed(parts)))


def _factor(path: Path, times: np.ndarray, name: str, unit: str | None) -> float:
    """Return the unit of times in seconds: the stated one, or the only one that gives a plausible sampling rate."""
    step = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    if not np.isfinite(times).all() or step <= 0:
        raise InputError(
            f"{path}: found times in {name!r} that are missing or do not increase, expected an increasing time in "
            "each row"
        )
    if unit in SECONDS:
        return SECONDS[unit]
    if unit:
        raise InputError(f"{path}: found times in {unit!r}, expected s, ms, us, min or h; name the column time_ms")
    plausible = [one for one in (1.0, 1e-3, 1e-6) if RATES[0] <= 1 / (step * one) <= RATES[1]]
    if len(plausible) != 1:
        raise InputError(
            f"{path}: found a step of {step:g} between the times in {name!r}, whose unit is not given; name the column "
            "time_s or time_ms"
        )
    return plausible[0]


def even_rate(seconds: np.ndarray) -> float | None:
    """Return the sampling rate, Hz, of times that are evenly spaced up to their rounding; None if they are not."""
    if len(seconds) < 3:
        return None
    step = float(seconds[-1] - seconds[0]) / (len(seconds) - 1)
    count = np.arange(len(seconds)) - (len(seconds) - 1) / 2
    middle = float(np.mean(seconds))
    slope = float(count @ (seconds - middle) / (count @ count))  # least squares, since the end points are rounded too
    if step <= 0 or np.ptp(seconds - middle - slope * count) > 1.01 * _resolution(seconds) + 0.04 * step:
        return None
    other = np.abs(np.diff(seconds) - np.median(np.diff(seconds))) > 0.5 * _resolution(seconds) + 0.04 * step
    if 0 < np.mean(other) < 0.01:  # a lost sample: rounding would recur every few samples
        return None
    rate = 1 / slope
    return float(round(rate)) if abs(rate / max(round(rate), 1) - 1) < 2e-3 else rate


def _resolution(seconds: np.ndarray) -> float:
    """Return the power of ten, s, to which times are rounded; 0 if there is none."""
    for power in range(7):
        scaled = seconds * 10.0**power
        if np.abs(scaled - np.rint(scaled)).max() < 1e-3:
            return 10.0**-power
    return 0.0
