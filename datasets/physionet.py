"""The databases of PhysioNet: their files fetched or found in a folder, and their records read, through `wfdb`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from cardiax.errors import InputError


@dataclass(frozen=True)
class Database:
    """One database of PhysioNet.

    Attributes:
      name: as in its address, `mitdb`.
      homepage: of the version that is read.
      records: the names of its records.
      endings: of the files of each record.
      rate: of every record, Hz.
      length: samples of every record; each has two channels.
    """

    name: str
    homepage: str
    records: tuple[str, ...]
    endings: tuple[str, ...]
    rate: float
    length: int

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files."""
        return tuple(f"{record}.{ending}" for record in self.records for ending in self.endings)

    def missing(self, folder: Path) -> list[str]:
        """The names of the files that a folder lacks."""
        return [name for name in self.files if not (folder / name).is_file()]

    def check(self, folder: Path) -> None:
        """Raise `InputError` where a folder lacks a file."""
        absent = self.missing(folder)
        if absent:
            more = f" and {len(absent) - 1} more files missing" if len(absent) > 1 else ""
            *most, last = (f".{ending}" for ending in self.endings)
            raise InputError(
                f"{folder}: found no {absent[0]}{more}, wanted {', '.join(most)} and {last} of {len(self.records)} "
                f"records; fetch {self.homepage} whole"
            )

    def download(self, folder: Path) -> Path:
        """Fetch what a folder lacks from PhysioNet; returns the folder."""
        if self.missing(folder):
            wfdb = import_wfdb(self.homepage)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                wfdb.dl_files(self.name, str(folder), self.files)  # goes on where it stopped, within a file too
            except Exception as error:  # requests and urllib3 have a hundred ways to fail
                raise InputError(
                    f"{self.homepage}: found no way to fetch it ({error}), wanted {len(self.files)} files; run the "
                    "same again, which goes on where it stopped, or fetch it by hand and give --manual-dir DIR"
                ) from error
        return folder

    def folder(self, dl_manager: tfds.download.DownloadManager) -> Path:
        """The manual folder if it was given or holds a record, else PhysioNet's files, fetched."""
        download_dir = Path(dl_manager.download_dir)
        default = download_dir / "manual"  # TFDS's own
        try:
            manual_dir = Path(dl_manager.manual_dir)
        except AssertionError:  # TFDS's answer to a folder that does not exist or is empty
            manual_dir = default
        if manual_dir != default or (manual_dir / self.files[0]).is_file():
            return manual_dir
        return self.download(download_dir / self.name)

    def read(self, folder: Path, record: str, annotated: bool = False) -> tuple[Any, Any]:
        """One record in ADC units, `d_signal` int16 (length, 2), and its annotations, None unless `annotated`.

        Raises:
          InputError: a file is damaged or another's, or the package `wfdb` is missing.
        """
        wfdb, path = import_wfdb(self.homepage), folder / record
        try:
            found: Any = wfdb.rdrecord(str(path), physical=False, return_res=16)
            annotation: Any = wfdb.rdann(str(path), "atr") if annotated else None
        except Exception as error:  # wfdb raises whatever its parsers meet
            raise InputError(f"{path}: found a record that cannot be read ({error}), wanted PhysioNet's") from error
        wanted, shape = (self.length, 2), None if found.d_signal is None else found.d_signal.shape
        if shape != wanted or found.fs != self.rate:
            raise InputError(f"{path}: found signals {shape} at {found.fs} Hz, wanted {wanted} at {self.rate:g} Hz")
        return found, annotation


def import_wfdb(wanted_by: str) -> Any:
    """The package `wfdb`; an `InputError` where it is missing, which begins with what it is wanted for."""
    try:
        import wfdb
    except ImportError as error:
        raise InputError(
            f"{wanted_by}: found no package wfdb, wanted it to read the records; run pip install 'cardiax[wfdb]'"
        ) from error
    return wfdb
