"""Bit-identical reconstruction of Kaggle's MIT-BIH rows from the records, by a rule that was never published.

Uses the first channel of a record in ADC units and *all* its annotations, at samples p_0, p_1, …. The annotation k of a
beat, except the last one, gives every third sample from p_k to p_{k+1} + 0.2 · (p_{k+2} − p_{k+1}), min-max scaled, cut
to 187 samples and padded with zeros. The rule was derived here and verified on all 109,446 rows. Kaggle's choice and
order of test rows follow no rule and are stored in `kaggle_test_rows.npz`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.catalog import BEAT_LENGTH
from cardiax.datasets.physionet_mitbih.mitbih_records import LENGTH
from cardiax.datasets.storage.wfdb_beats import Beat, Record
from cardiax.ecg.beat_windows import CLASS_OF

STEP = 3
"""Kaggle's rows hold every third sample: 120 Hz."""

MOVED = {102: {1991: 590_296}}
"""Record → annotation → sample in the older annotation file that Kaggle's author used."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Row(Beat):
    """One of Kaggle's rows: `beat` float32 (187,), in [0, 1] at 120 Hz, zero-padded."""

    beat: np.ndarray


def rows(record: Record) -> Iterator[Row]:
    """Yield the rows of a record in the order of its annotations."""
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
            yield Row(
                beat=beat,
                label=CLASS_OF[symbol],
                record=record.number,
                annotation_index=index,
                sample=int(samples[index]),
                symbol=symbol,
            )


def kaggle_test_rows() -> list[tuple[int, int]]:
    """Return record and annotation index of each of Kaggle's 21,892 test rows, in Kaggle's order."""
    with np.load(Path(__file__).parent / "kaggle_test_rows.npz", allow_pickle=False) as table:
        return list(zip(table["record"].tolist(), table["annotation_index"].tolist(), strict=True))
