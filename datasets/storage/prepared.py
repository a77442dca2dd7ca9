"""Preparation of datasets on disk, and loading them into arrays.

Every dataset is written as array_record, which TFDS reads and writes without TensorFlow. Use these functions from
`cardiax.datasets`, which registers the builders on import.
"""

import contextlib
import fcntl
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_data_source import ArrayRecordDataSource
from google.protobuf.json_format import ParseError

from cardiax.catalog import DATASETS
from cardiax.datasets.storage.manual_files import FromFiles
from cardiax.datasets.storage.record_files import JoinedRecords, Records, damage, damaged, metadata, prepare_command
from cardiax.durability import publish, remove, temporary_folder
from cardiax.errors import InputError, naming, system_error, unknown

FILE_FORMAT = "array_record"


def default_data_dir() -> Path:
    """Return TFDS's data folder: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`; `InputError` without a home."""
    if not os.environ.get("TFDS_DATA_DIR") and os.environ.get("HOME") == os.devnull:
        raise InputError("found no home folder, expected one for the datasets; set TFDS_DATA_DIR")
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def is_prepared(name: str, data_dir: Path) -> bool:
    """Return True if the dataset `name`, or all that it joins, is complete below `data_dir`; no record is read."""
    return all(_is_complete(_open(one, data_dir)) for one in name.split(","))


def prepared_path(name: str, data_dir: Path) -> Path:
    """Return the folder of the dataset `name` below `data_dir`, `NAME[/CONFIG]/VERSION`, prepared or not."""
    return Path(_open(name, data_dir).data_dir)


def prepare(
    name: str,
    data_dir: Path,
    manual_dir: Path | None = None,
    download_dir: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
    strict: bool = False,
    again: bool = False,
) -> None:
    """Write the dataset `name` below `data_dir` unless it is there already, and check the number of its records.

    Concurrent runs that prepare the same dataset wait for each other. Files left behind by a killed run are removed.

    Args:
      name: dataset of the catalog, including its configuration.
      data_dir: data folder of TFDS.
      manual_dir: folder or archive of manually downloaded files; by default `DOWNLOAD_DIR/manual`.
      download_dir: folder for downloads; by default `DATA_DIR/downloads`.
      report: function that is called with each note, one line, about the source files.
      strict: True to raise an error for a source file that would be left out.
      again: True to rewrite an existing dataset; the old one is kept until the new one is complete.

    `InputError` if a source file is missing or invalid, or the dataset damaged; `OSError` if the disk is full.
    """
    folder = Path(data_dir).expanduser()
    if manual_dir is not None and not issubclass(_class(name), FromFiles):
        raise InputError(f"--manual-dir: found it with {name}, which reads no files; leave it out")
    if manual_dir is not None and not Path(manual_dir).exists():
        raise InputError(f"{manual_dir}: found no such folder or archive, expected one with the files of {name}")
    has_left_overs = os.access(folder / name, os.W_OK) and any((folder / name).glob(LEFT_OVER))
    if again or not is_prepared(name, folder) or has_left_overs:
        with _alone(folder / name):
            if again or not is_prepared(name, folder):  # another run may have prepared it while this one waited
                _replace(name, folder, manual_dir, download_dir, strict)
    builder = _open(name, folder)
    _check_records(builder, name)
    for line in metadata(builder).get("notes", ()):
        report(line)


