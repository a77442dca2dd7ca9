"""Kaggle's MIT-BIH rows from the records, bit for bit, by a rule that its author never published.

Of each record the first channel in ADC units and *all* annotations at samples p_0, p_1, …: a beat's annotation k, the
last one excepted, gives every third sample from p_k to p_{k+1} + 0.2 · (p_{k+2} − p_{k+1}), scaled to its least and
greatest value, cut to 187 and padded with zeros. Found here and checked on all 109,446 rows. Which of them are
Kaggle's test rows, and in what order, follows no rule: `kaggle_test_rows.npz` tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.catalog import BEAT_LENGTH
from cardiax.datasets.physionet_mitbih.mitbih_records import CLASS_OF, LENGTH, Record

STEP = 3
"""Kaggle's rows are every third sample: 120 Hz."""

MOVED = {102: {1991: 590_296}}
"""Record → annotation → sample: where an older annotation file, the one that Kaggle's author had, put it."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row: the beat float32 (187,), its class, and where it comes from."""

    beat: np.ndarray
    label: int
    record: int
    annotation_index: int
    sample: int
    symbol: str


def rows(record: Record) -> Iterator[Row]:
    """The rows of a record, in the order of its annotations."""
    samples = record.samples.copy()
    for index, sample in MOVED.get(record.number, {}).items():
        samples[index] = sample
    after = np.append(samples[2:], LENGTH)
    signal = record.signals[:, 0].astype(np.float64)
    for index, symbol in enumerate(record.symbols[:-1]):
        if symbol in CLASS_OF:
            end = int(samples[index + 1] + 0.2 * (after[index] - samples[index + 1]))
            segment = signal[samples[index] : end : STEP]
            low, high = segment.min(), segment.max()
            beat = np.zeros(BEAT_LENGTH, np.float32)
            scaled = ((segment - low) / (high - low))[:BEAT_LENGTH]
            beat[: len(scaled)] = scaled
            yield Row(beat, CLASS_OF[symbol], record.number, index, int(samples[index]), symbol)


def kaggle_test_rows() -> list[tuple[int, int]]:
    """Record and annotation of each of Kaggle's 21,892 test rows, in its order."""
    with np.load(Path(__file__).parent / "kaggle_test_rows.npz", allow_pickle=False) as table:
        return list(zip(table["record"].tolist(), table["annotation_index"].tolist(), strict=True))
