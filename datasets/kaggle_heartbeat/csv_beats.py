"""Kaggle's four heartbeat CSV files: what they are, where they lie, and reading them with every cell checked.

A file has no header and 188 columns: 187 samples of one beat in [0, 1], zero-padded, then the label. Nothing here
imports TFDS. Every mistake in a file is an `InputError` of one line that names the file, the line and the column
(both counted from 1), what was found, what was wanted and what to do.
"""

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cardiax.catalog import BEAT_LENGTH
from cardiax.errors import InputError

HOMEPAGE = "https://www.kaggle.com/datasets/shayanfazeli/heartbeat"
COLUMNS = BEAT_LENGTH + 1
BLOCK_BYTES = 4 << 20  # one block holds about 860 rows of Kaggle's 4.9 kB
FOLDERS = ("", "archive/", "ecg_dataset/")  # as Kaggle unpacks, and as the reference projects rename it
ARCHIVES = ("archive.zip", "heartbeat.zip")  # as Kaggle's page and as Kaggle's command line name the download
FETCH_AGAIN = f"fetch the file again from {HOMEPAGE}"


class MissingFileError(InputError):
    """A file of Kaggle's is in none of the places where it may lie."""


@dataclass(frozen=True)
class CsvFile:
    """One of Kaggle's files.

    Attributes:
      name: its file name.
      split: the TFDS split that it becomes.
      labels: the labels that its rows may hold.
      sha256: the digest of the file that Kaggle ships.
    """

    name: str
    split: str
    labels: tuple[int, ...]
    sha256: str


FILES = {
    "mitbih": (
        CsvFile(
            "mitbih_train.csv",
            "train",
            (0, 1, 2, 3, 4),
            "ae4c80504ad1d0be5c3f1b3c6ef02851e4d1b05d05805fce2a73374f083a700e",
        ),
        CsvFile(
            "mitbih_test.csv",
            "test",
            (0, 1, 2, 3, 4),
            "f3fdb3fd318275e653fac082b617d8c1ef09fca619a0606dc22c863451c77333",
        ),
    ),
    "ptbdb": (
        CsvFile(
            "ptbdb_normal.csv",
            "normal",
            (0,),
            "033d355e76e9f65f692fa398c5b24e357d004fab328c97db5160591a2eafe48c",
        ),
        CsvFile(
            "ptbdb_abnormal.csv",
            "abnormal",
            (1,),
            "27b4a37cd6dbcede0900cde3df02291f21e7538085d54e6b33abb91f4a5cf912",
        ),
    ),
}
"""The files of each configuration, in the order of its splits."""


@dataclass(frozen=True)
class Source:
    """Where a CSV file lies: at `path`, or as `member` of the zip at `path`."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The file's bytes as a stream; a zip's member is read in place, nothing is extracted."""
        if self.member is None:
            with self.path.open("rb") as stream:
                yield stream
        else:
            with _zip_mistakes(self.path), zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                yield stream


@contextlib.contextmanager
def _zip_mistakes(path: Path) -> Iterator[None]:
    """Turns what `zipfile` raises for a damaged, encrypted or exotic archive into an `InputError`."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{path}: not a zip file that can be read ({error}): fetch archive.zip again from {HOMEPAGE}"
        ) from error


def find_csv(folder: Path, name: str) -> Source | None:
    """The CSV file of that name in `folder`, its `archive` or `ecg_dataset`, or its archive.zip; None without one.

    Of an archive only a member called exactly `NAME`, `archive/NAME` or `ecg_dataset/NAME` is ever looked at.

    Raises:
      InputError: a folder bears the name, or the archive is no zip file.
    """
    for prefix in FOLDERS:
        path = folder / prefix / name
        if path.is_dir():
            raise InputError(f"{path}: is a folder, wanted a CSV file: move the file out of it, or {FETCH_AGAIN}")
        if path.exists():
            return Source(path)
    for archive_name in ARCHIVES:
        path = folder / archive_name
        if not path.is_file():
            continue
        with _zip_mistakes(path), zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
        for prefix in FOLDERS:
            if prefix + name in members:
                return Source(path, prefix + name)
    return None


def read_beats(
    source: Source, labels: Sequence[int], digest: "hashlib._Hash"
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Streams the rows of `source` in file order, every cell checked.

    Args:
      source: the CSV file.
      labels: the labels that a row may hold.
      digest: is fed the file's bytes as they are read.

    Yields:
      beats (n, 187) float32 in [0, 1] and labels (n,) int32, for n rows at a time.

    Raises:
      InputError: the first mistake in the file.
    """
    line = 1  # of the block's first row
    with source.open() as stream:
        for text, complete in _blocks(stream, source, digest):
            rows = text.split("\n")
            table = _parse(rows)
            if table is None or not _valid(table, labels).all():
                raise _first_mistake(rows, line, source, labels, complete)
            yield table[:, :BEAT_LENGTH].astype(np.float32), table[:, BEAT_LENGTH].astype(np.int32)
            line += len(rows)


