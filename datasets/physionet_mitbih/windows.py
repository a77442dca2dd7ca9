"""Beats around their R peaks, from both leads of a record, with the intervals that surround them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiax.catalog import WINDOW_AFTER, WINDOW_BEFORE, WINDOW_RATE
from cardiax.datasets.physionet_mitbih.records import CLASS_OF, RATE, Record

HIGH_PASS = 0.5
"""Hz, below which baseline wander is taken out."""

SURROUNDING = 5
"""Intervals before a beat, and as many after, whose mean is its local interval (de Chazal et al. 2004)."""


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
    beats = [place for place, symbol in enumerate(record.symbols) if symbol in CLASS_OF]
    spans = intervals(record.samples[beats] / RATE)
    for place, span in zip(beats, spans, strict=True):
        first = round(record.samples[place] * WINDOW_RATE / RATE)
        yield Window(
            signal=signals[first : first + WINDOW_BEFORE + WINDOW_AFTER],
            intervals=span,
            label=CLASS_OF[record.symbols[place]],
            record=record.number,
            annotation_index=place,
            sample=int(record.samples[place]),
            symbol=record.symbols[place],
        )


def intervals(times: np.ndarray) -> np.ndarray:
    """Of beats at times (n,), s, the interval before each, the one after, and the mean of those around it: float32
    (n, 3), s. What the first and the last beat lack is taken from their other side."""
    between = np.diff(times)
    before = np.append(between[:1], between)
    after = np.append(between, between[-1:])
    total = np.append(0.0, np.cumsum(between))
    low = np.maximum(np.arange(len(times)) - SURROUNDING, 0)
    high = np.minimum(np.arange(len(times)) + SURROUNDING, len(between))
    return np.stack([before, after, (total[high] - total[low]) / (high - low)], axis=1).astype(np.float32)
