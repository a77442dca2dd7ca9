"""Windows around the R peaks of both leads of a record, with the surrounding RR intervals."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiax.catalog import WINDOW_AFTER, WINDOW_BEFORE, WINDOW_RATE
from cardiax.datasets.physionet_mitbih.mitbih_records import CLASS_OF, RATE, Record
from cardiax.ecg.rr_features import beat_intervals

HIGH_PASS = 0.5
"""Cutoff frequency of the high-pass filter that removes baseline wander, Hz."""


@dataclass(frozen=True, eq=False)
class Window:
    """One beat of a record.

    Attributes:
      signal: float32 (192, 2), mV at 180 Hz.
      intervals: float32 (3,), s, from `cardiax.ecg.rr_features.beat_intervals`.
      label: index of the class.
      record: number of the record.
      annotation_index: index of the annotation in the record.
      sample: sample index of the annotation, at 360 Hz.
      symbol: symbol of the annotation.
    """

    signal: np.ndarray
    intervals: np.ndarray
    label: int
    record: int
    annotation_index: int
    sample: int
    symbol: str


def windows(record: Record) -> Iterator[Window]:
    """Yield the beats of a record in order; a window past an end of the record repeats the value there."""
    from scipy.signal import butter, resample_poly, sosfiltfilt  # takes half a second, and only one dataset needs it

    signals = (record.signals - record.baselines) / record.gains
    signals = resample_poly(signals, 1, round(RATE / WINDOW_RATE), padtype="line")
    signals = sosfiltfilt(butter(2, HIGH_PASS, "highpass", fs=WINDOW_RATE, output="sos"), signals, axis=0)
    signals = np.pad(signals, ((WINDOW_BEFORE, WINDOW_AFTER), (0, 0)), mode="edge").astype(np.float32)
    if "MLII" in record.leads:  # it is the second lead in record 114
        signals = np.roll(signals, -record.leads.index("MLII"), axis=1)
    beats = [index for index, symbol in enumerate(record.symbols) if symbol in CLASS_OF]
    spans = beat_intervals(record.samples[beats] / RATE)
    for index, span in zip(beats, spans, strict=True):
        first = round(record.samples[index] * WINDOW_RATE / RATE)
        yield Window(
            signal=signals[first : first + WINDOW_BEFORE + WINDOW_AFTER],
            intervals=span,
            label=CLASS_OF[record.symbols[index]],
            record=record.number,
            annotation_index=index,
            sample=int(record.samples[index]),
            symbol=record.symbols[index],
        )
