"""Beat-by-beat comparison: matches as wfdb finds them, and the figures of EC57 worked by hand."""

import json

import numpy as np
import pytest

from cardiax.stats.beat_matching import WINDOW, compare, comparison, figures, match

CLASSES = ("N", "S", "V", "F", "Q")


@pytest.mark.parametrize("seed", range(8))
def test_as_many_beats_match_as_wfdb_finds(seed):
    processing = pytest.importorskip("wfdb.processing", reason="needs the extra cardiax[wfdb]")
    random, rate = np.random.default_rng(seed), 360
    reference = np.cumsum(random.integers(int(0.45 * rate), int(1.5 * rate), 400))
    kept = reference[random.uniform(size=400) > 0.1]
    found = kept + np.rint(random.normal(0, 0.04 * rate, len(kept))).astype(int)
    found = np.unique(np.concatenate([found, random.integers(0, reference[-1], 20)]))
    theirs = processing.compare_annotations(reference, found, int(WINDOW * rate) + 1)  # closer than that
    ours, _ = match(reference / rate, found / rate)
    assert len(ours) == theirs.tp
    table = compare(reference / rate, np.zeros(400, int), found / rate, np.zeros(len(found), int), 5)
    detection = figures(table, CLASSES)["detection"]
    assert (detection["false_negatives"], detection["false_positives"]) == (theirs.fn, theirs.fp)
    assert detection["sensitivity"] == pytest.approx(theirs.sensitivity)
    assert detection["positive_predictivity"] == pytest.approx(theirs.positive_predictivity)


def test_the_closest_pair_matches_first_and_each_beat_once():
    ours, theirs = match(np.array([1.0, 1.2, 5.0]), np.array([1.1, 1.19, 4.84, 5.15]))
    assert list(zip(ours.tolist(), theirs.tolist(), strict=True)) == [(0, 0), (1, 1), (2, 3)]
    for reference, found, pair in (
        ([1.0, 1.12], [1.11], (1, 0)),
        ([1.0], [0.95, 1.1], (0, 0)),
        ([1.0], [0.9, 1.05], (0, 1)),
    ):
        ours, theirs = match(np.array(reference), np.array(found))
        assert list(zip(ours.tolist(), theirs.tolist(), strict=True)) == [pair]
    for empty, beats in ((np.array([]), np.array([1.0])), (np.array([1.0]), np.array([])), (np.array([]),) * 2):
        assert [len(side) for side in match(empty, beats)] == [0, 0]


@pytest.mark.parametrize(("samples", "share"), [(-55, 0), (-54, 1), (54, 1), (55, 0)])
def test_beats_0_15_s_apart_match(samples, share):
    beats = np.arange(100, 50_000, 200)
    assert len(match(beats / 360, (beats + samples) / 360)[0]) == share * len(beats)


def test_classes_by_hand():
    """One beat each of N → N, S → S, V → V, missed V, F → V, Q → S, N → S and V where there is none."""
    times = np.arange(1.0, 8.0)
    true = np.array([0, 1, 2, 2, 3, 4, 0])
    found = np.array([1.0, 2.1, 3.0, 5.0, 6.0, 7.0, 9.0])
    predicted = np.array([0, 1, 2, 2, 1, 1, 2])
    table = compare(times, true, found, predicted, 5)
    assert table.sum() == 8
    assert (table[0].tolist(), table[2].tolist()) == ([1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1])
    assert table[5].tolist() == [0, 0, 1, 0, 0, 0]
    result = figures(table, CLASSES)
    assert result["detection"] == {
        "sensitivity": 6 / 7,
        "positive_predictivity": 6 / 7,
        "true_positives": 6,
        "false_negatives": 1,
        "false_positives": 1,
    }
    # F as V, and Q as S, are no false positives.
    assert result["classes"]["S"]["false_positives"] == 1
    assert result["classes"]["V"] == {
        "sensitivity": 0.5,
        "positive_predictivity": 0.5,
        "true_positives": 1,
        "false_negatives": 1,
        "false_positives": 1,
    }
    assert result["classes"]["N"]["sensitivity"] == 0.5
    assert result["classes"]["F"]["sensitivity"] == 0.0
    assert np.isnan(result["classes"]["F"]["positive_predictivity"])


def test_counts_by_hand():
    table = np.zeros((6, 6), int)
    table[0, [0, 1, 4, 5]] = 50, 2, 19, 3  # N found as N, S and Q, and missed
    table[1, 0] = 9  # S
    table[2, 2] = 7  # V
    table[3, [1, 2]] = 8, 4  # F found as S, and as V, which is forgiven
    table[4, [1, 2, 5]] = 6, 5, 11  # Q found as S and as V, both forgiven, and missed
    table[5, [2, 4]] = 17, 13  # none found as V and Q
    result = figures(table, CLASSES)
    names = ("true_positives", "false_negatives", "false_positives")
    assert [result["detection"][name] for name in names] == [110, 14, 30]
    assert [[result["classes"][one][name] for name in names] for one in "NSVFQ"] == [
        *([50, 24, 9], [0, 9, 10], [7, 0, 17], [0, 12, 0], [0, 22, 32])
    ]
    assert (result["classes"]["V"]["sensitivity"], result["classes"]["V"]["positive_predictivity"]) == (1, 7 / 24)
    assert (result["classes"]["S"]["sensitivity"], result["classes"]["S"]["positive_predictivity"]) == (0, 0)
    json.dumps(comparison({"100": table}, CLASSES))  # has no integers of NumPy
    two = figures(np.array([[5, 1, 0], [2, 3, 0], [0, 4, 0]]), ("N", "V"))
    assert two["classes"]["V"]["false_positives"] == 5


def test_gross_is_over_beats_and_average_over_records():
    one, other = np.zeros((6, 6), int), np.zeros((6, 6), int)
    one[0, 0], one[2, 2], one[2, 5] = 90, 1, 1
    other[0, 0], other[0, 5], other[5, 0] = 6, 4, 2
    found = comparison({"100": one, "101": other}, CLASSES)
    assert found["gross"]["detection"]["sensitivity"] == pytest.approx(97 / 102)
    assert found["average"]["detection"]["sensitivity"] == pytest.approx((91 / 92 + 6 / 10) / 2)
    assert found["average"]["detection"]["positive_predictivity"] == pytest.approx((1 + 6 / 8) / 2)
    assert found["average"]["classes"]["V"]["sensitivity"] == pytest.approx(0.5)  # only record 100 has V
    assert found["average"]["classes"]["V"]["sensitivity_records"] == 1
    assert np.isnan(found["average"]["classes"]["F"]["sensitivity"])
    assert found["average"]["classes"]["F"]["sensitivity_records"] == 0
    assert list(found["records"]) == ["100", "101"]
