"""Protocols: sizes, no overlap, no duplicate in two splits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.catalog import BOTH_FOLDS, FOLDS, OWN, find_dataset
from cardiax.datasets.physionet_mitbih.mitbih_records import RECORDS
from cardiax.ecg.leads import SITE_NAMES
from cardiax.errors import InputError
from cardiax.protocols import (
    DS1,
    DS1_FOLDS,
    DS2,
    PROTOCOLS,
    SAME_SUBJECT,
    SVDB_FOLDS,
    SVDB_TEST,
    SVDB_VALIDATION,
    VALIDATION,
    draw_split,
    row_groups,
)
from cardiax.simulate.patterns import PATTERNS, pattern_onsets

BEATS, HEARTS = find_dataset("kaggle_heartbeat/mitbih"), find_dataset("ucsd_intracardiac")


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
        split = draw_split(BEATS, protocol, {"beat": beats, "label": labels}, {"train": train, "test": test})
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
    split = draw_split(
        BEATS, "published", {"beat": rows(np.arange(len(labels))), "label": labels}, {"all": len(labels)}
    )
    counts = {side: np.bincount(labels[indices]).tolist() for side, indices in split.items()}
    assert counts == {"train": [3236, 8404], "validation": [405, 1051], "test": [405, 1051]}


def test_published_proportions_of_two_parts_that_are_merged():
    labels = np.repeat([0, 1], [1000, 300])
    examples = {"beat": rows(np.arange(len(labels))), "label": labels}
    split = draw_split(BEATS, "published", examples, {"train": 1200, "test": 100})
    counts = [np.bincount(labels[indices]).tolist() for indices in split.values()]
    assert counts == [[900, 270], [50, 15], [50, 15]]


def test_validation_is_a_tenth_of_each_class_and_always_the_same():
    labels = np.repeat([0, 1, 2], [1000, 300, 25])
    beats = rows(np.arange(len(labels)))
    split = draw_split(BEATS, "kaggle", {"beat": beats, "label": labels}, {"train": 1325 - 100, "test": 100})
    np.testing.assert_array_equal(np.bincount(labels[split["validation"]], minlength=3), [100, 23, 0])
    again = draw_split(BEATS, "kaggle", {"beat": beats, "label": labels}, {"train": 1325 - 100, "test": 100})
    np.testing.assert_array_equal(split["validation"], again["validation"])
    assert not np.array_equal(split["validation"], np.sort(split["validation"])[::-1])


def test_row_groups_compare_bits():
    beats = np.array([[0.5, 0.25], [0.5, 0.25], [0.5, 0.2500001], [0.25, 0.5]], np.float32)
    np.testing.assert_array_equal(row_groups(beats), [0, 0, 2, 3])
    np.testing.assert_array_equal(row_groups(beats[:, ::-1]), [0, 0, 2, 3])  # in no order of memory


def test_unknown_protocol_is_answered_with_the_list():
    with pytest.raises(InputError, match="unknown protocol 'kagle': did you mean 'kaggle'"):
        draw_split(BEATS, "kagle", {"beat": rows([1]), "label": np.array([0])}, {"train": 1})


def recordings(size=400, seed=0):
    """Features of `size` recordings; half follow a pattern, half a stimulus at a site."""
    random = np.random.default_rng(seed)
    stimulated = np.arange(size) % 2 == 0
    return {
        "electrodes": random.normal(size=(size, 4, 10)).astype(np.float32),
        "volunteer": random.integers(1, 17, size),
        "pattern": np.where(stimulated, -1, random.integers(0, 29, size)),
        "innerindex": np.where(stimulated, random.integers(0, 75, size), -1),
    }


@pytest.mark.parametrize("protocol", ["random", "published", "volunteer", "pattern"])
def test_every_recording_lies_on_one_side(protocol):
    split = draw_split(HEARTS, protocol, recordings(), {"all": 400})
    np.testing.assert_array_equal(np.sort(np.concatenate(list(split.values()))), np.arange(400))
    again = draw_split(HEARTS, protocol, recordings(), {"all": 400})
    for side, indices in split.items():
        np.testing.assert_array_equal(indices, again[side])
    if protocol in ("random", "published"):
        assert [len(indices) for indices in split.values()] == {"random": [320, 40, 40], "published": [360, 20, 20]}[
            protocol
        ]


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_no_volunteer_and_no_pattern_on_two_sides(seed):
    examples = recordings(seed=seed)
    sides = draw_split(HEARTS, "volunteer", examples, {"all": 400}).values()
    volunteers = [set(examples["volunteer"][indices]) for indices in sides]
    assert sum(map(len, volunteers)) == len(set.union(*volunteers)) == 16
    assert [len(side) for side in volunteers] == [11, 2, 3]
    sides = draw_split(HEARTS, "pattern", examples, {"all": 400}).values()
    activations = [set(zip(examples["pattern"][i], examples["innerindex"][i], strict=True)) for i in sides]
    assert sum(map(len, activations)) == len(set.union(*activations))
    for side in activations:  # both kinds in each split
        assert any(site >= 0 for _, site in side)
        assert any(site < 0 for _, site in side)


def test_equal_recordings_never_straddle():
    examples = recordings()
    examples["electrodes"][200:] = examples["electrodes"][:200]
    for indices in draw_split(HEARTS, "random", examples, {"all": 400}).values():
        assert set((indices + 200) % 400) == set(indices)


def started(pattern, site):
    """What is physically started: each site with its onset, ms, after the first."""
    onsets = pattern_onsets(pattern) if site < 0 else np.where(np.arange(len(SITE_NAMES)) == site, 0.0, np.inf)
    return frozenset((int(i), float(onsets[i] - onsets.min())) for i in np.flatnonzero(np.isfinite(onsets)))


def test_nothing_that_is_started_on_one_side_is_started_on_another():
    pattern = np.concatenate([np.arange(PATTERNS), np.full(len(SITE_NAMES), -1)])
    site = np.concatenate([np.full(PATTERNS, -1), np.arange(len(SITE_NAMES))])
    examples = {"pattern": pattern, "innerindex": site}
    split = draw_split(find_dataset("simulated_intracardiac"), "pattern", examples, {"all": len(site)})
    sides = [{started(pattern[i], site[i]) for i in indices} for indices in split.values()]
    assert sum(map(len, split.values())) == len(site)
    assert (examples["innerindex"][:PATTERNS] == -1).all()  # as they were given
    for one, other in itertools.combinations(sides, 2):
        assert not one & other
    # Of 24 patterns with several sites, and of 75 sites, a fifth is held out, rounded up.
    assert [len(side) for side in sides] == [19 + 60, 2 + 7, 3 + 8]
    assert all((site[indices] < 0).any() and (site[indices] >= 0).any() for indices in split.values())


def test_the_catalogue_knows_every_pattern_of_one_site():
    alone = {pattern: started(pattern, -1) for pattern in range(PATTERNS)}
    found = {pattern: next(iter(sites))[0] for pattern, sites in alone.items() if len(sites) == 1}
    assert found == find_dataset("simulated_intracardiac").single_site_patterns


def test_no_subject_lies_on_two_sides():
    assert len({*DS1, *DS2, 102, 104, 107, 217}) == len(RECORDS) == 48
    numbers, labels = np.repeat(RECORDS, 5), np.tile(np.arange(5), 48)
    beats = {"record": numbers, "label": labels, "beat": np.random.default_rng(0).random((240, 187))}
    split = draw_split(find_dataset("physionet_mitbih/patient"), "patient", beats, {"train": 100, "test": 140})
    subjects = {side: set(np.where(numbers[rows] == SAME_SUBJECT, 202, numbers[rows])) for side, rows in split.items()}
    assert not subjects["train"] & subjects["test"]
    assert not subjects["train"] & subjects["validation"]
    assert not subjects["validation"] & subjects["test"]
    assert subjects["test"] == set(DS2)
    assert subjects["validation"] == set(VALIDATION)
    assert subjects["train"] | subjects["validation"] == set(DS1) - {SAME_SUBJECT}
    for rows_of_side in split.values():
        assert set(labels[rows_of_side]) == {0, 1, 2, 3}


def test_cross_validation_tests_every_patient_of_ds1_once_and_never_opens_ds2():
    record = np.repeat([*DS1, *DS2], 5)
    beats = {"record": record, "label": np.tile(np.arange(5), len(record) // 5)}
    dataset = find_dataset("physionet_mitbih/patient")
    tested = []
    for name, fold, after in zip(FOLDS, DS1_FOLDS, [*DS1_FOLDS[1:], DS1_FOLDS[0]], strict=True):
        split = draw_split(dataset, name, beats, {"ds1": 5 * len(DS1), "ds2": 5 * len(DS2)})
        sides = [set(record[indices]) for indices in split.values()]
        assert all(len(side) >= 5 for side in sides)
        assert sides[1:] == [set(after), set(fold)]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 21
        assert set.union(*sides) == set(DS1) - {SAME_SUBJECT}
        assert all(set(beats["label"][indices]) == {0, 1, 2, 3} for indices in split.values())
        tested += sides[2]
    assert sorted(tested) == sorted(sum(DS1_FOLDS, ())) == sorted(set(DS1) - {SAME_SUBJECT})


def test_by_group_no_record_is_on_two_sides_and_every_beat_is_on_one():
    record = np.repeat(np.arange(20), 5)
    beats = {"record": record, "label": record % 5}
    split = draw_split(find_dataset("physionet_svdb"), "group", beats, {"beats": 100})
    sides = [set(record[rows]) for rows in split.values()]
    assert [len(side) for side in sides] == [14, 3, 3]
    assert len(set.union(*sides)) == 20
    assert sum(map(len, split.values())) == 100


@pytest.mark.parametrize("protocol", PROTOCOLS[OWN])
def test_equal_beats_of_your_own_are_on_one_side(protocol):
    beats = np.random.default_rng(0).random((120, 9)).astype(np.float32)
    group = np.arange(120) % 12
    beats[:60:12] = beats[1]  # of groups 0 and 1
    beats[5:60:12] = beats[7]  # of groups 5 and 7
    examples = {"beat": beats, "label": group % 2, "group": group}
    sides = list(PROTOCOLS[OWN][protocol](examples, {"beats": 120}).values())
    assert all(len(side) for side in sides)
    for one, other in itertools.combinations(sides, 2):
        assert not {row.tobytes() for row in beats[one]} & {row.tobytes() for row in beats[other]}
        assert protocol == "random" or not set(group[one]) & set(group[other])
    used = np.concatenate(sides)
    assert len({row.tobytes() for row in beats[used]}) == len({row.tobytes() for row in beats})


def test_the_records_of_each_database_have_their_own_sides():
    record = np.repeat([*SVDB_TEST, *SVDB_VALIDATION, 800, 894], 5)
    beats = {"record": record, "label": np.arange(len(record)) % 5}
    split = draw_split(find_dataset("physionet_svdb"), "patient", beats, {"beats": len(record)})
    assert [set(record[rows]) for rows in split.values()] == [{800, 894}, set(SVDB_VALIDATION), set(SVDB_TEST)]
    assert not any((beats["label"][rows] == 4).any() for rows in split.values())


MITBIH_AND_SVDB = "physionet_mitbih/patient,physionet_svdb"
SVDB_AND_MITBIH = "physionet_svdb,physionet_mitbih/patient"
SVDB_TRAIN = {*sum(SVDB_FOLDS, ())} - {*SVDB_VALIDATION}


def subjects_of_joined(name, protocol):
    """Return the subjects of each split; records 201 and 202 are one."""
    records = [*DS1, *DS2, *SVDB_TEST, *sum(SVDB_FOLDS, ())]
    record = np.repeat(records, 5)
    beats = {"record": record, "label": np.tile(np.arange(5), len(records))}
    split = draw_split(find_dataset(name), protocol, beats, {"all": len(record)})
    assert all(set(beats["label"][rows]) == {0, 1, 2, 3} for rows in split.values())
    sides = [set(np.where(record[rows] == SAME_SUBJECT, 202, record[rows]).tolist()) for rows in split.values()]
    assert sum(map(len, sides)) == len(set.union(*sides))  # no subject in two splits
    return sides


@pytest.mark.parametrize("name", [MITBIH_AND_SVDB, SVDB_AND_MITBIH])
def test_both_joins_the_sides_of_the_two_databases(name):
    train, validation, test = subjects_of_joined(name, "both")
    assert train == {*DS1} - {SAME_SUBJECT, *VALIDATION} | SVDB_TRAIN
    assert validation == {*VALIDATION, *SVDB_VALIDATION}
    assert test == {*DS2, *SVDB_TEST}


def test_cross_trains_on_the_first_database_and_tests_on_the_second():
    assert subjects_of_joined(MITBIH_AND_SVDB, "cross") == [
        {*DS1} - {SAME_SUBJECT, *VALIDATION},
        {*VALIDATION},
        {*SVDB_TEST},
    ]
    assert subjects_of_joined(SVDB_AND_MITBIH, "cross") == [SVDB_TRAIN, {*SVDB_VALIDATION}, {*DS2}]


def test_cross_validation_over_both_never_opens_a_test_record():
    sides = [subjects_of_joined(MITBIH_AND_SVDB, name) for name in BOTH_FOLDS]
    tested = [record for _, _, test in sides for record in test]
    assert len(tested) == 21 + 39
    assert set(tested) == {*DS1} - {SAME_SUBJECT} | SVDB_TRAIN | {*SVDB_VALIDATION}
    assert all(set.union(*of_fold) == set(tested) for of_fold in sides)


@pytest.mark.parametrize(
    "name",
    ["physionet_svdb,physionet_svdb", "physionet_svdb,physionet_mitbih/kaggle", "physionet_svdb,simulated_heartbeat"],
)
def test_datasets_that_may_share_subjects_are_not_joined(name):
    with pytest.raises(
        InputError, match=f"found {name}, expected a single dataset, or {MITBIH_AND_SVDB}, in any order"
    ):
        find_dataset(name)


def test_joined_datasets_have_examples_of_one_form():
    for member in find_dataset(MITBIH_AND_SVDB).members:
        joined = find_dataset(MITBIH_AND_SVDB)
        for field in ("kind", "rate", "classes", "by_record"):
            assert getattr(member, field) == getattr(joined, field)
