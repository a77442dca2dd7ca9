"""Kaggle's four heartbeat CSV files, and a reader that validates every cell.

A file has no header and 188 columns: 187 samples of one beat in [0, 1], zero-padded, then the label. Tables that were
re-saved with a header, an index column, quotes, semicolons or tabs are read too. Every mistake in a file raises an
`InputError` of one line that states the file, the line and the column (both counted from 1), what was found, what was
expected and what to do.
"""

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from cardiax.catalog import BEAT_LENGTH
from cardiax.datasets.storage.manual_files import File
from cardiax.errors import InputError, naming
from cardiax.file_checks import EMPTY, HEAD, kind

HOMEPAGE = "https://www.kaggle.com/datasets/shayanfazeli/heartbeat"
COLUMNS = BEAT_LENGTH + 1
ROWS = 860  # read at once: 4 MiB of Kaggle's
LONGEST = 4 << 20  # bytes of a line
FETCH_AGAIN = f"fetch the file again from {HOMEPAGE}"


@dataclass(frozen=True)
class CsvFile:
    """One of Kaggle's files: its TFDS split, the allowed labels of its rows, and the digest of Kaggle's own."""

    name: str
    split: str
    labels: tuple[int, ...]
    sha256: str


AAMI = (0, 1, 2, 3, 4)
FILES = {
    "mitbih": (
        CsvFile("mitbih_train.csv", "train", AAMI, "ae4c80504ad1d0be5c3f1b3c6ef02851e4d1b05d05805fce2a73374f083a700e"),
        CsvFile("mitbih_test.csv", "test", AAMI, "f3fdb3fd318275e653fac082b617d8c1ef09fca619a0606dc22c863451c77333"),
    ),
    "ptbdb": (
        CsvFile("ptbdb_normal.csv", "normal", (0,), "033d355e76e9f65f692fa398c5b24e357d004fab328c97db5160591a2eafe48c"),
        CsvFile(
            "ptbdb_abnormal.csv", "abnormal", (1,), "27b4a37cd6dbcede0900cde3df02291f21e7538085d54e6b33abb91f4a5cf912"
        ),
    ),
}
"""The files of each configuration, in the order of its splits."""


def read_beats(source: File, labels: Sequence[int], digest: "hashlib._Hash") -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield beats (n, 187), float32 in [0, 1], and labels (n,), int32, of some rows at a time, in file order.

    Every cell is checked, with `labels` the allowed ones; the first mistake is an `InputError`. `digest` is updated
    with the file's bytes as they are read.
    """
    with naming(source.path), source.path.open("rb") as stream:
        found = kind(stream.read(HEAD))
        if found and found != EMPTY:
            raise InputError(f"{source}: found {found}, expected a CSV file: {FETCH_AGAIN}")
        stream.seek(0)
        lines = _lines(stream, source, digest)
        first = next(lines, None)
        if first is None:
            raise InputError(f"{source}: the file is empty, expected rows of {COLUMNS} columns: {FETCH_AGAIN}")
        layout = Layout.of(first, source)
        lines, line = lines if layout.header else itertools.chain([first], lines), 1 + layout.header
        while rows := layout.plain(list(itertools.islice(lines, ROWS))):
            table = _parse(rows)
            if table is None or not _valid(table, labels).all():
                raise _first_mistake(rows, line, source, labels, layout.index)
            yield table[:, :BEAT_LENGTH].astype(np.float32), table[:, BEAT_LENGTH].astype(np.int32)
            line += len(rows)
    if line == 1 + layout.header:
        raise InputError(f"{source}: found a header and no row, expected rows of {COLUMNS} columns: {FETCH_AGAIN}")


def _lines(stream: IO[bytes], source: File, digest: "hashlib._Hash") -> Iterator[str]:
    """Yield the lines of a file with their line breaks; of blank ones the first, and none of those at its end."""
    blank = False
    for line in iter(lambda: stream.readline(LONGEST), b""):
        if len(line) == LONGEST:
            raise InputError(f"{source}: no line break in {LONGEST} bytes, expected a CSV file: {FETCH_AGAIN}")
        digest.update(line)
        try:
            text, wrong = line.decode("utf-8-sig"), line.find(0)
        except UnicodeDecodeError as error:
            text, wrong = "", error.start
        if wrong >= 0:
            raise InputError(f"{source}: binary content (byte 0x{line[wrong]:02x}), expected a CSV file: {FETCH_AGAIN}")
        if not text.strip():
            blank = True
        else:
            if blank:  # no row, at which the caller stops
                yield "\n"
            yield text


@dataclass(frozen=True)
class Layout:
    """The layout of a saved table: the separator of cells (if it is not the comma, that is the decimal point), if they
    are in quotation marks, if the first line names the columns, and if the first column counts the rows, as by pandas.
    """

    separator: str = ","
    quoted: bool = False
    header: bool = False
    index: bool = False

    @classmethod
    def of(cls, row: str, source: File) -> "Layout":
        """Detect the layout of a table by its first line; `InputError` for a header of other columns, or of data."""
        row = row.strip()
        quoted = row.startswith('"') and row.endswith('"')
        separator = next((one for one in ";\t" if one in row), ",")
        cells = [cell.strip().strip('"').lower() for cell in row.split(separator)]
        if separator != ",":
            cells = [cell.replace(",", ".") for cell in cells]
        if len(cells) not in (COLUMNS, COLUMNS + 1):
            return cls(separator, quoted)
        if sum(re.fullmatch(r"[01]\.\d+(e[+-]\d+)?\.\d+", cell) is not None for cell in cells) > 2:
            raise InputError(
                f"{source}: line 1: found a row that was taken for a header and its values renamed (pandas without "
                f"header=None), expected samples: {FETCH_AGAIN}"
            )
        header = sum(not _is_sample(cell) for cell in cells) > COLUMNS // 2
        label = next((i for i, cell in enumerate(cells) if cell in ("label", "labels", "class", "target", "y")), -1)
        if header and 0 <= label < len(cells) - 1:
            raise InputError(
                f"{source}: line 1: found the label in column {label + 1} of {len(cells)}, expected it in the last: "
                f"move that column to the end, or {FETCH_AGAIN}"
            )
        index = len(cells) > COLUMNS and (header or cells[0] in ("0", "1"))
        return cls(separator, quoted, header, index)

    def plain(self, rows: list[str]) -> list[str]:
        """Convert rows to Kaggle's format; an index cell that is not an integer is kept, as one column too many."""
        if self.quoted:
            rows = [row.replace('"', "") for row in rows]
        if self.separator != ",":
            rows = [row.replace(",", ".").replace(self.separator, ",") for row in rows]
        if self.index:
            rows = [row.partition(",")[2] if row.partition(",")[0].strip().isdigit() else row for row in rows]
        return rows


