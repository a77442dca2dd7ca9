"""Risk over coverage, worked by hand."""

import numpy as np
import pytest

from cardiax.stats.abstention import (
    LEVELS,
    abstention_bootstrap,
    abstention_metrics,
    area_under_risk,
    least_confidence,
    risk_at,
    risk_coverage,
)

CONFIDENCE = np.array([0.6, 0.9, 0.8, 0.6])
WRONG = np.array([True, False, True, False])


def test_risk_and_coverage_by_hand():
    """Kept at 0.9: one of four, right; at 0.8: two, one wrong; both with 0.6 are kept together: two of four wrong."""
    thresholds, coverage, risk = risk_coverage(CONFIDENCE, WRONG, np.ones(4))
    np.testing.assert_allclose(thresholds, [0.9, 0.8, 0.6])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 1])
    np.testing.assert_allclose(risk, [0, 0.5, 0.5])
    assert area_under_risk(coverage, risk) == pytest.approx(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.5)


def test_weights_count_as_repeated_examples():
    weighted = risk_coverage(CONFIDENCE, WRONG, np.array([1, 2, 3, 1]))
    index = np.repeat(np.arange(4), [1, 2, 3, 1])
    for found, expected in zip(weighted, risk_coverage(CONFIDENCE[index], WRONG[index], np.ones(7)), strict=True):
        np.testing.assert_allclose(found, expected)


def test_a_perfect_order_of_confidence_has_less_area_than_a_random_one():
    wrong, weights = np.arange(1000) < 100, np.ones(1000)
    _, *best = risk_coverage(np.arange(1000.0), wrong, weights)
    _, *drawn = risk_coverage(np.random.default_rng(0).random(1000), wrong, weights)
    assert area_under_risk(*best) < 0.006  # (1 - 0.9) + 0.9 log 0.9 = 0.0052
    assert area_under_risk(*drawn) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (0.5, 0.15, 0.7),  # 70 % with a risk of 0.15 keeps more than 50 % do
        (0.5, 0.01, 0.8),  # none has so low a risk: as little as is allowed
        (0.9, 0.15, 0.6),
        (0.0, 0.5, 0.6),  # all are good: all are kept
    ],
)
def test_the_threshold_keeps_most_within_the_risk(least, most, expected):
    thresholds, coverage = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.3, 0.5, 0.7, 1.0])
    risk = np.array([0.1, 0.2, 0.15, 0.3])
    assert least_confidence(thresholds, coverage, risk, least, most) == expected


def test_the_risk_at_a_share_is_that_of_the_least_that_reach_it():
    coverage, risk = np.array([0.25, 0.5, 1.0]), np.array([0.0, 0.5, 0.4])
    np.testing.assert_array_equal(
        risk_at(coverage, risk, np.array([0.2, 0.25, 0.26, 0.5, 0.9, 1.0])), [0, 0, *[0.5] * 2, *[0.4] * 2]
    )
    assert abstention_metrics(coverage, risk) == (pytest.approx(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.4), 0.4)


def test_resamples_of_two_records_are_either_or_both():
    """Record 1: right at 0.9, wrong at 0.6, so risks 0 and 1/2; record 2: wrong at 0.8. Both: 0, 1/2, 2/3."""
    found = abstention_bootstrap(np.array([0.6, 0.9, 0.8]), np.array([True, False, True]), np.array([1, 1, 2]), 400)
    one, other, both = [1 / 2 * 0 + 1 / 2 * 1 / 2, 1 / 2], [1.0, 1.0], [1 / 3 * (0 + 1 / 2 + 2 / 3), 2 / 3]
    known, counts = np.unique(found.round(12), axis=0, return_counts=True)
    np.testing.assert_allclose(known, [one, both, other])
    np.testing.assert_allclose(counts / 400, [1 / 4, 1 / 2, 1 / 4], atol=0.07)


def test_the_bootstrap_of_examples_surrounds_the_value_with_the_error_of_a_share():
    """At a coverage of 1 the risk is a share p of n, of standard error √(p (1 - p)/n); confidences say nothing here."""
    random = np.random.default_rng(1)
    confidence, wrong = random.random(4 * LEVELS), random.random(4 * LEVELS) < 0.2
    found = abstention_bootstrap(confidence, wrong)
    value = abstention_metrics(*risk_coverage(confidence, wrong, np.ones(len(wrong)))[1:])
    np.testing.assert_allclose(found.mean(axis=0), value, atol=0.003)
    assert found[:, 1].std() == pytest.approx(np.sqrt(0.2 * 0.8 / (0.9 * len(wrong))), rel=0.1)


def test_risk_and_area_are_those_of_a_loop_over_the_thresholds(random):
    confidence = random.integers(1, 12, 60) / 11
    wrong, weights = random.random(60) < 0.3, random.random(60)
    thresholds, coverage, risk = risk_coverage(confidence.astype(np.float32), wrong, weights)
    area, before = 0.0, 0.0
    for index, threshold in enumerate(sorted(set(confidence), reverse=True)):
        kept = [case for case in range(60) if confidence[case] >= threshold]
        share = sum(weights[case] for case in kept) / weights.sum()
        bad = sum(weights[case] for case in kept if wrong[case]) / sum(weights[case] for case in kept)
        found = thresholds[index], coverage[index], risk[index]
        assert found == pytest.approx((threshold, share, bad), rel=1e-6)
        area, before = area + (share - before) * bad, share
    assert area_under_risk(coverage, risk) == pytest.approx(area, rel=1e-12)
    once = risk_coverage(np.full(9, 0.4), np.arange(9) < 3, np.ones(9))  # a network that says the same of all
    np.testing.assert_allclose(np.concatenate(once), [0.4, 1, 1 / 3])
