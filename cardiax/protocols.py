"""Protocols: how the train, validation and test splits are drawn. Pure functions of the data.

A protocol draws the same splits for every seed of an experiment. Bit-identical rows are never in two splits: where the
published files contain such duplicates, they are removed from the training part.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cardiax.catalog import AAMI_CLASSES, BOTH_FOLDS, FOLDS, OWN, OWN_FOLDS, Dataset
from cardiax.errors import unknown
from cardiax.group_dealing import deal
from cardiax.random_streams import stream

DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
"""Training and test records of the MIT-BIH Arrhythmia Database (de Chazal et al. 2004,
doi:10.1109/TBME.2004.827359); the four records with paced beats are in neither."""

VALIDATION = (114, 124, 205, 220, 223)
"""Validation records of DS1: a quarter of its patients, with beats of every class."""

SAME_SUBJECT = 201
"""The record of DS1 with the same subject as record 202 of DS2; it is left out of training."""

DS1_FOLDS = (
    (106, 108, 114, 124, 203, 207),
    (101, 115, 116, 209, 223),
    (119, 122, 205, 215, 220),
    (109, 112, 118, 208, 230),
)
"""Cross-validation folds of the records of DS1 without `SAME_SUBJECT`: of 200,000 random draws, the one with the most
even distribution of S, V and F beats. Record 208 has nine tenths of the F beats."""

SVDB_TEST = (805, 823, 825, 829, 847, 848, 852, 854, 858, 860, 865, 873, 878)
SVDB_VALIDATION = (801, 804, 822, 828, 851, 874, 885)
"""Test and validation records of the MIT-BIH Supraventricular Arrhythmia Database. The 52 of its 78 records that were
at hand, in the order of their number of S beats (and of their own number), are 13 rows of four. With the 13 × 4 words
of `stream("physionet_svdb").random_raw(52)`, the record of the smallest word of each row is for test, and that of the
next smallest of every other row, beginning with the first, for validation."""

SVDB_FOLDS = (
    (801, 804, 807, 811, 864, 867, 870, 885, 890),
    (803, 821, 822, 842, 844, 846, 851, 872, 880, 889),
    (800, 806, 812, 828, 849, 874, 881, 891, 892, 893),
    (802, 827, 841, 850, 857, 861, 863, 869, 884, 888),
)
"""Cross-validation folds of the 39 records that are not for test: in the same order, each four of them are dealt to the
folds in the order of four words of `stream("physionet_svdb folds")`."""

SVDB = tuple(range(800, 895))
"""Numbers of the records of that database; not all are in use."""

SPLITS = ("train", "validation", "test")

GROUPED = ("beat", "electrodes")
"""Features that protocols only compare for equality, so that each row may be replaced by its digest."""

Split = dict[str, np.ndarray]
"""`train`, `validation` and `test` → int64 indices into the concatenated arrays of all parts."""

Protocol = Callable[[dict[str, np.ndarray], dict[str, int]], Split]


def draw_split(dataset: Dataset, protocol: str, examples: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """Draw the splits of a dataset, by index; `InputError` if neither its kind nor its name has the protocol.

    Args:
      examples: concatenated features of all parts of the dataset: `beat` (n, 187) and `label` (n,), of your own `beat`
        or `signal` (n, T, L), `label` and possibly `group` (n,), or `electrodes` (n, 500, 10), `volunteer`, `pattern`
        and `innerindex` (n,).
      parts: name of each part on disk → its number of rows; they sum to n.
    """
    protocols = PROTOCOLS[dataset.kind] | PROTOCOLS.get(OWN if dataset.own else dataset.name, {})
    if protocol not in protocols:
        raise unknown("protocol", protocol, protocols)
    if dataset.single_site_patterns:
        examples = examples | _as_stimuli(examples, dataset.single_site_patterns)
    return protocols[protocol](examples, parts)


def row_groups(rows: np.ndarray) -> np.ndarray:
    """Return the index of the first bit-identical row for each row: (n, ...) → int64 (n,)."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    keys = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def _kaggle(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """Test on the published test part; validate on a tenth of each class of the published train part."""
    labels, groups = beats["label"], row_groups(beats["beat"])
    bounds = np.cumsum([0, *parts.values()])
    index = {name: np.arange(*bounds[i : i + 2]) for i, name in enumerate(parts)}
    test, rest = index["test"], index["train"]
    rest = rest[~np.isin(groups[rest], groups[test])]
    train, validation = _stratified(rest, labels, groups, shares=(0.1,))
    return {"train": train, "validation": validation, "test": test}


def _published_beats(beats: dict[str, np.ndarray], parts: dict[str, int]) -> Split:
    """Merge all parts and draw each class in the proportions of the reference projects.

    Heartbeat (PTBDB, one part) is split 80/10/10, arrhythmia (train and test merged) 90/5/5. Their assignment of beats
    is not published; the draw is ours.
    """
    labels, groups = beats["label"], row_groups(beats["beat"])
    held_out = 0.1 if len(parts) == 1 else 0.05
    return _in_groups(groups, (held_out, held_out), strata=labels)


def _by_record(test: Sequence[int], validation: Sequence[int], train: Sequence[int]) -> Protocol:
    """Return the protocol that tests and validates on these records, and trains on the others of `train`; without Q."""

    def by_record(beats: dict[str, np.ndarray], _: dict[str, int]) -> Split:
        record, rest = beats["record"], beats["label"] != AAMI_CLASSES.index("Q")
        sides = (
            np.isin(record, train) & ~np.isin(record, (*test, *validation)),
            np.isin(record, validation),
            np.isin(record, test),
        )
        return _named([np.flatnonzero(side & rest) for side in sides])

    return by_record


def _cross_validation(names: Sequence[str], folds: Sequence[tuple[int, ...]]) -> dict[str, Protocol]:
    """Return for each fold the protocol that tests on it, validates on the next one and trains on the others."""
    return {
        name: _by_record(fold, folds[(number + 1) % len(folds)], sum(folds, ()))
        for number, (name, fold) in enumerate(zip(names, folds, strict=True))
    }


def _by(feature: str, share: float) -> Protocol:
    """Return the protocol of whole groups of examples with an equal `feature`, of which validation and test get `share`
    each."""

    def by(examples: dict[str, np.ndarray], _: dict[str, int]) -> Split:
        groups = examples[feature]
        return _in_groups(row_groups(groups) if feature in GROUPED else groups, shares=(share, share))

    return by


def _as_stimuli(recordings: dict[str, np.ndarray], sites: Mapping[int, int]) -> dict[str, np.ndarray]:
    """Return `innerindex` with each single-site pattern recoded as a stimulus at that site."""
    site = recordings["innerindex"].copy()
    for number, alone in sites.items():
        site[recordings["pattern"] == number] = alone
    return {"innerindex": site}


def _pattern(recordings: dict[str, np.ndarray], _: dict[str, int]) -> Split:
    """Split by activation pattern and by stimulus site: a tenth of each for validation and a tenth for test.

    The sites where a pattern starts are known for the simulated hearts only. In the UCSD/LLNL dataset only the number
    of a pattern is known, so it may begin like a stimulus in another split.
    """
    pattern, site = recordings["pattern"], recordings["innerindex"]
    groups = np.where(site >= 0, 1000 + site, pattern)
    return _in_groups(groups, shares=(0.1, 0.1), strata=site >= 0)


SIDES = {
    "physionet_mitbih/patient": (DS2, VALIDATION, tuple({*DS1} - {SAME_SUBJECT})),
    "physionet_svdb": (SVDB_TEST, SVDB_VALIDATION, tuple({*SVDB} - {*SVDB_TEST})),
}
"""Datasets that are joined → their records for test, for validation, and for both validation and training."""


def _of_both(names: Sequence[str]) -> dict[str, Protocol]:
    """Return the protocols of two joined datasets: `both`, `cross`, and those of a cross-validation.

    `both` joins the splits of the two. `cross` trains and validates on the first of the names and tests on the second.
    The cross-validation is over the records of `both` that are not for test.
    """
    (test, validation, known), (other_test, other_validation, other_known) = (SIDES[name] for name in names)
    return {
        "both": _by_record((*test, *other_test), (*validation, *other_validation), (*known, *other_known)),
        "cross": _by_record(other_test, validation, known),
        **_cross_validation(BOTH_FOLDS, [sum(pair, ()) for pair in zip(DS1_FOLDS, SVDB_FOLDS, strict=True)]),
    }


def _own_random(beats: dict[str, np.ndarray], _: dict[str, int]) -> Split:
    """Split each class 70/15/15 by beat; the beats of a patient may be in all splits."""
    return _in_groups(row_groups(_rows_of(beats)), (0.15, 0.15), strata=beats["label"])


def _own_group(beats: dict[str, np.ndarray], _: dict[str, int]) -> Split:
    """Split 70/15/15 by group, so that no group is in two splits, and the classes are spread evenly."""
    return _whole_groups(beats, deal(beats["group"], beats["label"], (0.7, 0.15, 0.15)))


def _own_fold(number: int) -> Protocol:
    def fold(beats: dict[str, np.ndarray], _: dict[str, int]) -> Split:
        """Test on one fold of the groups, validate on the next one and train on the others."""
        count = min(len(OWN_FOLDS), len(np.unique(beats["group"])))
        dealt = deal(beats["group"], beats["label"], (1 / count,) * count)
        return _whole_groups(beats, np.where(dealt == number, 2, np.where(dealt == (number + 1) % count, 1, 0)))

    return fold


def _whole_groups(beats: dict[str, np.ndarray], dealt: np.ndarray) -> Split:
    """Return the splits of beats dealt to training, validation and test, `dealt` 0 to 2 (n,).

    Of rows that are equal bit for bit, only those of the last split are kept, so that none is in two.
    """
    rows = row_groups(_rows_of(beats))
    last = np.zeros(len(rows), dealt.dtype)
    np.maximum.at(last, rows, dealt)
    return _named([np.flatnonzero((dealt == one) & (last[rows] == one)) for one in range(len(SPLITS))])


def _rows_of(beats: dict[str, np.ndarray]) -> np.ndarray:
    return beats["beat"] if "beat" in beats else beats["signal"]


PROTOCOLS: dict[str, dict[str, Protocol]] = {
    "beat": {
        "kaggle": _kaggle,
        "published": _published_beats,
        "group": _by("record", 0.15),
        "patient": _by_record(*SIDES["physionet_mitbih/patient"]),
        **_cross_validation(FOLDS, DS1_FOLDS),
    },
    "physionet_svdb": {"patient": _by_record(*SIDES["physionet_svdb"])},
    **{",".join(names): _of_both(names) for names in itertools.permutations(SIDES)},
    OWN: {
        "random": _own_random,
        "group": _own_group,
        **{name: _own_fold(number) for number, name in enumerate(OWN_FOLDS)},
    },
    "intracardiac": {
        "random": _by("electrodes", 0.1),  # every heart and nearly every simulation is in all splits
        "published": _by("electrodes", 0.05),  # 95/5 at random, as in CinC 2022; validation is taken from the 95 %
        "volunteer": _by("volunteer", 0.15),  # no torso is in two splits: of 16, 2 are for validation and 3 for test
        "pattern": _pattern,
    },
}
"""Kind of a dataset → name → protocol; a dataset's own protocols, under its name, go before those of its kind."""


