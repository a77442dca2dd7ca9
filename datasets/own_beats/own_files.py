"""Your own beats: from a table, or from a folder of annotated WFDB records, to a dataset named after their content."""

import collections
import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.catalog import AAMI_CLASSES, NOISE, OWN, OWN_FOLDS, OWN_PROTOCOLS, WINDOW_RATE, Dataset
from cardiax.datasets.own_beats.beat_table import LABELS, NONE, is_table, plain_label, read_table
from cardiax.datasets.own_beats.pair_table import read_pairs
from cardiax.datasets.storage.wfdb_beats import Window, read_records, windows
from cardiax.datasets.storage.wfdb_database import HEADER, Database
from cardiax.ecg.beat_windows import SYMBOLS
from cardiax.errors import InputError, listed, naming

FORM = "2"
"""Changes with the code that makes examples of files, so that a dataset is prepared anew."""

MOST_CLASSES = 50
"""Largest number of classes."""

SPLITS = 3
"""Least number of groups for a split by groups."""


NO_BEATS = "[!]x()ptu`'^|~+sT*D=\"@"
"""Symbols of WFDB's annotations that stand for something else than a beat."""


@dataclass(frozen=True)
class OwnFiles:
    """The files of a dataset, and how to read them.

    Attributes:
      path: table of beats, or folder of WFDB records.
      labels: column of a table with the labels, see `read_table`.
      groups: column of a table with the groups or `none`, see `read_table`; of a folder, a table record → group.
      classes: table label → class, or annotation symbol → class; None for the labels themselves, or AAMI's classes.
      annotations: ending of the annotation files of a folder.
      rate: sampling rate of a table, Hz, unless it states one.
    """

    path: Path
    labels: str | None = None
    groups: str | None = None
    classes: Path | None = None
    annotations: str | None = None
    rate: float | None = None

    @property
    def is_folder(self) -> bool:
        """True for a folder of records."""
        return self.path.is_dir()

    def check(self) -> None:
        """Raise `InputError` if the files are neither, or an option does not apply to them."""
        if not self.is_folder and not is_table(self.path):
            raise InputError(
                f"{self.path}: found a file of another kind, expected .csv, .tsv, .txt (also as .gz) or .npz with a "
                "row for each beat, or a folder of WFDB records"
            )
        of_table, of_folder = {"--labels": self.labels, "--rate": self.rate}, {"--annotations": self.annotations}
        what = "a folder of WFDB records" if self.is_folder else "a table"
        for flag, value in (of_table if self.is_folder else of_folder).items():
            if value is not None:
                raise InputError(f"{flag}: found {value} with {self.path}, which is {what}; leave it out")

    def name(self) -> str:
        """Return the name of the dataset: the stem of the path and a digest of all content that is read.

        Equal files with equal options have the same name wherever they lie.
        """
        digest = hashlib.sha256(json.dumps([FORM, self.labels, self.annotations, self.rate]).encode())
        files = {one.relative_to(self.path).as_posix(): one for one in self._records()}
        files |= {} if self.is_folder else {"table": self.path}
        files |= {"--classes": self.classes} if self.classes else {}
        files |= {"--groups": Path(groups)} if (groups := self._group_file()) else {}
        for role, file in files.items():
            if not file.is_file():
                raise InputError(f"{file}: found no such file, expected a table of two columns; correct its name")
            with naming(file), file.open("rb") as content:
                digest.update(f"{role}\n{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
        kind = "" if self.is_folder else self.path.suffix
        digest.update(f"{kind} {'a file' if groups else self.groups}".encode())
        stem = re.sub(r"(\.gz|\.csv|\.tsv|\.txt|\.npz)+$", "", self.path.resolve().name, flags=re.IGNORECASE)
        return f"{OWN}/{re.sub('[^A-Za-z0-9]+', '_', stem).strip('_')[:40] or 'beats'}-{digest.hexdigest()[:10]}"

    def _group_file(self) -> str | None:
        """Return the table record → group of a folder, or None."""
        return self.groups if self.is_folder and self.groups != NONE else None

    def _records(self) -> list[Path]:
        """Return the headers, annotation files and files of signals of a folder, in order; none of a table."""
        if not self.is_folder:
            return []
        headers = [one for one in self.path.rglob("*.hea") if one.is_file()]
        found = {*headers, *(one for one in self.path.rglob(f"*.{self.annotations or 'atr'}") if one.is_file())}
        for header in headers:  # of the lines that begin with a file name, those of which there is such a file
            with naming(header), header.open("rb") as file:
                words = [os.fsdecode(line.split()[0]) for line in file.read(HEADER).splitlines() if line.split()]
            found |= {
                one for word in words if "\0" not in word and (one := header.with_name(Path(word).name)).is_file()
            }
        return sorted(found)

    def command(self) -> str:
        """Return the arguments of `cardiax prepare` that read the files, without their folders."""
        words = [self.path.resolve().name]
        groups = Path(self.groups).name if self.groups and self.is_folder else self.groups
        classes = self.classes.name if self.classes else None
        given = {"labels": self.labels, "groups": groups, "classes": classes, "annotations": self.annotations}
        for flag, value in (given | {"rate": self.rate}).items():
            words += [] if value is None else [f"--{flag}", str(value)]
        return shlex.join(words)

    def read(self) -> "OwnBeats":
        """Read the beats; `InputError` if a file is damaged, or classes or groups are missing or too few."""
        return _of_folder(self) if self.is_folder else _of_table(self)


@dataclass(frozen=True, eq=False)
class OwnBeats:
    """The beats of a dataset.

    Attributes:
      dataset: its entry in the catalog.
      examples: feature → (n, ...), as `cardiax.tasks.beat_classification.Classification.arrays` describes, with
        `group` (n,), str, if the files name the groups, e.g. patients, of the beats.
      notes: how the files were understood.
      source: where the files lie.
    """

    dataset: Dataset
    examples: dict[str, np.ndarray]
    notes: tuple[str, ...]
    source: str


def _of_table(files: OwnFiles) -> OwnBeats:
    table, path = read_table(files.path, files.labels, files.groups), files.path
    if table.labels is None:
        what, then = f"column named {' or '.join(LABELS)}", "name a column by --labels"
        if path.suffix.lower() == ".npz":
            what, then = "array labels", "save one of that name"
        raise InputError(f"{path}: found no {what}, expected the class of each beat; {then}")
    if table.rate and files.rate:
        raise InputError(f"{path}: found --rate {files.rate:g} and the rate {table.rate:g} in the file, expected one")
    classes_of = read_pairs(files.classes, "label → class", plain_label) if files.classes else None
    kept, labels, classes, notes = _classified(path, table.labels, classes_of)
    examples = {"beat": table.beats[kept], "label": labels}
    protocols: tuple[str, ...] = ("random",)
    if table.groups is not None:
        examples["group"] = np.array(table.groups)[kept]
        count = len(np.unique(examples["group"]))
        if count < SPLITS:
            raise InputError(
                f"{path}: found {count} group{'s' * (count > 1)} of beats, expected {SPLITS} or more to split by; name "
                f"another column by --groups, or split by beat with --groups {NONE}"
            )
        protocols = _protocols(count)
    dataset = Dataset(
        name=files.name(),
        kind="beat",
        rate=table.rate or files.rate or 0.0,
        protocols=protocols,
        classes=classes,
        shape=(table.beats.shape[1], table.beats.shape[2]),
        made_by=files.command(),
    )
    return OwnBeats(dataset, examples, (*table.notes, *notes), str(path.resolve()))


def _of_folder(files: OwnFiles) -> OwnBeats:
    path, ending = files.path, files.annotations or "atr"
    headers = {one.relative_to(path).with_suffix("").as_posix() for one in path.rglob("*.hea")}
    names = sorted(name for name in headers if (path / f"{name}.{ending}").is_file())
    if not names:
        raise InputError(
            f"{path}: found {len(headers)} WFDB records, none with an annotation file NAME.{ending}, expected some; "
            "name the ending of these files by --annotations"
        )
    left = sorted(headers - {*names})
    notes = [f"{path.name}: without NAME.{ending}, so left out: {listed(left)}"] if left else []
    symbols = read_pairs(files.classes, "symbol → class") if files.classes else _AAMI
    if wrong := [symbol for symbol in symbols if symbol in NO_BEATS]:
        raise InputError(
            f"{files.classes}: found a class of {listed(wrong)}, with which WFDB marks no beats, but rhythms, noise, "
            "waves or notes; leave them out"
        )
    groups = {}
    if files.groups not in (None, NONE):
        groups = read_pairs(Path(str(files.groups)), "record → group")
        if absent := [name for name in names if name not in groups]:
            raise InputError(f"{files.groups}: found no group of {listed(absent)}, expected one for every record")
    order = {symbol: index for index, symbol in enumerate(symbols)}
    database = Database(path.name, str(path), tuple(names), endings=("hea", ending))
    found: list[tuple[str, Window]] = []
    other: collections.Counter[str] = collections.Counter()
    for name, record in zip(names, read_records(database, path, names), strict=True):
        beats = list(windows(record, class_of=order))
        found += [(name, beat) for beat in beats]
        other.update(symbol for symbol in record.symbols if symbol in _AAMI and symbol not in order)
        notes += [] if beats else [f"{path.name}: {name} has no two annotated beats, so it is left out"]
    if other:
        told = listed([f"{symbol} ({count:,})" for symbol, count in other.most_common()])
        notes.append(f"{path.name}: beats left out, whose symbols have no class: {told}")
    if not found:
        raise InputError(
            f"{path}: found no annotation of {' '.join(symbols)}, expected some; name your symbols by --classes FILE"
        )
    texts = [beat.symbol for _, beat in found]
    kept, labels, classes, more = _classified(path, texts, symbols)
    record = np.array([name for name, _ in found])
    examples = {
        "signal": np.stack([beat.signal for _, beat in found]),
        "intervals": np.stack([beat.intervals for _, beat in found]),
        "label": labels,
        "record": record,
        "annotation_index": np.array([beat.annotation_index for _, beat in found]),
        "sample": np.array([beat.sample for _, beat in found]),
        "symbol": np.array(texts),
    }
    assert kept.all(), "every window has a symbol with a class"
    protocols: tuple[str, ...] = ("random",)
    if files.groups != NONE:
        examples["group"] = np.array([groups.get(name, name) for name in record])
        count = len(np.unique(examples["group"]))
        if count >= SPLITS:
            protocols = _protocols(count)
        else:
            notes.append(f"{path.name}: {count} group{'s' * (count > 1)} are too few to split by; it is split by beat")
    dataset = Dataset(
        name=files.name(),
        kind="beat",
        rate=WINDOW_RATE,
        protocols=(*protocols, NOISE),
        classes=classes,
        by_record=True,
        symbols={symbol: name for symbol, name in symbols.items() if name in classes},
        made_by=files.command(),
    )
    return OwnBeats(dataset, examples, (*notes, *more), str(path.resolve()))


_AAMI = {symbol: name for name in AAMI_CLASSES for symbol in SYMBOLS[name]}


def _protocols(groups: int) -> tuple[str, ...]:
    return tuple(name for name in OWN_PROTOCOLS if name not in OWN_FOLDS[groups:])


def _classified(
    path: Path, labels: Sequence[str], class_of: Mapping[str, str] | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], list[str]]:
    """Return which beats have a class, bool (n,), the index of their class, the classes that occur, and notes."""
    if class_of is None:
        names = sorted({*labels}, key=lambda text: (not text.lstrip("-").isdigit(), _number(text), text))
        class_of = {name: name for name in names}
    counts = collections.Counter(labels)
    classes = tuple(dict.fromkeys(class_of[label] for label in class_of if counts[label]))
    notes = []
    if left := [label for label in counts if label not in class_of]:
        number = sum(counts[label] for label in left)
        notes.append(f"{path.name}: {number:,} beats left out, whose labels have no class: {listed(sorted(left))}")
    if without := [name for name in dict.fromkeys(class_of.values()) if name not in classes]:
        notes.append(f"{path.name}: no beats of {listed(without)}, so there is no such class")
    if not 2 <= len(classes) <= MOST_CLASSES:
        told = f"{len(classes)} classes" if len(classes) != 1 else f"the class {classes[0]} alone"
        raise InputError(
            f"{path}: found {told}, expected 2 to {MOST_CLASSES}; choose a column by --labels, or classes by --classes"
        )
    for name in classes:
        if not re.fullmatch(r"[^\s,;\"'`|<>/\\\x00-\x1f][^,;\"'`|<>/\\\x00-\x1f]{0,39}", name):
            raise InputError(
                f"{path}: found the class {name[:50]!r}, expected up to 40 characters without , ; | < > / \\ and "
                "quotation marks; give other names by --classes"
            )
    kept = np.array([label in class_of for label in labels])
    index = {label: classes.index(name) for label, name in class_of.items() if name in classes}
    return kept, np.array([index[label] for label in labels if label in class_of], np.int64), classes, notes


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0
