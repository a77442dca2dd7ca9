"""Datasets on disk: whether one is prepared, preparing it, and loading it into arrays.

Every dataset is written as array_record, which TFDS reads and writes without TensorFlow. `cardiax.datasets` is the way
in: importing it registers the builders first.
"""

# TFDS declares as optional what a builder always has, and gets some of its classes from code that it runs.
# pyright: reportOptionalSubscript=false, reportIndexIssue=false, reportAttributeAccessIssue=false, reportCallIssue=false

import contextlib
import errno
import fcntl
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_data_source import ArrayRecordDataSource
from google.protobuf.json_format import ParseError
from tensorflow_datasets.proto import tf_example_pb2

from cardiax.catalog import DATASETS
from cardiax.errors import InputError, unknown

FILE_FORMAT = "array_record"
BATCH = 8192  # records read at a time: past this size reading gets no faster
BATCH_BYTES = 2**25  # nor past this many bytes, and all of them are in memory twice


def default_data_dir() -> Path:
    """Where datasets are kept unless told otherwise: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`, as TFDS has it."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def is_prepared(name: str, data_dir: Path) -> bool:
    """Whether the dataset `name` of the catalog lies complete below `data_dir`; its records are not read."""
    return _is_complete(_open(name, data_dir))


def prepared_path(name: str, data_dir: Path) -> Path:
    """The folder of the dataset `name` below `data_dir`, `NAME[/CONFIG]/VERSION`, prepared or not."""
    return Path(_open(name, data_dir).data_dir)


def prepare(
    name: str,
    data_dir: Path,
    manual_dir: Path | None = None,
    download_dir: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
    strict: bool = False,
) -> None:
    """Writes the dataset `name` below `data_dir`, unless it is there; either way its records are counted.

    Two runs that prepare the same dataset take turns, and what a killed run left behind is removed.

    Args:
      name: a dataset of the catalog, configuration included.
      data_dir: TFDS's data folder.
      manual_dir: the folder of files that were fetched by hand; TFDS's default is `DOWNLOAD_DIR/manual`.
      download_dir: where downloads are kept; TFDS's default is `DATA_DIR/downloads`.
      report: is given one line for each thing worth knowing about the source files.
      strict: whether a source file that would be left out is an error; not every dataset leaves files out.

    Raises:
      InputError: an unknown name, a missing or bad source file, or a prepared dataset that is damaged.
      OSError: `data_dir` cannot be written, or its disk is full.
    """
    if manual_dir is not None and not Path(manual_dir).is_dir():
        raise InputError(f"{manual_dir}: not a folder, wanted the folder that holds the files of {name}")
    builder = _open(name, data_dir)
    if not _is_complete(builder):
        with _alone(Path(data_dir).expanduser() / name):
            builder = _open(name, data_dir)  # another run may have prepared it while this one waited
            if not _is_complete(builder):
                _write(builder, manual_dir, download_dir, strict)
    _check_records(builder, name)
    for line in _metadata(builder).get("notes", ()):
        report(line)


def load(name: str, data_dir: Path, splits: Sequence[str] | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Reads a prepared dataset into memory, in the order of its files.

    Args:
      name: a dataset of the catalog, configuration included.
      data_dir: TFDS's data folder.
      splits: which splits, TFDS's `all` among them; by default those of the catalog, else all that there are.

    Returns:
      split -> feature -> array: tensors (n, ...) as stored, numbers int64 (n,), texts str (n,).

    Raises:
      InputError: the dataset is not prepared, has no such split, or its files are damaged.
    """
    builder = _open(name, data_dir)
    if not _is_complete(builder):
        raise InputError(f"{name} is not prepared in {data_dir}: run `{_prepare_command(name, data_dir)}`")
    _check_records(builder, name)
    known = [*builder.info.splits, "all"]
    arrays = {}
    for split in splits or list(DATASETS[name].counts) or list(builder.info.splits):
        if split not in known:
            raise unknown("split", split, known)
        arrays[split] = _read(builder, split, name)
    return arrays


def sizes(name: str, data_dir: Path) -> dict[str, int]:
    """Split -> examples of a prepared dataset, from its info."""
    return {split: info.num_examples for split, info in _open(name, data_dir).info.splits.items()}


def _open(name: str, data_dir: Path) -> tfds.core.DatasetBuilder:
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    folder = Path(data_dir).expanduser()
    base, _, config = name.partition("/")
    try:
        return tfds.builder_cls(base)(config=config or None, data_dir=folder, file_format=FILE_FORMAT)
    except (ParseError, UnicodeDecodeError) as error:  # a dataset_info.json that is cut off or no JSON
        raise InputError(
            f"{name} in {folder / name} is damaged ({_first_line(error)}): delete that folder, then run "
            f"`{_prepare_command(name, data_dir)}`"
        ) from error


def _is_complete(builder: tfds.core.DatasetBuilder) -> bool:
    return Path(builder.data_dir).is_dir() and builder.is_prepared()  # TFDS alone warns where there is no folder


