"""The records of the MIT-BIH Arrhythmia Database (Moody and Mark 2001), as published by PhysioNet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.datasets.storage.wfdb_database import Database

RATE = 360.0
"""Sampling rate, Hz."""

LENGTH = 650_000
"""Number of samples of each record, half an hour."""

RECORDS = (
    *(100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 111, 112, 113, 114, 115, 116, 117, 118, 119, 121, 122, 123),
    *(124, 200, 201, 202, 203, 205, 207, 208, 209, 210, 212, 213, 214, 215, 217, 219, 220, 221, 222, 223, 228, 230),
    *(231, 232, 233, 234),
)

DATABASE = Database(
    name="mitdb",
    homepage="https://physionet.org/content/mitdb/1.0.0/",
    records=tuple(map(str, RECORDS)),
    endings=("hea", "dat", "atr"),
    rate=RATE,
    length=LENGTH,
)

SYMBOLS = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
"""Annotation symbols of each AAMI class; other symbols do not mark beats."""

CLASS_OF = {symbol: index for index, symbols in enumerate(SYMBOLS.values()) for symbol in symbols}


@dataclass(frozen=True, eq=False)
class Record:
    """One record.

    Attributes:
      number: number of the record, 100 … 234.
      signals: int16 (650000, 2), ADC units.
      leads: names of the two leads.
      gains: float64 (2,), ADC units per mV.
      baselines: float64 (2,), ADC units at 0 mV.
      samples: int64 (n,), sample index of each annotation.
      symbols: symbol of each annotation.
    """

    number: int
    signals: np.ndarray
    leads: tuple[str, ...]
    gains: np.ndarray
    baselines: np.ndarray
    samples: np.ndarray
    symbols: tuple[str, ...]


def read(folder: Path, numbers: Sequence[int] = RECORDS) -> Iterator[Record]:
    """Read the records `numbers` of a folder.

    Raises:
      InputError: if a file is damaged or of another record, or the package `wfdb` is missing.
    """
    for number in numbers:
        record, annotation = DATABASE.read(folder, str(number), annotated=True)
        yield Record(
            number=number,
            signals=record.d_signal,
            leads=tuple(record.sig_name),
            gains=np.asarray(record.adc_gain, np.float64),
            baselines=np.asarray(record.baseline, np.float64),
            samples=np.asarray(annotation.sample, np.int64),
            symbols=tuple(annotation.symbol),
        )