def _blocks(stream: IO[bytes], source: Source, digest: "hashlib._Hash") -> Iterator[tuple[str, bool]]:
    """Blocks of whole lines as text, less the last line break; False with the last one where the file has none."""
    rest = b""
    empty = True
    while block := stream.read(BLOCK_BYTES):
        if empty:
            _check_magic(block, source)
            empty = False
        digest.update(block)
        end = block.rfind(b"\n")
        if end < 0 and len(rest) + len(block) > BLOCK_BYTES:
            raise InputError(f"{source}: no line break in {BLOCK_BYTES} bytes, wanted a CSV file: {FETCH_AGAIN}")
        if end >= 0:
            yield _text(rest + block[:end], source), True
        rest = rest + block if end < 0 else block[end + 1 :]
    if empty:
        raise InputError(f"{source}: the file is empty, wanted rows of {COLUMNS} columns: {FETCH_AGAIN}")
    if rest:
        yield _text(rest, source), False


def _check_magic(block: bytes, source: Source) -> None:
    for magic, kind in ((b"\x1f\x8b", "gzip-compressed"), (b"PK\x03\x04", "a zip archive")):
        if block.startswith(magic):
            raise InputError(f"{source}: is {kind}, wanted the CSV text: decompress it under the same name")


def _text(block: bytes, source: Source) -> str:
    try:
        text = block.decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{source}: binary content (byte 0x{block[error.start]:02x}), wanted a CSV file: {FETCH_AGAIN}"
        ) from error
    if "\0" in text:
        raise InputError(f"{source}: binary content (byte 0x00), wanted a CSV file: {FETCH_AGAIN}")
    return text


def _parse(rows: list[str]) -> np.ndarray | None:
    """The rows as a float64 table (n, 188), or None where they do not make one."""
    try:
        table = np.loadtxt(rows, delimiter=",", comments=None, ndmin=2) if all(rows) else None
    except ValueError:
        return None
    return table if table is not None and table.shape == (len(rows), COLUMNS) else None


def _valid(table: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Which cells of `table` (n, 188) may stand: booleans of the same shape. A NaN compares false."""
    valid = (table >= 0) & (table <= 1)
    valid[:, BEAT_LENGTH] = np.isin(table[:, BEAT_LENGTH], labels)
    return valid


def _first_mistake(rows: list[str], line: int, source: Source, labels: Sequence[int], complete: bool) -> InputError:
    """The error for the first bad cell of `rows`, the first of which is `line` (from 1) of the file."""
    for number, row in enumerate(rows, start=line):
        table = _parse([row])
        if table is not None and _valid(table, labels).all():
            continue
        cells = row.rstrip("\r").split(",")
        if not complete and number == line + len(rows) - 1 and len(cells) < COLUMNS:
            return InputError(
                f"{source}: line {number}, the last, is cut off in column {len(cells)}, wanted {COLUMNS} columns: "
                f"the file is truncated: {FETCH_AGAIN}"
            )
        return _row_mistake(cells, f"{source}: line {number}", labels)
    return InputError(f"{source}: lines {line} to {line + len(rows) - 1} are not a table of numbers: {FETCH_AGAIN}")


def _row_mistake(cells: list[str], where: str, labels: Sequence[int]) -> InputError:
    if len(cells) != COLUMNS:
        found = "is empty" if cells == [""] else f"has {len(cells)} columns"
        return InputError(f"{where} {found}, wanted {COLUMNS} ({BEAT_LENGTH} samples and a label): {FETCH_AGAIN}")
    for column, cell in enumerate(cells, start=1):
        table = np.zeros((1, COLUMNS))
        table[0, BEAT_LENGTH] = labels[0]
        try:
            table[0, column - 1] = float(cell)
            valid = _valid(table, labels).all()
        except ValueError:
            valid = False
        if not valid:
            wanted = "a sample in [0, 1]"
            if column == COLUMNS:
                wanted = f"the label {' or '.join(str(label) for label in labels)}"
            return InputError(f"{where}, column {column}: found {cell.strip()[:40]!r}, wanted {wanted}: {FETCH_AGAIN}")
    return InputError(f"{where} is not a row of plain numbers: {FETCH_AGAIN}")


def differences(
    file: CsvFile, counts: Sequence[int], published: Sequence[int], classes: Sequence[str], sha256: str
) -> list[str]:
    """What sets a file that was read apart from Kaggle's: at most one line, or none for the very same file.

    Args:
      file: which file.
      counts: rows read of each class.
      published: rows of each class of the whole configuration's split in Kaggle's files.
      classes: the classes' names.
      sha256: the digest of what was read.
    """
    expected = [number if label in file.labels else 0 for label, number in enumerate(published)]

    def tally(numbers: Sequence[int]) -> str:
        return ", ".join(f"{classes[label]} {numbers[label]}" for label in file.labels)

    if list(counts) != expected:
        absent = [classes[label] for label in file.labels if counts[label] == 0]
        return [
            f"{file.name}: {sum(counts)} rows ({tally(counts)}), Kaggle's file has {sum(expected)} ({tally(expected)})"
            + (f"; no row at all of class {', '.join(absent)}" if absent else "")
        ]
    if sha256 != file.sha256:
        return [
            f"{file.name}: as many rows of each class as Kaggle's file, but another digest (sha256 {sha256[:12]}…, "
            f"Kaggle's {file.sha256[:12]}…): the rows may be in another order"
        ]
    return []
