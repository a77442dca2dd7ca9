"""PhysioNet databases: downloading their files or finding them in a folder, and reading records with `wfdb`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cardiax.datasets.storage.manual_files import FromFiles, MissingFileError
from cardiax.errors import InputError, import_extra, raise_of_disk
from cardiax.file_checks import annotation_fault

HEADER = 2**14
"""Largest number of bytes of a header; PhysioNet's have some hundred, and `wfdb` takes minutes for large ones."""


@dataclass(frozen=True)
class Database:
    """A PhysioNet database.

    Attributes:
      name: name in its address, e.g. `mitdb`.
      homepage: address of the version that is read.
      records: names of its records.
      license: its licence.
      endings: file name extensions of the files of each record, that of its annotations last.
      rate: sampling rate of every record, Hz; None for any.
      shape: samples and leads of every record; None for any.
    """

    name: str
    homepage: str
    records: tuple[str, ...]
    license: str = ""
    endings: tuple[str, ...] = ("hea", "dat", "atr")
    rate: float | None = None
    shape: tuple[int, int] | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        return tuple(f"{record}.{ending}" for record in self.records for ending in self.endings)

    @property
    def anew(self) -> str:
        """What to do about a damaged record: fetch it again, or copy it if the homepage is a folder."""
        return f"fetch {self.homepage} again" if "://" in self.homepage else "copy the record again"

    def download(self, folder: Path) -> Path:
        """Download the files that are missing in a folder from PhysioNet; return the folder."""
        if not all((folder / name).is_file() for name in self.files):
            wfdb = import_extra("wfdb", self.homepage)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                wfdb.dl_files(self.name, str(folder), self.files)  # resumes, also within a file
            except Exception as error:  # requests and urllib3 raise many types
                raise InputError(
                    f"{self.homepage}: found a failed download ({error}), expected {len(self.files)} files; run the "
                    "same command again to resume, or fetch it by hand and give --manual-dir DIR"
                ) from error
        return folder

    def gather(
        self,
        builder: FromFiles,
        dl_manager: tfds.download.DownloadManager,
        records: Sequence[str] = (),
        some: bool = False,
    ) -> tuple[Path, Sequence[str]]:
        """Find the files of `records`, by default all, in the manual folder, or download them.

        With `some`, those records are taken of which there is a file, if there are any. Returned are a folder with
        links to the files, for `wfdb` to read, and the names of the records. `InputError` if files are missing, differ
        between two places, or are replaced by HTML pages or pointers.
        """
        names = {name.lower() for name in self.files}
        where, found = builder._find(
            dl_manager, names.__contains__, lambda: self.download(Path(dl_manager.download_dir) / self.name)
        )
        there = {file.name.lower().rpartition(".")[0] for file in found.files} if some else set()
        chosen = [record for record in records or self.records if not there or record.lower() in there]
        names = [f"{record}.{ending}" for record in chosen for ending in self.endings]
        picked = {name: found.pick(name, self.anew) for name in names}
        absent = [name for name, file in picked.items() if file is None]
        if absent:
            found.raise_damaged()
            without = [record for record in chosen if any(name.startswith(f"{record}.") for name in absent)]
            few = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
            more = f" and {len(absent) - 1} more files missing" if len(absent) > 1 else ""
            *most, last = (f".{ending}" for ending in self.endings)
            raise MissingFileError(
                f"{where}: found no {absent[0]}{more} (of {len(without)} records: {few}), expected {', '.join(most)} "
                f"and {last} of {len(chosen)} records; fetch {self.homepage} whole"
            )
        target = builder._scratch / "records"
        target.mkdir()
        for name, file in picked.items():
            if file is not None:
                (target / name).symlink_to(file.path.absolute())
        return target, chosen

    def read(self, folder: Path, record: str, annotated: bool = False) -> tuple[Any, Any]:
        """Read a record in ADC units, `d_signal` int16 (n, L), and its annotations, None unless `annotated`.

        `InputError` if a file is damaged or of another record, or the package `wfdb` is missing.
        """
        wfdb, path = import_extra("wfdb", self.homepage), folder / record
        shown = os.path.realpath(f"{path}.hea").removesuffix(".hea")  # the file itself, not the link of `gather`
        marks = Path(f"{path}.{self.endings[-1]}")
        try:
            if (size := Path(f"{path}.hea").stat().st_size) > HEADER:
                raise ValueError(f"a header of {size:,} bytes")
            found: Any = wfdb.rdrecord(str(path), physical=False, return_res=16)
            fault = annotation_fault(marks.read_bytes()) if annotated else None
            if fault is not None:
                raise InputError(f"{shown}{marks.suffix}: {fault}")
            annotation: Any = wfdb.rdann(str(path), self.endings[-1]) if annotated else None
        except InputError:
            raise
        except Exception as error:  # the parsers of wfdb raise many types
            raise_of_disk(error, f"{path}.hea")
            raise InputError(
                f"{shown}: found a record that cannot be read ({error}), expected a complete one; {self.anew}"
            ) from error
        shape, expected = np.shape(found.d_signal), self.shape or "(samples, leads)"
        if len(shape) != 2 or shape != (self.shape or shape) or found.fs != (self.rate or found.fs):
            at = f" at {self.rate:g} Hz" if self.rate else ""
            raise InputError(f"{shown}: found {shape} at {found.fs} Hz, expected {expected}{at}")
        sums: Any = np.sum(found.d_signal, axis=0, dtype=np.int64)
        if any(one is not None and (one - own) % 65536 for one, own in zip(found.checksum, sums.tolist(), strict=True)):
            raise InputError(
                f"{shown}: found signals whose checksums differ from the header's {found.checksum}, expected the "
                f"record's own; {self.anew}"
            )
        if annotated:
            at = np.asarray(annotation.sample)
            if len(at) and ((np.diff(at) < 0).any() or not 0 <= at[0] <= at[-1] <= shape[0]):
                raise InputError(
                    f"{shown}{marks.suffix}: found annotations out of order or past the {shape[0]} samples, "
                    "expected those of the record; the file is damaged or of another record"
                )
        return found, annotation
