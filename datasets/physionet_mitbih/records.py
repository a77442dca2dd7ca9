"""The records of the MIT-BIH Arrhythmia Database (Moody and Mark 2001), as PhysioNet keeps them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.errors import InputError

HOMEPAGE = "https://physionet.org/content/mitdb/1.0.0/"
DATABASE = "mitdb"
RATE = 360.0
"""Hz."""

LENGTH = 650_000
"""Samples of each record, half an hour."""

RECORDS = (
    *(
        100,
        101,
        102,
        103,
        104,
        105,
        106,
        107,
        108,
        109,
        111,
        112,
        113,
        114,
        115,
        116,
        117,
        118,
        119,
        121,
        122,
        123,
        124,
    ),
    *(
        200,
        201,
        202,
        203,
        205,
        207,
        208,
        209,
        210,
        212,
        213,
        214,
        215,
        217,
        219,
        220,
        221,
        222,
        223,
        228,
        230,
        231,
        232,
    ),
    *(233, 234),
)

FILES = tuple(f"{number}.{ending}" for number in RECORDS for ending in ("hea", "dat", "atr"))

SYMBOLS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
"""Annotation symbols of each AAMI class; other symbols mark no beat."""

CLASS_OF = {symbol: index for index, symbols in enumerate(SYMBOLS.values()) for symbol in symbols}


@dataclass(frozen=True, eq=False)
class Record:
    """One record.

    Attributes:
      number: 100 … 234.
      signals: int16 (650000, 2), ADC units.
      leads: their names.
      gains: float64 (2,), ADC units a mV.
      baselines: float64 (2,), ADC units at 0 mV.
      samples: int64 (n,), where each annotation stands.
      symbols: what each says.
    """

    number: int
    signals: np.ndarray
    leads: tuple[str, ...]
    gains: np.ndarray
    baselines: np.ndarray
    samples: np.ndarray
    symbols: tuple[str, ...]


def missing(folder: Path) -> list[str]:
    """The names of the files that a folder lacks."""
    return [name for name in FILES if not (folder / name).is_file()]


def read(folder: Path) -> Iterator[Record]:
    """Every record of a folder.

    Raises:
      InputError: a file is missing or damaged, or the package `wfdb` is.
    """
    absent = missing(folder)
    if absent:
        raise InputError(
            f"{folder}: found no {absent[0]}{f' and {len(absent) - 1} more files missing' if len(absent) > 1 else ''}, "
            f"wanted .hea, .dat and .atr of {len(RECORDS)} records; fetch {HOMEPAGE} whole"
        )
    wfdb = import_wfdb()
    for number in RECORDS:
        path = folder / str(number)
        try:
            record: Any = wfdb.rdrecord(str(path), physical=False, return_res=16)
            annotation: Any = wfdb.rdann(str(path), "atr")
        except Exception as error:  # wfdb raises whatever its parsers meet
            raise InputError(f"{path}: found a record that cannot be read ({error}), wanted PhysioNet's") from error
        signals = record.d_signal
        if signals is None or signals.shape != (LENGTH, 2) or record.fs != RATE:
            shape = None if signals is None else signals.shape
            raise InputError(f"{path}: found signals {shape} at {record.fs} Hz, wanted ({LENGTH}, 2) at {RATE:g} Hz")
        yield Record(
            number=number,
            signals=signals,
            leads=tuple(record.sig_name),
            gains=np.asarray(record.adc_gain, np.float64),
            baselines=np.asarray(record.baseline, np.float64),
            samples=np.asarray(annotation.sample, np.int64),
            symbols=tuple(annotation.symbol),
        )


def download(folder: Path) -> Path:
    """Fetch what a folder lacks of the database from PhysioNet, through wfdb; returns the folder."""
    if missing(folder):
        wfdb = import_wfdb()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            wfdb.dl_files(DATABASE, str(folder), FILES)  # goes on where it stopped, within a file too
        except Exception as error:  # requests and urllib3 have a hundred ways to fail
            raise InputError(
                f"{HOMEPAGE}: found no way to fetch it ({error}), wanted {len(FILES)} files; run the same again, which "
                "goes on where it stopped, or fetch it by hand and give --manual-dir DIR"
            ) from error
    return folder


def import_wfdb():
    """The package `wfdb`; an `InputError` where it is missing."""
    try:
        import wfdb
    except ImportError as error:
        raise InputError(
            "physionet_mitbih: found no package wfdb, wanted it to read the records; run pip install 'cardiax[wfdb]'"
        ) from error
    return wfdb
