"""Leakage between the splits of a dataset: pure functions of labels, records and the lengths of padded beats."""

import numpy as np


def beat_lengths(beats: np.ndarray) -> np.ndarray:
    """Count the samples up to the last nonzero one, the rest being padding: (n, 187) → int64 (n,)."""
    return beats.shape[1] - np.argmax(beats[:, ::-1] != 0, axis=1)


def predict_by_length(
    lengths: np.ndarray, labels: np.ndarray, asked: np.ndarray, classes: int, power: float = 0.0
) -> np.ndarray:
    """Classify beats by their lengths alone, `asked` (m,), as the most frequent class of that length: int64 (m,).

    Training beats have `lengths` and `labels`, (n,); a length without any gets class 0. A class of share p counts as
    p^(1 − power): with power 1 all classes are equally frequent.
    """
    counts = np.zeros((max(lengths.max(), asked.max()) + 1, classes))
    np.add.at(counts, (lengths, labels), 1.0)
    totals = counts.sum(axis=0)
    return np.argmax(counts * np.maximum(totals, 1.0) ** -power, axis=1)[asked]


def shares_of_records(labels: np.ndarray, records: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the records that the beats of a class come from, (r,), and their shares, (r,), largest first."""
    names, counts = np.unique(records[labels == label], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return names[order], counts[order] / counts.sum()