def _is_sample(cell: str) -> bool:
    return 0 <= _number(cell) <= 1


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _parse(rows: list[str]) -> np.ndarray | None:
    """Parse rows to a float64 table (n, 188), or return None if they are not one."""
    try:
        table = np.loadtxt(rows, delimiter=",", comments=None, ndmin=2) if all(map(str.strip, rows)) else None
    except ValueError:
        return None
    return table if table is not None and table.shape == (len(rows), COLUMNS) else None


def _valid(table: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Return the mask of the valid cells of `table` (n, 188); NaN is invalid."""
    valid = (table >= 0) & (table <= 1)
    valid[:, BEAT_LENGTH] = np.isin(table[:, BEAT_LENGTH], labels)
    return valid


def _first_mistake(rows: list[str], line: int, source: File, labels: Sequence[int], index: bool) -> InputError:
    """Return the error for the first invalid cell of `rows` in plain layout, which begin at `line` (from 1)."""
    for number, row in enumerate(rows, start=line):
        table = _parse([row])
        if table is not None and _valid(table, labels).all():
            continue
        cells = row.rstrip("\r\n").split(",")
        if not row.endswith("\n") and len(cells) < COLUMNS:
            return InputError(
                f"{source}: line {number}, the last, is cut off in column {len(cells) + index}, expected "
                f"{COLUMNS + index} columns: the file is truncated: {FETCH_AGAIN}"
            )
        return _row_mistake(cells, f"{source}: line {number}", labels, index)
    return InputError(f"{source}: lines {line} to {line + len(rows) - 1} are not a table of numbers: {FETCH_AGAIN}")


def _row_mistake(cells: list[str], where: str, labels: Sequence[int], index: bool) -> InputError:
    """Return the error for the first invalid cell of a row; with an index column, its column number is one higher."""
    if len(cells) != COLUMNS:
        found = "is empty" if cells == [""] else f"has {len(cells)} columns"
        return InputError(f"{where} {found}, expected {COLUMNS} ({BEAT_LENGTH} samples and a label): {FETCH_AGAIN}")
    for column, cell in enumerate(cells, start=1):
        if column < COLUMNS:
            valid, expected = _is_sample(cell), "a sample in [0, 1]"
        else:
            valid, expected = _number(cell) in labels, f"the label {' or '.join(map(str, labels))}"
        if not valid:
            return InputError(
                f"{where}, column {column + index}: found {cell.strip()[:40]!r}, expected {expected}: {FETCH_AGAIN}"
            )
    return InputError(f"{where} is not a row of plain numbers: {FETCH_AGAIN}")


def differences(
    file: CsvFile, counts: Sequence[int], published: Sequence[int], classes: Sequence[str], sha256: str
) -> list[str]:
    """Describe how a file that was read differs from Kaggle's, in at most one line; [] if the digest is the same.

    `counts` are the rows read of each class, `published` those in the split, or in all files of the configuration.
    """
    expected = [number if label in file.labels else 0 for label, number in enumerate(published)]

    def tally(numbers: Sequence[int]) -> str:
        return ", ".join(f"{classes[label]} {numbers[label]}" for label in file.labels)

    if list(counts) != expected:
        absent = [classes[label] for label in file.labels if counts[label] == 0]
        return [
            f"{file.name}: {sum(counts)} rows ({tally(counts)}), Kaggle's file has {sum(expected)} ({tally(expected)})"
            + (f"; no rows of class {', '.join(absent)}" if absent else "")
        ]
    if sha256 != file.sha256:
        return [
            f"{file.name}: as many rows of each class as Kaggle's file, but a different digest (sha256 {sha256[:12]}…, "
            f"Kaggle's {file.sha256[:12]}…): the rows may be in another order"
        ]
    return []