def load(name: str, data_dir: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read a prepared dataset into memory, in the order of its files: split → feature → array.

    Tensors are (n, ...) as stored, numbers int64 (n,), texts str (n,). `InputError` if it is not prepared, or damaged.
    """
    builder, splits = _open_complete(name, data_dir)
    return {split: Records(builder, name, [split]).load() for split in splits}


def open_records(name: str, data_dir: Path) -> Records | JoinedRecords:
    """Open the records of a prepared dataset, or of several that are joined (`NAME,NAME`), see `load`: of each the
    splits of the catalog, else all splits, concatenated.
    """
    members = {}
    for one in name.split(","):
        builder, splits = _open_complete(one, data_dir)
        members[one] = Records(builder, one, splits)
    return JoinedRecords(members) if len(members) > 1 else members[name]


def sizes(name: str, data_dir: Path) -> dict[str, int]:
    """Return the number of examples of each split of a prepared dataset, from its info."""
    return {split: info.num_examples for split, info in _open(name, data_dir).info.splits.items()}


def prepared_from(name: str, data_dir: Path) -> str | None:
    """Return the folder or archive from which a dataset was prepared, or None if it was prepared without files."""
    return metadata(_open(name, data_dir)).get("source")


def _class(name: str) -> Any:
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    try:
        return tfds.builder_cls(name.partition("/")[0])
    except tfds.core.DatasetNotFoundError as error:
        raise InputError(f"{name}: found no TFDS builder, expected one in the module that registers it") from error


def _open(name: str, data_dir: Path) -> tfds.core.DatasetBuilder:
    folder = Path(data_dir).expanduser()
    try:
        with naming(folder / name):
            return _builder(name, folder)
    except (AssertionError, AttributeError, KeyError, ParseError, TypeError, ValueError) as error:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
            _builder(name, Path(empty))  # raises the errors of the builder itself; others are those of TFDS's files
        found = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"{name} in {folder / name} is damaged ({found}): delete that folder if the same command fails "
            f"again, then run `{prepare_command(name, data_dir)}`"
        ) from error


def _builder(name: str, folder: Path) -> tfds.core.DatasetBuilder:
    # TFDS's bucket does not hold our datasets, and looking there leaves an empty temporary folder behind.
    with mock.patch.object(tfds.core.DatasetInfo, "initialize_from_bucket"):
        return _class(name)(config=name.partition("/")[2] or None, data_dir=folder, file_format=FILE_FORMAT)


def _open_complete(name: str, data_dir: Path) -> tuple[tfds.core.DatasetBuilder, list[str]]:
    """Return the builder of a dataset with all its records, and its splits: of the catalog, else all."""
    builder = _open(name, data_dir)
    if not _is_complete(builder):
        raise InputError(f"{name} is not prepared in {data_dir}: run `{prepare_command(name, data_dir)}`")
    _check_records(builder, name)
    return builder, list(DATASETS[name].counts) or list(builder.info.splits)


def _is_complete(builder: tfds.core.DatasetBuilder) -> bool:
    return Path(builder.data_dir).is_dir() and builder.is_prepared()  # TFDS warns if there is no folder


LEFT_OVER = "incomplete.*"
"""Name of an unfinished dataset, in TFDS and here."""


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a dataset's folder, and remove files left behind by a killed run.

    The operating system releases the lock when the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in folder.glob(LEFT_OVER):
            for old in left_over.glob("replaced/*"):  # killed before the new one had taken its place
                if not (folder / old.name).exists():
                    old.rename(folder / old.name)
            remove(left_over)
        yield


def _write(builder: Any, where: Path, manual_dir: Path | None, download_dir: Path | None, strict: bool) -> None:
    """Write a dataset; errors name the folder `where`, to which it will be moved."""
    if strict:
        if not hasattr(builder, "strict"):
            raise InputError(f"--strict: found it with {builder.name}, which leaves no file out; omit it")
        builder.strict = True
    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        with naming(where), contextlib.redirect_stdout(io.StringIO()):  # hides two lines of TFDS; `launch` has its own
            builder.download_and_prepare(
                download_dir=download_dir,
                download_config=tfds.download.DownloadConfig(manual_dir=manual_dir),
                file_format=FILE_FORMAT,
            )
    except RuntimeError as error:  # array_record raises it for all errors, also failed writes
        if not (code := system_error(error)):
            raise
        raise OSError(code, f"cannot write the records: {os.strerror(code)}", str(where)) from error


def _replace(name: str, data_dir: Path, manual_dir: Path | None, download_dir: Path | None, strict: bool) -> None:
    """Write a dataset to a temporary folder, then rename it, in place of an existing one."""
    with temporary_folder("incomplete.", data_dir / name) as fresh:
        builder = _open(name, fresh)
        old = data_dir / name / Path(builder.data_dir).name
        if old.exists() and not (old / "dataset_info.json").is_file():
            raise InputError(
                f"{old}: exists, but is not a prepared dataset: delete that folder and run the same command again"
            )
        _write(builder, data_dir / name, manual_dir, download_dir or data_dir / "downloads", strict)
        aside = fresh / "replaced" / old.name
        aside.parent.mkdir()
        try:
            if old.exists():
                old.rename(aside)
            publish(Path(builder.data_dir), old)
        finally:
            if aside.exists() and not old.exists():  # the new one cannot be written
                aside.rename(old)


def _check_records(builder: tfds.core.DatasetBuilder, name: str) -> None:
    """Compare the number of records of each split with the dataset's info and with the rows of its source."""
    counts = metadata(builder).get("counts", {})
    for split, info in builder.info.splits.items():
        with damage(builder, name):
            found = len(ArrayRecordDataSource([os.fspath(path) for path in info.filepaths]))
        expected = sum(counts[split]) if split in counts else info.num_examples
        if not found == info.num_examples == expected:
            raise damaged(builder, name, f"{split} has {found} records, expected {expected}")
