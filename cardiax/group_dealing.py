"""Dealing whole groups, e.g. patients, to splits or folds with the classes spread evenly: a pure function."""

from collections.abc import Sequence

import numpy as np

from cardiax.random_streams import stream


def deal(groups: np.ndarray, labels: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Deal whole groups to splits, or folds, of the given shares of every class.

    The groups that hold most of a class come first, equal ones in random order. Each goes to the split to which it
    brings the share of all classes closest, in the sum of squares over the share, of equal splits to the last. But if
    no more groups of a class are left than splits without that class, they go to these splits; the same holds for
    groups and splits without any, before all.

    Each example has one of `groups` (n,) and of the classes `labels`, int (n,); `shares` sum to 1. Returned is the
    split of each example, int64 (n,), an index into `shares`.
    """
    _, of_example = np.unique(groups, return_inverse=True)
    counts = np.zeros((of_example.max() + 1, labels.max() + 1))
    np.add.at(counts, (of_example, labels), 1.0)
    parts = counts[:, counts.any(axis=0)]
    parts = parts / parts.sum(axis=0)
    order = np.lexsort((stream("groups of own beats").random_raw(len(parts)), -parts.max(axis=1)))
    expected = np.asarray(shares)
    filled, split = np.zeros((len(shares), parts.shape[1])), np.full(len(parts), -1)
    left = (parts > 0).sum(axis=0)
    for done, group in enumerate(order):
        gain = (parts[group] * (2 * (expected[:, None] - filled) - parts[group])).sum(axis=1) / expected
        lacking, own = filled == 0, parts[group] > 0
        needed = (lacking & own & (left <= lacking.sum(axis=0))).sum(axis=1)
        empty = ~np.isin(np.arange(len(shares)), split) & (len(parts) - done <= (~filled.any(axis=1)).sum())
        best = np.lexsort((np.arange(len(shares)), gain, needed, empty))[-1]
        split[group] = best
        filled[best] += parts[group]
        left -= own
    return split[of_example]
