"""Whole groups dealt to splits: none is divided, no split is empty, and classes are spread as evenly as they can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.catalog import Dataset
from cardiax.group_dealing import deal
from cardiax.protocols import draw_split

SHARES = (0.7, 0.15, 0.15)
OWN = Dataset("own_beats/x-0", "beat", 0.0, ("group",), ("a", "b"))


@st.composite
def grouped(draw):
    """Groups of any size and mixture of classes, in any order, and shares of three splits."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 2)), min_size=3, max_size=12))
    groups = np.repeat(np.arange(len(sizes)), [sum(one) for one in sizes])
    labels = np.concatenate([np.repeat([0, 1, 2], one) for one in sizes])
    order = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(groups))
    return np.array([f"p{group}" for group in groups])[order], labels[order]


@given(grouped())
def test_no_group_is_in_two_splits_and_no_split_is_empty(case):
    groups, labels = case
    side = deal(groups, labels, SHARES)
    assert all(len({*side[groups == one]}) == 1 for one in np.unique(groups))
    assert {*side} == {0, 1, 2}
    beats = {"beat": np.arange(len(labels))[:, None, None] + 0.5, "label": labels, "group": groups}
    split = draw_split(OWN, "group", beats, {"beats": len(labels)})
    assert sorted(np.concatenate([*split.values()])) == list(range(len(labels)))
    assert not {*groups[split["train"]]} & {*groups[split["test"]]}
    assert not {*groups[split["validation"]]} & {*groups[np.concatenate([split["train"], split["test"]])]}


@given(grouped())
def test_each_group_is_tested_once_in_a_cross_validation(case):
    groups, labels = case
    beats = {"beat": np.arange(len(labels))[:, None, None] + 0.5, "label": labels, "group": groups}
    count = min(5, len(np.unique(groups)))
    splits = [draw_split(OWN, f"fold_{one + 1}", beats, {"beats": len(labels)}) for one in range(count)]
    for one, following in zip(splits, [*splits[1:], splits[0]], strict=True):
        assert one["validation"].tolist() == following["test"].tolist()
        assert sorted(np.concatenate([*one.values()])) == list(range(len(labels)))
        assert not {*groups[one["train"]]} & {*groups[one["test"]]}
    assert sorted(np.concatenate([one["test"] for one in splits])) == list(range(len(labels)))


@pytest.mark.parametrize("number", [20, 40, 200])
def test_equal_groups_get_the_shares_of_every_class(number):
    groups, labels = np.repeat(np.arange(number), 10), np.tile([0] * 8 + [1, 2], number)
    side = deal(groups, labels, SHARES)
    for label in range(3):
        found = np.bincount(side[labels == label]) / number / np.sum(labels[:10] == label)
        np.testing.assert_allclose(found, SHARES, atol=1.01 / number)


def test_a_rare_class_of_three_groups_is_in_every_split():
    groups = np.repeat(np.arange(30), 20)
    labels = np.where(np.isin(groups, (4, 11, 23)) & (np.arange(600) % 20 < 5), 1, 0)
    side = deal(groups, labels, SHARES)
    assert {*side[labels == 1]} == {0, 1, 2}
    np.testing.assert_allclose(np.bincount(side) / 600, SHARES, atol=0.05)


def test_classes_are_spread_better_than_by_chance():
    random = np.random.default_rng(3)
    sizes = (random.lognormal(4, 1, 40).astype(int) + 1, random.lognormal(1, 2, 40).astype(int))
    groups = np.concatenate([np.repeat(np.arange(40), size) for size in sizes])
    labels = np.repeat([0, 1], [size.sum() for size in sizes])

    def error(side):
        table = np.array(
            [np.bincount(side[labels == label], minlength=3) / (labels == label).sum() for label in (0, 1)]
        )
        return float(np.abs(table - SHARES).max())

    by_chance = [error(random.permutation(np.repeat([0, 1, 2], [28, 6, 6]))[groups]) for _ in range(200)]
    assert error(deal(groups, labels, SHARES)) < np.quantile(by_chance, 0.05)


def test_equal_rows_are_in_one_split_alone():
    beats = {
        "beat": np.repeat(np.arange(10.0), 2)[:, None, None],  # each row twice, in two groups
        "label": np.arange(20) // 2 % 2,
        "group": np.tile(np.arange(2), 10) * 10 + np.arange(20) // 2 % 5,
    }
    for protocol in ("group", "fold_2", "random"):
        split = draw_split(OWN, protocol, beats, {"beats": 20})
        rows = [{*beats["beat"][side, 0, 0]} for side in split.values()]
        assert not rows[0] & rows[1]
        assert not rows[2] & (rows[0] | rows[1])
        assert rows[0] | rows[1] | rows[2] == {*range(10)}


def test_random_splits_each_class_by_beat():
    labels = np.repeat([0, 1, 2], [1000, 200, 20])
    beats = {"signal": np.arange(1220)[:, None, None] * 1.0, "label": labels}
    split = draw_split(OWN, "random", beats, {"beats": 1220})
    counts = {name: np.bincount(labels[side]).tolist() for name, side in split.items()}
    assert counts == {"train": [700, 140, 14], "validation": [150, 30, 3], "test": [150, 30, 3]}