def _named(sides: list[np.ndarray]) -> Split:
    return dict(zip(SPLITS, sides, strict=True))


def _in_groups(groups: np.ndarray, shares: tuple[float, float], strata: np.ndarray | None = None) -> Split:
    """Split by `groups` (n,), each stratum separately; examples of one group are in the same split."""
    strata = np.zeros(len(groups), bool) if strata is None else strata
    return _named(_stratified(np.arange(len(groups)), strata, groups, shares))


def _stratified(
    candidates: np.ndarray, labels: np.ndarray, groups: np.ndarray, shares: tuple[float, ...]
) -> list[np.ndarray]:
    """Split `candidates` within each class: first the remainder, then one split for each of `shares`.

    All examples of a group are in one split. The total number held out is rounded up, as in scikit-learn's
    `train_test_split`: with a fifth held out, 3236 of 4046 normal beats are for training.
    """
    leaders, first = np.unique(groups[candidates], return_index=True)
    side = np.zeros(len(leaders), np.int64)
    leader_labels = labels[candidates[first]]
    random = stream("split").random_raw(len(leaders))
    for label in np.unique(leader_labels):
        chosen = leader_labels == label
        members = np.flatnonzero(chosen)[np.argsort(random[chosen], kind="stable")]
        held = math.ceil(sum(shares) * len(members))
        bounds = np.linspace(0, held, len(shares) + 1).astype(int)
        for i in range(len(shares)):
            side[members[bounds[i] : bounds[i + 1]]] = i + 1
    side_of = side[np.searchsorted(leaders, groups[candidates])]
    return [candidates[side_of == i] for i in range(len(shares) + 1)]