def _prepare_command(name: str, data_dir: Path) -> str:
    return f"cardiax prepare {name} --data-dir {data_dir}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _metadata(builder: tfds.core.DatasetBuilder) -> dict:
    """What the builder noted of its sources: `counts` (split -> rows of each class), `notes`; {} without any."""
    return dict((builder.info.metadata or {}).items())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the lock of a dataset's folder; the system lets go of it when the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(builder: tfds.core.DatasetBuilder, manual_dir: Path | None, download_dir: Path | None, strict: bool) -> None:
    if strict:
        if not hasattr(builder, "strict"):
            raise InputError(f"--strict: means nothing to {builder.name}, which leaves no file out; leave it away")
        builder.strict = True
    folder = Path(builder.data_dir)
    if folder.exists():
        raise InputError(f"{folder}: exists, but is no prepared dataset: delete that folder and run the same again")
    for left_over in folder.parent.glob(f"incomplete.*_{folder.name}"):  # TFDS's name for a dataset being written
        shutil.rmtree(left_over)
    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints two lines, which `launch` words better
            builder.download_and_prepare(
                download_dir=download_dir,
                download_config=tfds.download.DownloadConfig(manual_dir=manual_dir),
                file_format=FILE_FORMAT,
            )
    except RuntimeError as error:  # array_record's one exception, also where the system refused a write
        refused = re.search(r"(?:open|write|close)\w*\(\) failed: ([^;]+)", str(error))
        if refused is None:
            raise
        raise OSError(errno.EIO, f"cannot write the records: {refused[1]}", str(folder.parent)) from error


def _check_records(builder: tfds.core.DatasetBuilder, name: str) -> None:
    """Compares, for each split, the records in its files with the dataset's info and with the rows of its source."""
    counts = _metadata(builder).get("counts", {})
    for split, info in builder.info.splits.items():
        with _damage(builder, name):
            found = len(ArrayRecordDataSource([os.fspath(path) for path in info.filepaths]))
        wanted = sum(counts[split]) if split in counts else info.num_examples
        if not found == info.num_examples == wanted:
            raise _damaged(builder, name, f"{split} has {found} records, wanted {wanted}")


def _read(builder: tfds.core.DatasetBuilder, split: str, name: str) -> dict[str, np.ndarray]:
    """One split as arrays. Parsing the records here is three times as fast as TFDS's own decoding, to the same bits."""
    source = builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
    features: Any = builder.info.features
    tensors = {key: feature for key, feature in features.items() if feature.shape}
    texts = [key for key, feature in features.items() if isinstance(feature, tfds.features.Text)]
    numbers = [key for key in features if key not in tensors and key not in texts]
    arrays: dict[str, np.ndarray] = {
        key: np.empty((len(source), *feature.shape), feature.np_dtype) for key, feature in tensors.items()
    }
    arrays |= {key: np.empty(len(source), np.int64) for key in numbers}
    read_texts: dict[str, list[str]] = {key: [] for key in texts}
    size = sum(array[:1].nbytes for array in arrays.values())
    batch = max(min(BATCH, BATCH_BYTES // size), 1)
    for start in range(0, len(source), batch):
        end = min(start + batch, len(source))
        with _damage(builder, name):
            records = source.__getitems__(range(start, end))
        parsed = [tf_example_pb2.Example.FromString(record).features.feature for record in records]
        for key, array in arrays.items():
            if key in tensors:
                joined = b"".join(one[key].bytes_list.value[0] for one in parsed)
                array[start:end] = np.frombuffer(joined, array.dtype).reshape(-1, *array.shape[1:])
            else:
                array[start:end] = [one[key].int64_list.value[0] for one in parsed]
        for key, found in read_texts.items():
            found += [one[key].bytes_list.value[0].decode() for one in parsed]
    arrays |= {key: np.asarray(found) for key, found in read_texts.items()}
    counts = _metadata(builder).get("counts", {})
    if counts and "label" in arrays:
        wanted = np.sum([counts[one] for one in (counts if split == "all" else [split])], axis=0)
        found = np.bincount(arrays["label"], minlength=len(wanted))
        if found.tolist() != wanted.tolist():
            raise _damaged(
                builder, name, f"{split} has {found.tolist()} records of each class, wanted {wanted.tolist()}"
            )
    return arrays


@contextlib.contextmanager
def _damage(builder: tfds.core.DatasetBuilder, name: str) -> Iterator[None]:
    """Turns array_record's one exception into an `InputError` that names the folder."""
    try:
        yield
    except RuntimeError as error:
        raise _damaged(builder, name, _first_line(error)) from error


def _damaged(builder: tfds.core.DatasetBuilder, name: str, found: str) -> InputError:
    return InputError(
        f"{name} in {builder.data_dir} is damaged ({found}): delete that folder, then run "
        f"`{_prepare_command(name, Path(builder.data_dir_root))}`"
    )
