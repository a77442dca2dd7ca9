"""Tables of beats: a row for each beat as text, or arrays in an .npz file."""

import collections
import contextlib
import csv
import decimal
import gzip
import io
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cardiax.errors import InputError, naming, raise_of_disk
from cardiax.file_checks import Room, UnpackedSizeError

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".npz")
"""Endings of the files that are read."""

LABELS = ("label", "class")
"""Columns of text with the class, the first that there is."""

GROUPS = ("group", "patient", "subject", "record")
"""Columns of text with the group of the beat, e.g. its patient, the first that there is."""

NONE = "none"
"""Name of no column, for a table whose groups are to be ignored."""

LEAST_SAMPLES = 8
"""Least number of samples of a beat."""

ABSURD = 1e30
"""Samples beyond this are no voltages in any unit, and their range may not be a float32."""


@dataclass(frozen=True, eq=False)
class BeatTable:
    """The beats of a table.

    Attributes:
      beats: float32 (n, T, L), each beat scaled by `scaled`.
      labels: label of each beat; None if the table has none.
      groups: group of each beat, e.g. its patient; None if the table has none.
      rate: sampling rate, Hz; 0 if the table does not state it.
      notes: how the table was understood.
    """

    beats: np.ndarray
    labels: list[str] | None
    groups: list[str] | None
    rate: float
    notes: tuple[str, ...]


def is_table(path: Path) -> bool:
    """Return True for the name of a table."""
    return path.name.lower().endswith(ENDINGS)


def read_table(path: Path, labels: str | None = None, groups: str | None = None) -> BeatTable:
    """Read a table of beats; `InputError` if it has none, or is damaged, ragged or not of numbers.

    It is text with a header (.csv, .tsv or .txt, also as .gz), with the labels in the column `labels`, by default the
    first of `LABELS`, and the groups in `groups`, by default the first of `GROUPS`; or .npz with `beats` (n, T) or
    (n, T, L), `labels` (n,), and possibly `groups` (n,) and `rate`, Hz. `NONE` ignores groups.
    """
    if not path.is_file():
        raise InputError(f"{path}: found no such file, expected a table of beats ({', '.join(ENDINGS)})")
    if path.suffix.lower() == ".npz":
        if labels is not None or groups not in (None, NONE):
            raise InputError(f"{path}: found --labels or --groups, which name columns of text; leave them out")
        return _arrays(path, groups == NONE)
    return _text(path, labels, groups)


def scaled(beats: np.ndarray) -> np.ndarray:
    """Scale each beat (T, L) of (n, T, L): the least value of all its leads to 0, the greatest to 1; a flat beat is 0.

    Beats in Kaggle's form stay as they are.
    """
    low, high = beats.min(axis=(1, 2), keepdims=True), beats.max(axis=(1, 2), keepdims=True)
    return ((beats - low) / np.where(high > low, high - low, 1)).astype(np.float32)


MISSING = ("", "nan", "<na>")
"""Labels, in lower case, with which tables say that there is none."""


def plain_label(value: object) -> str:
    """Return a label as text, a whole number without its decimals: 2 for 2.0 and 2.000e+00, as NumPy writes them."""
    text = str(value).strip()
    if found := re.fullmatch(r"([+-]?[0-9]+)\.0*", text):
        return found[1]
    if re.fullmatch(r"[+-]?[0-9]\.[0-9]*e[+-][0-9]{2}", text):
        number = decimal.Decimal(text)
        return str(int(number)) if number == number.to_integral_value() else text
    return text


def _table(
    path: Path,
    beats: np.ndarray,
    labels: Sequence[object] | None,
    groups: Sequence[object] | None,
    rate: float,
    notes: Sequence[str],
) -> BeatTable:
    """Check the number of samples, scale the beats and note which are flat."""
    if beats.shape[1] < LEAST_SAMPLES:
        raise InputError(f"{path}: found {beats.shape[1]} samples a beat, expected {LEAST_SAMPLES} or more")
    if (most := float(np.abs(beats).max())) > ABSURD:
        raise InputError(f"{path}: found a sample of {most:.1e}, expected voltages")
    flat = int((beats.max(axis=(1, 2)) == beats.min(axis=(1, 2))).sum())
    if flat == len(beats):
        raise InputError(f"{path}: found beats that are all flat, expected an ECG")
    more = [f"{path.name}: {flat:,} of {len(beats):,} beats are flat"] if flat else []
    names = None if groups is None else [str(one) for one in groups]
    own = None if labels is None else [plain_label(one) for one in labels]
    if absent := [index for index, one in enumerate(own or ()) if one.lower() in MISSING]:
        raise InputError(
            f"{path}: found the label {(own or [])[absent[0]]!r} of beat {absent[0] + 1} and {len(absent) - 1} more, "
            "expected the class of each; remove these beats, or name their class"
        )
    return BeatTable(scaled(beats), own, names, rate, (*notes, *more))


