"""Protocols: sizes, no overlap, no duplicate on two sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.errors import InputError
from cardiax.splits import draw_split, row_groups


def rows(numbers):
    """Beats that are equal exactly where their numbers are."""
    return np.repeat(np.asarray(numbers, np.float32)[:, None], 187, axis=1)


@given(data=st.data())
@settings(deadline=None)
def test_equal_rows_never_straddle_and_the_test_part_stays_whole(data):
    train, test = data.draw(st.integers(20, 200)), data.draw(st.integers(5, 50))
    numbers = data.draw(st.lists(st.integers(0, 150), min_size=train + test, max_size=train + test))
    beats, labels = rows(numbers), np.asarray(numbers) % 3
    for protocol in ("kaggle", "published"):
        split = draw_split(protocol, beats, labels, {"train": train, "test": test})
        sides = [set(np.asarray(numbers)[indices]) for indices in split.values()]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        every = np.concatenate(list(split.values()))
        assert len(np.unique(every)) == len(every)
        if protocol == "kaggle":
            np.testing.assert_array_equal(split["test"], np.arange(train, train + test))
            lost = set(numbers[:train]) & set(numbers[train:])
            assert len(split["train"]) + len(split["validation"]) == sum(n not in lost for n in numbers[:train])
        else:
            assert len(every) == train + test


def test_published_proportions_of_ptbdb():
    # Of 4046 normal beats scikit-learn holds 810 out, rounding up, which leaves the 3236 of the reference.
    labels = np.repeat([0, 1], [4046, 10506])
    split = draw_split("published", rows(np.arange(len(labels))), labels, {"all": len(labels)})
    counts = {side: np.bincount(labels[indices]).tolist() for side, indices in split.items()}
    assert counts == {"train": [3236, 8404], "validation": [405, 1051], "test": [405, 1051]}


def test_validation_is_a_tenth_of_each_class_and_always_the_same():
    labels = np.repeat([0, 1, 2], [1000, 300, 25])
    beats = rows(np.arange(len(labels)))
    split = draw_split("kaggle", beats, labels, {"train": 1325 - 100, "test": 100})
    np.testing.assert_array_equal(np.bincount(labels[split["validation"]], minlength=3), [100, 23, 0])
    again = draw_split("kaggle", beats, labels, {"train": 1325 - 100, "test": 100})
    np.testing.assert_array_equal(split["validation"], again["validation"])
    assert not np.array_equal(split["validation"], np.sort(split["validation"])[::-1])


def test_row_groups_compare_bits():
    beats = np.array([[0.5, 0.25], [0.5, 0.25], [0.5, 0.2500001], [0.25, 0.5]], np.float32)
    np.testing.assert_array_equal(row_groups(beats), [0, 0, 2, 3])


def test_unknown_protocol_is_answered_with_the_list():
    with pytest.raises(InputError, match="unknown split 'kagle': did you mean 'kaggle'"):
        draw_split("kagle", rows([1]), np.array([0]), {"train": 1})
