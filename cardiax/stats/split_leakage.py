"""What a score owes to the split: pure functions of labels, records and the lengths of padded beats."""

import numpy as np


def beat_lengths(beats: np.ndarray) -> np.ndarray:
    """Samples up to the last that is not zero: (n, 187) → int64 (n,). What follows in Kaggle's rows is padding."""
    return beats.shape[1] - np.argmax(beats[:, ::-1] != 0, axis=1)


def predict_by_length(
    lengths: np.ndarray, labels: np.ndarray, asked: np.ndarray, classes: int, power: float = 0.0
) -> np.ndarray:
    """The class most frequent among training beats of each length, int64 (m,): a classifier that sees no sample.

    Args:
      lengths: (n,), of the training beats.
      labels: (n,), their classes.
      asked: (m,), lengths of the beats to be classified; one that was never seen is answered with class 0.
      classes: their number.
      power: a class of share p counts as p^(1 − power): 0 as often as it is, 1 as if all classes were equally frequent.
    """
    counts = np.zeros((max(lengths.max(), asked.max()) + 1, classes))
    np.add.at(counts, (lengths, labels), 1.0)
    totals = counts.sum(axis=0)
    return np.argmax(counts * np.maximum(totals, 1.0) ** -power, axis=1)[asked]


def shares_of_records(labels: np.ndarray, records: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Which records the beats of a class come from: records (r,) and their shares (r,), the greatest first."""
    names, counts = np.unique(records[labels == label], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return names[order], counts[order] / counts.sum()
