"""Protocols: which examples train, which choose the model, which are looked at once. Pure functions of the data.

A protocol draws the same split for every seed of an experiment. Rows that are equal to the bit never lie on two sides:
where the publisher's own files put them there, the training side gives them up.
"""

import math
from collections.abc import Callable

import numpy as np

from cardiax.errors import unknown

SPLITS = ("train", "validation", "test")

Split = dict[str, np.ndarray]
"""`train`, `validation` and `test`, each int64 indices into the arrays of all parts laid end to end."""


def draw_split(protocol: str, beats: np.ndarray, labels: np.ndarray, parts: dict[str, int]) -> Split:
    """The split of a dataset by a protocol.

    Args:
      protocol: a name in `PROTOCOLS`.
      beats: float32 (n, 187), all parts of the dataset end to end.
      labels: int (n,).
      parts: name of each part as it lies on disk → its number of rows; the numbers add up to n.
    """
    if protocol not in PROTOCOLS:
        raise unknown("split", protocol, PROTOCOLS)
    return PROTOCOLS[protocol](labels, row_groups(beats), parts)


def row_groups(beats: np.ndarray) -> np.ndarray:
    """Rows equal to the bit get the same number: (n, m) → int64 (n,), the index of the row's first occurrence."""
    rows = np.ascontiguousarray(beats).view(np.dtype((np.void, beats.dtype.itemsize * beats.shape[1])))[:, 0]
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return first[inverse]


def _kaggle(labels: np.ndarray, groups: np.ndarray, parts: dict[str, int]) -> Split:
    """The publisher's test part; of its train part a tenth of each class validates."""
    bounds = np.cumsum([0, *parts.values()])
    index = {name: np.arange(*bounds[i : i + 2]) for i, name in enumerate(parts)}
    test, rest = index["test"], index["train"]
    rest = rest[~np.isin(groups[rest], groups[test])]
    train, validation = _stratified(rest, labels, groups, held_out=0.1, sides=1)
    return {"train": train, "validation": validation, "test": test}


def _published(labels: np.ndarray, groups: np.ndarray, parts: dict[str, int]) -> Split:
    """The proportions of the reference projects, all parts merged, each class on its own.

    Heartbeat (PTBDB, one part) 80/10/10; arrhythmia (train and test merged) 90/5/5. Which beat fell where they never
    published; the draw is ours.
    """
    held_out = 0.2 if len(parts) == 1 else 0.1
    drawn = _stratified(np.arange(len(labels)), labels, groups, held_out, sides=2)
    return dict(zip(SPLITS, drawn, strict=True))


PROTOCOLS: dict[str, Callable[[np.ndarray, np.ndarray, dict[str, int]], Split]] = {
    "kaggle": _kaggle,
    "published": _published,
}


def _stratified(
    candidates: np.ndarray, labels: np.ndarray, groups: np.ndarray, held_out: float, sides: int
) -> list[np.ndarray]:
    """`candidates` dealt out within each class: 1 - `held_out` of them first, the rest in `sides` equal parts.

    Equal rows go to the same side. The held-out share is rounded up, as scikit-learn's `train_test_split` does: of
    4046 normal beats 3236 train where a fifth is held out.
    """
    leaders, first = np.unique(groups[candidates], return_index=True)
    side = np.zeros(len(groups), np.int64)
    leader_labels = labels[candidates[first]]
    random = np.random.Philox(key=np.array([0, 0], np.uint64)).random_raw(len(leaders))
    for label in np.unique(leader_labels):
        chosen = leader_labels == label
        members = leaders[chosen][np.argsort(random[chosen], kind="stable")]
        held = math.ceil(round(held_out * len(members), 6))
        bounds = np.linspace(0, held, sides + 1).astype(int)
        for i in range(sides):
            side[members[bounds[i] : bounds[i + 1]]] = i + 1
    return [candidates[side[groups[candidates]] == i] for i in range(sides + 1)]
