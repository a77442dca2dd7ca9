"""Beats around their R peaks, from both leads of a record, with the intervals that surround them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiax.catalog import WINDOW_AFTER, WINDOW_BEFORE, WINDOW_RATE
from cardiax.datasets.physionet_mitbih.mitbih_records import CLASS_OF, RATE, Record
from cardiax.ecg.rr_features import beat_intervals

HIGH_PASS = 0.5
"""Hz, below which baseline wander is taken out."""


@dataclass(frozen=True, eq=False)
class Window:
    """One beat: signal float32 (192, 2), mV at 180 Hz; intervals float32 (3,), s; its class; where it comes from."""

    signal: np.ndarray
    intervals: np.ndarray
    label: int
    record: int
    annotation_index: int
    sample: int
    symbol: str


def windows(record: Record) -> Iterator[Window]:
    """The beats of a record, in order; a window that runs past its ends repeats the last value there."""
    from scipy.signal import butter, resample_poly, sosfiltfilt  # half a second to import, to prepare one dataset

    signals = (record.signals - record.baselines) / record.gains
    signals = resample_poly(signals, 1, round(RATE / WINDOW_RATE), padtype="line")
    signals = sosfiltfilt(butter(2, HIGH_PASS, "highpass", fs=WINDOW_RATE, output="sos"), signals, axis=0)
    signals = np.pad(signals, ((WINDOW_BEFORE, WINDOW_AFTER), (0, 0)), mode="edge").astype(np.float32)
    if "MLII" in record.leads:  # in record 114 it is the second
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
