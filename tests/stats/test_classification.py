"""Metrics against scikit-learn, intervals against their textbook formulas."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cardiax.stats.classification import (
    METRICS,
    bootstrap_intervals,
    classification_metrics,
    confusion_matrix,
    mean_interval,
    register,
)

CLASSES = 4
pairs = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


@given(pairs)
@settings(max_examples=50, deadline=None)
def test_confusion_and_metrics_agree_with_sklearn(examples):
    labels, predictions = np.array(examples, np.int32).T
    confusion = confusion_matrix(labels, predictions, CLASSES)
    every_class = list(range(CLASSES))
    np.testing.assert_array_equal(confusion, sklearn.metrics.confusion_matrix(labels, predictions, labels=every_class))
    metrics = classification_metrics(confusion)
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=every_class, zero_division=np.nan
    )
    known = np.isin(every_class, labels)  # nothing is told of a class without examples
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
        np.testing.assert_allclose(metrics[name], np.where(known, expected, np.nan))
    macro = sklearn.metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    np.testing.assert_allclose(metrics["macro_f1"], macro)
    np.testing.assert_allclose(metrics["accuracy"], sklearn.metrics.accuracy_score(labels, predictions))


def test_leading_axes_are_kept():
    stack = np.random.default_rng(0).integers(0, 9, (3, 5, CLASSES, CLASSES)) + 1
    metrics = classification_metrics(stack)
    assert metrics["accuracy"].shape == (3, 5)
    np.testing.assert_allclose(metrics["f1"][2, 3], classification_metrics(stack[2, 3])["f1"])


def test_bootstrap_of_accuracy_is_the_binomial_interval():
    confusion = np.array([[900, 60], [40, 1000]])
    n, p = confusion.sum(), 1900 / 2000
    half_width = stats.norm.ppf(0.975) * np.sqrt(p * (1 - p) / n)
    interval = bootstrap_intervals(confusion[None], False, 20000)["accuracy"][:2]
    np.testing.assert_allclose(interval, [p - half_width, p + half_width], atol=0.05 * half_width + 0.5 / n)


def test_bootstrap_covers_every_metric_and_repeats():
    confusion = np.array([[50, 3, 0], [4, 20, 1], [0, 0, 0]])
    first, again = bootstrap_intervals(confusion[None], False), bootstrap_intervals(confusion[None], False)
    for name, value in classification_metrics(confusion).items():
        assert first[name].shape == (3, *value.shape)
        np.testing.assert_array_equal(np.isnan(first[name][0]), np.isnan(value))
        assert np.all((first[name][0] <= value) | np.isnan(value))
        assert np.all((value <= first[name][1]) | np.isnan(value))
        np.testing.assert_array_equal(first[name], again[name])


def test_mean_interval_is_students():
    values = np.array([0.9, 0.92, 0.91, 0.95, 0.89])
    mean, half_width = mean_interval(values)
    low, high = stats.t.interval(0.95, df=4, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose([mean - half_width, mean + half_width], [low, high])


def test_mean_interval_of_arrays_and_of_one_seed():
    values = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    mean, half_width = mean_interval(values)
    np.testing.assert_array_equal(mean, np.array([2.0, 5.0]), strict=True)
    np.testing.assert_allclose(half_width, [stats.t.ppf(0.975, 1), 0])  # s = √2, n = 2
    mean, half_width = mean_interval([0.5])
    assert mean == 0.5
    assert np.isnan(half_width)


def test_groups_are_drawn_whole():
    # One patient is all right and one all wrong: of two drawn with replacement the accuracy is 0, 1/2 or 1.
    confusions = np.array([[[30, 0], [0, 10]], [[0, 20], [20, 0]]])
    low, high, undefined = bootstrap_intervals(confusions, True, 500)["accuracy"]
    assert (low, high, undefined) == (0, 1, 0)
    # Equal patients leave no doubt, however few their beats; as beats alone they would.
    equal = np.array([[[3, 1], [1, 3]]] * 5)
    np.testing.assert_allclose(bootstrap_intervals(equal, True, 50)["accuracy"], [0.75, 0.75, 0])
    assert np.ptp(bootstrap_intervals(equal, False, 500)["accuracy"][:2]) > 0.1


def test_resamples_that_lack_a_class_are_left_out_of_its_interval():
    # Class 1 lives in two of 22 patients and is always found; in class 0 one beat in ten is wrong.
    confusions = np.array([[[90, 10], [0, 0]]] * 20 + [[[90, 10], [0, 50]]] * 2)
    found = bootstrap_intervals(confusions, True)
    low, high, undefined = found["recall"][:, 1]
    assert (low, high) == (1, 1)
    share = (20 / 22) ** 22  # of resamples that draw neither
    assert undefined / 2000 == pytest.approx(share, abs=0.03)
    assert found["f1"][2, 1] == found["precision"][2, 1] == found["macro_f1"][2] == undefined
    np.testing.assert_array_equal(found["recall"][:, 0], [0.9, 0.9, 0])
    once = bootstrap_intervals(
        np.array([[[8, 1], [0, 1]]]), False
    )  # a resample may draw the example of class 1 once, or more
    assert once["macro_f1"][2] == once["recall"][2, 1] > 0
    assert found["accuracy"][2] == 0


def test_nothing_is_told_of_a_class_without_examples():
    metrics = classification_metrics(np.array([[8, 1, 1], [0, 4, 0], [0, 0, 0]]))
    for name in ("precision", "recall", "f1"):
        assert np.isnan(metrics[name]).tolist() == [False, False, True]
    # F1 by hand: 16/18, 8/9 and, of a class that is predicted and never right, 0.
    assert metrics["macro_f1"] == pytest.approx((16 / 18 + 8 / 9) / 3)
    never_predicted = classification_metrics(np.array([[8, 0], [2, 0]]))
    assert np.isnan(never_predicted["precision"][1])
    assert never_predicted["recall"][1] == never_predicted["f1"][1] == 0


def test_a_metric_has_a_name_of_its_own(monkeypatch):
    monkeypatch.setattr("cardiax.stats.classification.METRICS", table := {})
    register("mine", np.trace)
    assert table == {"mine": np.trace}
    for name in ("mine", "f1"):
        with pytest.raises(ValueError, match=f"found a metric '{name}' already"):
            register(name, np.sum)
    assert table == {"mine": np.trace}


def test_a_registered_metric_has_an_interval_and_one_of_another_shape_is_refused(monkeypatch):
    monkeypatch.setitem(METRICS, "mine", lambda confusion: confusion[..., 0, 0] / confusion[..., 0, :].sum(axis=-1))
    confusion = np.array([[30, 10], [20, 40]])
    assert classification_metrics(confusion)["mine"] == 0.75
    intervals = bootstrap_intervals(confusion[None], False)
    np.testing.assert_array_equal(intervals["mine"], intervals["recall"][:, 0])
    monkeypatch.setitem(METRICS, "mine", lambda confusion: confusion.sum())
    with pytest.raises(ValueError, match=r"metric 'mine': found shape \(\), expected \(3,\)"):
        classification_metrics(np.ones((3, 2, 2)))
