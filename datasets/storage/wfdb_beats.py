"""Beats of annotated WFDB records of any rate, length and leads: windows around R peaks, and a builder of these."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cardiax.catalog import AAMI_CLASSES, WINDOW_AFTER, WINDOW_BEFORE, WINDOW_LEADS
from cardiax.datasets.storage.manual_files import FromFiles
from cardiax.datasets.storage.wfdb_database import Database
from cardiax.ecg import beat_windows
from cardiax.ecg.beat_windows import CLASS_OF
from cardiax.ecg.lead_checks import RATES
from cardiax.ecg.leads import MILLIVOLTS
from cardiax.ecg.rr_features import beat_intervals
from cardiax.errors import InputError
from cardiax.file_checks import header_lines

BEATS, SLOPE = 20, 1.2
"""With so many beats or more, the least `slope_at_beats` of annotations that are of the record."""


@dataclass(frozen=True, eq=False)
class Record:
    """One record.

    Attributes:
      number: number of the record.
      rate: sampling rate, Hz.
      signals: int (n, L), ADC units.
      leads: names of the L leads, the channels in a unit of voltage.
      gains: float64 (L,), ADC units per mV.
      baselines: float64 (L,), ADC units at 0 mV.
      samples: int64 (m,), sample index of each annotation.
      symbols: symbol of each annotation.
    """

    number: int
    rate: float
    signals: np.ndarray
    leads: tuple[str, ...]
    gains: np.ndarray
    baselines: np.ndarray
    samples: np.ndarray
    symbols: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Beat:
    """One beat of a record.

    Attributes:
      label: index of the class.
      record: number of the record.
      annotation_index: index of the annotation in the record.
      sample: sample index of the annotation, at the rate of the record.
      symbol: symbol of the annotation.
    """

    label: int
    record: int
    annotation_index: int
    sample: int
    symbol: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Window(Beat):
    """A beat as `signal` float32 (192, 2), mV at 180 Hz, and `intervals` float32 (3,), s, from `beat_intervals`."""

    signal: np.ndarray
    intervals: np.ndarray


def read_records(database: Database, folder: Path, names: Sequence[str]) -> Iterator[Record]:
    """Read records of a folder; a missing sample is read as 0 mV.

    The number of a record is its name, if all of the database are named by numbers, else its index in the database. A
    damaged file, or one of another record, is an `InputError`, as is the missing package `wfdb`.
    """
    for name in names:
        record, annotation = database.read(folder, name, annotated=True)
        if not RATES[0] <= record.fs <= RATES[1] or record.sig_len < record.fs:
            raise InputError(
                f"{folder / name}: found {record.sig_len} samples at {record.fs} Hz, expected 1 s or more at "
                f"{RATES[0]:g} to {RATES[1]:g} Hz"
            )
        try:
            missing = np.isnan(record.dac())
        except Exception as error:  # wfdb knows the formats that it reads less well than their names
            raise InputError(
                f"{folder / name}: found a record that cannot be read ({error}), expected PhysioNet's"
            ) from error
        used, per_millivolt = _voltages(folder / name, _units(folder / f"{name}.hea", record.units))
        signals = np.where(missing, record.baseline, record.d_signal)[:, used]
        samples = np.asarray(annotation.sample, np.int64)
        beats = samples[[symbol in CLASS_OF for symbol in annotation.symbol]]
        if len(beats) >= BEATS and (slope := beat_windows.slope_at_beats(signals, beats, record.fs)) < SLOPE:
            raise InputError(
                f"{folder / name}.{database.endings[-1]}: found beats where the signal is {slope:.2f} times as steep "
                f"as elsewhere, expected {SLOPE} or more; they seem to be of another record, so {database.anew}"
            )
        yield Record(
            number=int(name) if all(map(str.isdecimal, database.records)) else database.records.index(name),
            rate=float(record.fs),
            signals=signals,
            leads=tuple(record.sig_name[index] for index in used),
            gains=np.asarray(record.adc_gain, np.float64)[used] * per_millivolt,
            baselines=np.asarray(record.baseline, np.float64)[used],
            samples=samples,
            symbols=tuple(annotation.symbol),
        )


def _units(header: Path, units: Sequence[str]) -> Sequence[str]:
    """Return the units of a header, from its bytes if need be: `wfdb` drops what is not ASCII, so `µV` would be V."""
    content = header.read_bytes()
    if content.isascii():
        return units
    lines = [[*line.split(), "", "", ""] for line in header_lines(content)[1 : len(units) + 1]]
    return [line[2].partition("/")[2] or unit for line, unit in zip(lines, units, strict=True)]


def _voltages(record: Path, units: Sequence[str]) -> tuple[list[int], np.ndarray]:
    """Return the indices of the channels in a unit of voltage, and how many of its units are a millivolt, (L,)."""
    used = [index for index, unit in enumerate(units) if unit.lower() in MILLIVOLTS]
    if not used:
        raise InputError(
            f"{record}: found the units {', '.join(units)}, expected a channel in mV, uV or V; correct the header"
        )
    return used, np.array([1 / MILLIVOLTS[units[index].lower()] for index in used])


def windows(
    record: Record, first: Sequence[str] = ("MLII", "II"), class_of: Mapping[str, int] = CLASS_OF
) -> Iterator[Window]:
    """Yield the beats of a record in order; a record with a single beat, which has no RR interval, has none.

    A beat is an annotation whose symbol is AAMI's or a key of `class_of`, which gives the index of its class. Beats
    without a class are not yielded, but the intervals of the others are those from and to them.

    A window past an end of the record repeats the value there. It has two leads of the record: those of the names
    `first`, then the others in their order. The second lead of a record with a single lead is 0.
    """
    beats = [index for index, symbol in enumerate(record.symbols) if symbol in CLASS_OF or symbol in class_of]
    if len(beats) < 2:
        return
    leads = beat_windows.lead_order(record.leads, first)[:WINDOW_LEADS]
    signals = (record.signals[:, leads] - record.baselines[leads]) / record.gains[leads]
    cut = beat_windows.windows(beat_windows.filtered(signals, record.rate), record.samples[beats], record.rate)
    spans = beat_intervals(record.samples[beats] / record.rate)
    for index, window, span in zip(beats, cut, spans, strict=True):
        if record.symbols[index] not in class_of:
            continue
        yield Window(
            signal=window,
            intervals=span,
            label=class_of[record.symbols[index]],
            record=record.number,
            annotation_index=index,
            sample=int(record.samples[index]),
            symbol=record.symbols[index],
        )


class WfdbBeats(FromFiles, tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A base class of builders of the beats of a WFDB database: one `Window` per example, in one part, `beats`.

    A subclass sets `DATABASE`. Of its records, those in the manual folder are taken; without any, all are downloaded.
    """

    DATABASE: Database

    def __init_subclass__(cls, **kwargs):
        endings = ", ".join(f".{ending}" for ending in cls.DATABASE.endings)
        cls.MANUAL_DOWNLOAD_INSTRUCTIONS = (
            f"The files {endings} of the {len(cls.DATABASE.records)} records of {cls.DATABASE.homepage}, in the manual "
            "folder; without them they are downloaded."
        )
        super().__init_subclass__(**kwargs)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"signal": (WINDOW_BEFORE + WINDOW_AFTER, WINDOW_LEADS), "intervals": (3,)}

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            name: tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes")
            for name, shape in self._shapes().items()
        } | {
            "label": tfds.features.ClassLabel(names=AAMI_CLASSES),
            "record": tfds.features.Scalar(dtype=np.int64),
            "annotation_index": tfds.features.Scalar(dtype=np.int64),
            "sample": tfds.features.Scalar(dtype=np.int64),
            "symbol": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=(next(iter(features)), "label"),
            homepage=self.DATABASE.homepage,
            license=self.DATABASE.license,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={}, notes=[]),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        folder, names = self.DATABASE.gather(self, dl_manager, some=True)
        every = len(self.DATABASE.records)
        if len(names) < every:
            self.sources["notes"].append(f"{len(names)} of the {every} records of {self.DATABASE.homepage}")
        records = read_records(self.DATABASE, folder, names)
        return {"beats": self._generate_examples("beats", (beat for record in records for beat in windows(record)))}

    def _generate_examples(self, part: str, beats: Iterable[Any]) -> Iterator[tuple[int, dict]]:
        counts = np.zeros(len(AAMI_CLASSES), np.int64)
        for key, beat in enumerate(beats):
            counts[beat.label] += 1
            yield key, vars(beat)
        self.sources["counts"][part] = counts.tolist()
