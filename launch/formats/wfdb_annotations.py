"""Reading and writing of WFDB annotation files beside a recording of any format."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.ecg.beat_windows import CLASS_OF
from cardiax.errors import InputError, import_extra, raise_of_disk
from cardiax.file_checks import annotation_fault
from cardiax.launch.formats.open_recording import ENDINGS

EXTENSION = "cardiax"
"""Ending of the annotation files that are written."""


@dataclass(frozen=True, eq=False)
class Beats:
    """The annotated beats of a recording.

    Attributes:
      samples: float64 (n,), increasing index of each beat at the sampling rate of the recording.
      labels: int (n,), class of each, from `class_of` of `read_annotations`; -1 for a beat without one.
      flutter: (k, 2), first and last sample of each episode of ventricular flutter or fibrillation, which has no beats.
    """

    samples: np.ndarray
    labels: np.ndarray
    flutter: np.ndarray


def read_annotations(
    recording: Path, ending: str, rate: float, samples: int, class_of: Mapping[str, int] = CLASS_OF
) -> Beats:
    """Read the beats in the annotation file of a recording, which has its name and another ending, e.g. `atr`.

    Args:
      rate, samples: sampling rate of the recording, Hz, and its number of samples.
      class_of: annotation symbol → class; by default index of the class in `cardiax.catalog.AAMI_CLASSES`. The beats
        of other symbols of AAMI have no class; all other symbols are no beats.

    Raises:
      InputError: the file is missing or damaged, has no beats, or the package `wfdb` is not installed.
    """
    if not re.fullmatch(r"\w+", ending):
        raise InputError(f"{ending}: found no ending of a file, expected e.g. atr for {recording.stem}.atr")
    record = recording
    for one in (".gz", *ENDINGS):
        record = record.with_suffix("") if record.suffix.lower() == one else record
    path = record.with_name(f"{record.name}.{ending}")
    if not path.is_file():
        raise InputError(f"{path}: found no such file, expected the annotations of {recording.name}")
    wfdb = import_extra("wfdb", path)
    if (fault := annotation_fault(path.read_bytes())) is not None:
        raise InputError(f"{path}: {fault}")
    try:
        found: Any = wfdb.rdann(str(record), ending, return_label_elements=["label_store", "symbol"])
    except Exception as error:  # the parser of wfdb may raise anything
        raise_of_disk(error, path)
        raise InputError(f"{path}: found annotations that cannot be read, expected a complete file of WFDB") from error
    factor = rate / float(found.fs) if found.fs else 1.0
    positions = np.asarray(found.sample, np.float64) * factor
    symbols, codes = found.symbol, np.asarray(found.label_store)
    own = set(wfdb.io.annotation.ann_label_table.label_store)
    own |= set(() if found.custom_labels is None else found.custom_labels.label_store)
    if strange := set(codes.tolist()) - own:
        raise InputError(
            f"{path}: found the code {min(strange)}, expected one of WFDB's annotations; the file is damaged"
        )
    back = np.flatnonzero(np.diff(positions) < 0)
    if len(back):
        raise InputError(
            f"{path}: found an annotation at sample {positions[back[0] + 1]:.0f} after one at "
            f"{positions[back[0]]:.0f}, expected them in order; the file is damaged"
        )
    beats = [index for index, symbol in enumerate(symbols) if symbol in CLASS_OF or symbol in class_of]
    if not any(symbol in class_of for symbol in symbols):
        raise InputError(f"{path}: found no beats, expected some of the symbols {' '.join(class_of)}")
    for at in positions[[0, -1]]:
        if not 0 <= at <= samples:
            raise InputError(
                f"{path}: found an annotation at sample {at:.0f}, expected all from 0 to {samples} as in "
                f"{recording.name}; the file is damaged or of another record"
            )
    starts = [float(at) for at, symbol in zip(positions, symbols, strict=True) if symbol == "["]
    ends = [float(at) for at, symbol in zip(positions, symbols, strict=True) if symbol == "]"]
    episodes = [(start, min([end for end in ends if end > start], default=float(samples))) for start in starts]
    return Beats(
        samples=positions[beats],
        labels=np.array([class_of.get(symbols[index], -1) for index in beats]),
        flutter=np.array(episodes).reshape(-1, 2),
    )


def annotation_file(samples: np.ndarray, symbols: list[str], unreadable: np.ndarray, rate: float) -> bytes | None:
    """Return the content of a WFDB annotation file, or None if the package `wfdb` is not installed.

    Args:
      samples, symbols: int (n,), increasing sample of each beat, and its annotation symbol.
      unreadable: int (k, 2), first and last sample of each stretch that cannot be read; they become annotations `~` of
        subtype -1 (unreadable) and 0 (readable again).
      rate: sampling rate, Hz.
    """
    try:
        import wfdb
    except ImportError:
        return None
    marks = [(int(at), symbol, 0) for at, symbol in zip(samples, symbols, strict=True)]
    marks += [(int(at), "~", subtype) for pair in unreadable for at, subtype in zip(pair, (-1, 0), strict=True)]
    at, signs, subtypes = zip(*sorted(marks, key=lambda mark: mark[0]), strict=True)
    more = {"subtype": np.array(subtypes, int), "fs": rate}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        wfdb.wrann("record", EXTENSION, np.array(at, int), list(signs), write_dir=folder, **more)
        return (Path(folder) / f"record.{EXTENSION}").read_bytes()