def _text(path: Path, label: str | None, group: str | None) -> BeatTable:
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: found nothing, expected a header and a row for each beat")
    mark = next((mark for mark in "\t;" if mark in first[1]), ",")
    header = _cells(path, *first, mark)
    if all(_is_number(_with_point(name)) for name in header if name):
        raise InputError(
            f"{path}: found numbers in line {first[0]}, expected the names of the columns, one of them {LABELS[0]}; "
            "add such a line"
        )
    known = {name.lower(): index for index, name in reversed(list(enumerate(header)))}
    of_label = _column(path, header, "--labels", label, [known[name] for name in LABELS if name in known])
    of_group = None
    if group != NONE:
        of_group = _column(path, header, "--groups", group, [known[name] for name in GROUPS if name in known])
    used = {index for index in (of_label, of_group) if index is not None}
    texts = {known[name] for name in (*LABELS, *GROUPS) if name in known} | used
    texts |= {0} if not header[0] else set()  # pandas writes the number of a row without a name
    samples = _numbered(path, header, [index for index in range(len(header)) if index not in texts])
    rows: list[np.ndarray] = []
    labels: list[str] = []
    groups: list[str] = []
    for number, line in lines:
        cells = _cells(path, number, line, mark)
        if len(cells) != len(header):
            raise InputError(f"{path}: found {len(cells)} cells in line {number}, expected {len(header)} as the header")
        if mark != ",":
            cells = [cell if index == of_group else _with_point(cell) for index, cell in enumerate(cells)]
        try:
            with np.errstate(over="ignore"):  # infinity is refused below
                row = np.array([float(cells[index]) for index in samples]).astype(np.float32)
            wrong = None if np.isfinite(row).all() else samples[int(np.argmin(np.isfinite(row)))]
            if "_" in line:  # float() takes 1_0 as 10
                wrong = next((index for index in samples if not _is_number(cells[index])), wrong)
        except ValueError:
            row, wrong = np.empty(0), next(index for index in samples if not _is_number(cells[index]))
        if wrong is not None:
            raise InputError(
                f"{path}: found {cells[wrong][:40]!r} in line {number}, column {header[wrong] or wrong + 1!r}, "
                "expected a finite number: all columns are samples but those of --labels and --groups"
            )
        rows.append(row)
        for column, texts_of in ((of_label, labels), (of_group, groups)):
            if column is not None:
                if not cells[column]:
                    raise InputError(
                        f"{path}: found nothing in line {number}, column {header[column]}, expected a text"
                    )
                texts_of.append(cells[column])
    if not rows:
        raise InputError(f"{path}: found a header alone, expected a row for each beat")
    if not samples:
        raise InputError(f"{path}: found no column of samples, expected some beside the labels and groups")
    told = f"{len(samples)} samples a beat, columns {header[samples[0]]} to {header[samples[-1]]}"
    unused = [header[index] or "the first" for index in range(len(header)) if index not in used.union(samples)]
    told += f", without {', '.join(unused)}" if unused else ""
    own = labels if of_label is not None else None
    return _table(path, np.stack(rows)[:, :, None], own, groups or None, 0.0, [f"{path.name}: {told}"])


def _numbered(path: Path, header: Sequence[str], columns: Sequence[int]) -> Sequence[int]:
    """Return the columns whose names differ in a number alone, as s0, s1, …, from `LEAST_SAMPLES` on; else all of them.

    So that a column such as age is not taken for a sample. Names that are numbers, e.g. times, count as one kind.
    Unequal steps of the numbers, where a sample is missing, twice there or elsewhere, are an `InputError`.
    """
    stems: dict[int, str] = {}
    for index in columns:
        name = header[index].lower()
        if _is_number(_with_point(name)) or name[-1:].isdigit():
            stems[index] = "" if _is_number(_with_point(name)) else name.rstrip("0123456789")
    counts = collections.Counter(stems.values())
    for stem in [stem for stem, count in counts.items() if stem and count >= LEAST_SAMPLES]:
        names = [header[index] for index in stems if stems[index] == stem]
        steps = np.diff([float(name[len(stem) :]) for name in names])
        if (wrong := np.flatnonzero((steps <= 0) | (steps != steps[0]))).size:
            raise InputError(
                f"{path}: found the column {names[wrong[0] + 1]} after {names[wrong[0]]}, expected the samples in "
                "order and none missing; correct the table"
            )
    return [index for index, stem in stems.items() if counts[stem] >= LEAST_SAMPLES] or columns


