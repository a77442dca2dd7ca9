"""Dealing whole groups, e.g. patients, to splits or folds with the classes spread evenly: a pure function."""

from collections.abc import Sequence

import numpy as np

from cardiax.random_streams import stream


def deal(groups: np.ndarray, labels: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Deal whole groups to sides of the given shares of every class.

    The groups that hold most of a class come first, equal ones in random order. Each goes to the side to which it
    brings the share of all classes closest, in the sum of squares over the share; of the groups that come last, each
    goes to a side without one, if there is any.

    Args:
      groups: (n,), the group of each example.
      labels: int (n,), its class.
      shares: share of each side; they sum to 1.

    Returns:
      The side of each example, int64 (n,), an index into `shares`.
    """
    _, of_example = np.unique(groups, return_inverse=True)
    counts = np.zeros((of_example.max() + 1, labels.max() + 1))
    np.add.at(counts, (of_example, labels), 1.0)
    parts = counts[:, counts.any(axis=0)]
    parts = parts / parts.sum(axis=0)
    order = np.lexsort((stream("groups of own beats").random_raw(len(parts)), -parts.max(axis=1)))
    expected = np.asarray(shares)
    filled, side = np.zeros((len(shares), parts.shape[1])), np.full(len(parts), -1)
    for done, group in enumerate(order):
        gain = (parts[group] * (2 * (expected[:, None] - filled) - parts[group])).sum(axis=1) / expected
        empty = ~np.isin(np.arange(len(shares)), side)
        if len(parts) - done <= empty.sum():
            gain = np.where(empty, gain, -np.inf)
        side[group] = np.argmax(gain)
        filled[side[group]] += parts[group]
    return side[of_example]
