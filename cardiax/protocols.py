"""Protocols: which examples train, which choose the model, which are looked at once. Pure functions of the data.

A protocol draws the same split for every seed of an experiment. Rows that are equal to the bit never lie on two sides:
where the publisher's own files put them there, the training side gives them up.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from cardiax.catalog import AAMI_CLASSES, FOLDS, Dataset
from cardiax.errors import unknown
from cardiax.random_streams import stream

DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
"""Records of the MIT-BIH Arrhythmia Database to learn from and to test on (de Chazal et al. 2004,
doi:10.1109/TBME.2004.827359); the four with paced beats are in neither."""

VALIDATION = (114, 124, 205, 220, 223)
"""Records of DS1 that choose the model: a quarter of its patients, with beats of every class."""

SAME_SUBJECT = 201
"""A record of DS1 whose subject is that of record 202 of DS2: nobody learns from it."""

DS1_FOLDS = (
    (106, 108, 114, 124, 203, 207),
    (101, 115, 116, 209, 223),
    (119, 122, 205, 215, 220),
    (109, 112, 118, 208, 230),
)
"""Records of DS1, without `SAME_SUBJECT`, for cross-validation: the draw, of 200,000, that shares out the beats of S, V
and F the most evenly. Nine tenths of F are those of record 208."""

SPLITS = ("train", "validation", "test")

GROUPED = ("beat", "electrodes")
"""Features of which protocols ask only which rows are equal, so that a digest of each row may stand for it."""

Split = dict[str, np.ndarray]
"""`train`, `validation` and `test`, each int64 indices into the arrays of all parts laid end to end."""

Protocol = Callable[[dict[str, np.ndarray], dict[str, int]], Split]


def draw_split(dataset: Dataset, protocol: str, examples: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """The split of a dataset by a protocol.

    Args:
      dataset: what is known of it.
      protocol: a name in `PROTOCOLS[dataset.kind]`.
      examples: the features of all parts of the dataset end to end: `beat` (n, 187) and `label` (n,), or `electrodes`
        (n, 500, 10), `volunteer`, `pattern` and `innerindex` (n,).
      parts: name of each part as it lies on disk → its number of rows; the numbers add up to n.
    """
    protocols = PROTOCOLS[dataset.kind]
    if protocol not in protocols:
        raise unknown("protocol", protocol, protocols)
    if dataset.single_site_patterns:
        examples = examples | _as_stimuli(examples, dataset.single_site_patterns)
    return protocols[protocol](examples, parts)


def row_groups(rows: np.ndarray) -> np.ndarray:
    """Rows equal to the bit get the same number: (n, ...) → int64 (n,), the index of the row's first occurrence."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    keys = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def _kaggle(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """The publisher's test part; of its train part a tenth of each class validates."""
    labels, groups = beats["label"], row_groups(beats["beat"])
    bounds = np.cumsum([0, *parts.values()])
    index = {name: np.arange(*bounds[i : i + 2]) for i, name in enumerate(parts)}
    test, rest = index["test"], index["train"]
    rest = rest[~np.isin(groups[rest], groups[test])]
    train, validation = _stratified(rest, labels, groups, shares=(0.1,))
    return {"train": train, "validation": validation, "test": test}


def _published_beats(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """The proportions of the reference projects, all parts merged, each class on its own.

    Heartbeat (PTBDB, one part) 80/10/10; arrhythmia (train and test merged) 90/5/5. Which beat fell where they never
    published; the draw is ours.
    """
    labels, groups = beats["label"], row_groups(beats["beat"])
    held_out = 0.1 if len(parts) == 1 else 0.05
    return _named(_stratified(np.arange(len(labels)), labels, groups, shares=(held_out, held_out)))


def _patient(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """DS1 against DS2, no subject on two sides, without beats of class Q, of which there are fifteen."""
    del parts
    record, rest = beats["record"], beats["label"] != AAMI_CLASSES.index("Q")
    validation = np.isin(record, VALIDATION)
    train = np.isin(record, DS1) & ~validation & (record != SAME_SUBJECT)
    return _named([np.flatnonzero(side & rest) for side in (train, validation, np.isin(record, DS2))])


def _fold(number: int) -> Protocol:
    def fold(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
        """Patients of DS1 alone, without class Q: the fold is tested, the next one validates, the rest train."""
        del parts
        record, rest = beats["record"], beats["label"] != AAMI_CLASSES.index("Q")
        test, validation = DS1_FOLDS[number], DS1_FOLDS[(number + 1) % len(FOLDS)]
        train = [one for fold in DS1_FOLDS if fold not in (test, validation) for one in fold]
        return _named([np.flatnonzero(np.isin(record, side) & rest) for side in (train, validation, test)])

    return fold


def _random(recordings: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """80/10/10 of the recordings: every heart, and nearly every simulation, is on all sides."""
    del parts
    return _in_groups(row_groups(recordings["electrodes"]), shares=(0.1, 0.1))


def _published_recordings(recordings: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """95/5 at random, as in CinC 2022; as many recordings as are tested are taken from the 95 % for validation."""
    del parts
    return _in_groups(row_groups(recordings["electrodes"]), shares=(0.05, 0.05))


def _volunteer(recordings: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """No torso on two sides: of 16 volunteers 2 validate and 3 are tested."""
    del parts
    return _in_groups(recordings["volunteer"], shares=(0.15, 0.15))


def _as_stimuli(recordings: dict[str, np.ndarray], sites: Mapping[int, int]) -> dict[str, np.ndarray]:
    """`pattern` and `innerindex` with each pattern that starts at one site alone told as a stimulus of that site."""
    pattern, site = recordings["pattern"].copy(), recordings["innerindex"].copy()
    for number, alone in sites.items():
        site[recordings["pattern"] == number] = alone
        pattern[recordings["pattern"] == number] = -1
    return {"pattern": pattern, "innerindex": site}


def _pattern(recordings: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """No activation pattern and no stimulus site on two sides; a tenth of each kind validates and a tenth is tested.

    What a pattern starts is known of the simulated hearts alone. Of the UCSD/LLNL dataset only its number is known: a
    pattern there may begin as a stimulus on another side does.
    """
    del parts
    pattern, site = recordings["pattern"], recordings["innerindex"]
    groups = np.where(site >= 0, 1000 + site, pattern)
    return _in_groups(groups, shares=(0.1, 0.1), strata=site >= 0)


PROTOCOLS: dict[str, dict[str, Protocol]] = {
    "beat": {"kaggle": _kaggle, "published": _published_beats, "patient": _patient}
    | {name: _fold(number) for number, name in enumerate(FOLDS)},
    "intracardiac": {
        "random": _random,
        "published": _published_recordings,
        "volunteer": _volunteer,
        "pattern": _pattern,
    },
}


def _named(sides: list[np.ndarray]) -> Split:
    return dict(zip(SPLITS, sides, strict=True))


def _in_groups(groups: np.ndarray, shares: tuple[float, float], strata: np.ndarray | None = None) -> Split:
    """Whole groups dealt out, those of each stratum on their own: equal `groups` (n,) are on one side."""
    strata = np.zeros(len(groups), bool) if strata is None else strata
    return _named(_stratified(np.arange(len(groups)), strata, groups, shares))


def _stratified(
    candidates: np.ndarray, labels: np.ndarray, groups: np.ndarray, shares: tuple[float, ...]
) -> list[np.ndarray]:
    """`candidates` dealt out within each class: first what no share wants, then one side for each of `shares`.

    A group is on one side whole. What is held out in all is rounded up, as scikit-learn's `train_test_split` does: of
    4046 normal beats 3236 train where a fifth is held out.
    """
    leaders, first = np.unique(groups[candidates], return_index=True)
    side = np.zeros(len(leaders), np.int64)
    leader_labels = labels[candidates[first]]
    random = stream("split").random_raw(len(leaders))
    for label in np.unique(leader_labels):
        chosen = leader_labels == label
        members = np.flatnonzero(chosen)[np.argsort(random[chosen], kind="stable")]
        held = math.ceil(round(sum(shares) * len(members), 6))
        bounds = np.linspace(0, held, len(shares) + 1).astype(int)
        for i in range(len(shares)):
            side[members[bounds[i] : bounds[i + 1]]] = i + 1
    side_of = side[np.searchsorted(leaders, groups[candidates])]
    return [candidates[side_of == i] for i in range(len(shares) + 1)]