def _column(path: Path, header: Sequence[str], flag: str, name: str | None, usual: Sequence[int]) -> int | None:
    """Return the index of the column of that name, or by default the first of `usual`, or None."""
    if name is None:
        return usual[0] if usual else None
    if header.count(name) != 1:
        names = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
        raise InputError(f"{path}: found {header.count(name)} columns {name!r}, expected one for {flag} among {names}")
    return header.index(name)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is not blank and no comment."""
    try:
        with naming(path), contextlib.ExitStack() as stack:
            content: BinaryIO = stack.enter_context(path.open("rb"))
            if path.suffix.lower() == ".gz":
                content = Room(path.stat().st_size).stream(gzip.GzipFile(fileobj=content))
            head = content.read(4096)
            content.seek(0)
            encoding = re.sub("^utf-8$", "utf-8-sig", json.detect_encoding(head))
            text = stack.enter_context(io.TextIOWrapper(content, encoding=encoding))
            for number, line in enumerate(text, 1):
                if line.strip(" \t\r\n,;") and not line.startswith("#"):
                    yield number, line.rstrip("\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: found a damaged .gz file ({error}), expected a whole one") from error
    except UnpackedSizeError as error:
        raise InputError(f"{path}: found a .gz file that is too large ({error}), expected a table of beats") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: found bytes that are no UTF-8 text, expected a table of text; save it so") from error


def _cells(path: Path, number: int, line: str, mark: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=mark)) if '"' in line else line.split(mark)
    except csv.Error as error:
        raise InputError(f"{path}: found line {number} that cannot be read ({error}), expected cells of CSV") from error
    return [cell.strip() for cell in cells]


def _with_point(cell: str) -> str:
    """Return a number with a point for its decimal comma, and other text as it is."""
    return point if _is_number(point := cell.replace(",", ".")) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _arrays(path: Path, ungrouped: bool) -> BeatTable:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: found no .npz archive, expected arrays of np.savez; fetch or save it again")
    try:
        with zipfile.ZipFile(path) as archive:
            Room(path.stat().st_size).take(sum(one.file_size for one in archive.infolist()))
        with warnings.catch_warnings(), path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            warnings.simplefilter("ignore")  # of headers by Python 2, or with absurd sizes
            found = {name: file[name] for name in file.files}
    except Exception as error:  # zipfile and NumPy raise many types
        raise_of_disk(error, path)
        raise InputError(f"{path}: found a file that cannot be read ({error}), expected arrays of np.savez") from error
    if "beats" not in found:
        names = ", ".join(found) or "nothing"
        raise InputError(f"{path}: found {names}, expected the arrays beats (n, T) or (n, T, L) and labels (n,)")
    beats = found["beats"]
    if beats.ndim not in (2, 3) or not beats.size or beats.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: found beats {beats.dtype} {beats.shape}, expected numbers (n, T) or (n, T, L), one row a beat"
        )
    with np.errstate(over="ignore"):  # infinity is refused below
        beats = beats.reshape(*beats.shape[:2], -1).astype(np.float32)
    if not np.isfinite(beats).all():
        row = int(np.argmin(np.isfinite(beats).all(axis=(1, 2))))
        raise InputError(f"{path}: found NaN or infinity in beat {row} of beats, expected finite numbers")
    columns: dict[str, list[object] | None] = {}
    for name in ("labels", "groups"):
        array = found.get(name)
        if array is not None and (array.shape != (len(beats),) or array.dtype.kind not in "biufU"):
            raise InputError(
                f"{path}: found {name} {array.dtype} {array.shape}, expected texts or whole numbers ({len(beats)},)"
            )
        columns[name] = None if array is None else array.tolist()
    rate = np.asarray(found.get("rate", 0.0))
    if rate.size != 1 or rate.dtype.kind not in "fiu" or not (0 <= float(rate.item()) < np.inf):
        raise InputError(f"{path}: found rate {rate!r}, expected a single number, Hz")
    more = [name for name in found if name not in ("beats", "labels", "groups", "rate")]
    notes = [f"{path.name}: not used: {', '.join(more)}"] if more else []
    groups = None if ungrouped else columns["groups"]
    return _table(path, beats, columns["labels"], groups, float(rate.item()), notes)
