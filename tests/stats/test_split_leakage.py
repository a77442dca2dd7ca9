"""What leaks besides the beat, by hand."""

import numpy as np

from cardiax.stats.split_leakage import beat_lengths, predict_by_length, shares_of_records


def test_the_length_is_what_is_not_padding():
    beats = np.zeros((4, 187), np.float32)
    beats[0, :100] = 0.5
    beats[1, 40] = 1e-6  # zeros within a beat are no padding
    beats[2] = 1
    beats[3, 0] = 1
    np.testing.assert_array_equal(beat_lengths(beats), [100, 41, 187, 1])


def test_a_length_answers_with_its_most_frequent_class():
    lengths, labels = np.array([80, 80, 80, 90, 90, 90]), np.array([0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(predict_by_length(lengths, labels, np.array([80, 90, 187]), 2), [0, 1, 0])
    rare = np.array([80] * 7 + [90] * 5), np.array([0] * 3 + [1] * 4 + [0] * 5)
    np.testing.assert_array_equal(predict_by_length(*rare, np.array([80]), 2), [1])


def test_balance_lifts_rare_classes():
    # Of length 80: 6 of the 10 beats of class 0, 4 of the 4 of class 1.
    lengths = np.array([80] * 6 + [90] * 4 + [80] * 4)
    labels = np.array([0] * 10 + [1] * 4)
    np.testing.assert_array_equal(predict_by_length(lengths, labels, np.array([80]), 2), [0])
    np.testing.assert_array_equal(predict_by_length(lengths, labels, np.array([80]), 2, power=1.0), [1])
    # 8 of the 10 beats of class 0 against the only one of class 1; class 2 has none.
    lengths, labels = np.array([80] * 8 + [90] * 2 + [80]), np.array([0] * 10 + [1])
    np.testing.assert_array_equal(predict_by_length(lengths, labels, np.array([80, 90]), 3, power=1.0), [1, 0])


def test_records_of_a_class_the_greatest_first():
    labels, records = np.array([1, 1, 1, 1, 0, 0]), np.array([232, 209, 232, 232, 100, 209])
    names, shares = shares_of_records(labels, records, 1)
    np.testing.assert_array_equal(names, [232, 209])
    np.testing.assert_allclose(shares, [0.75, 0.25])
