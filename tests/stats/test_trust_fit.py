"""The fit of a calibration: known temperatures are recovered, and no record is tested with its own."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from cardiax.stats.trust_fit import (
    class_scores,
    equal_weights,
    fit_temperature,
    fit_trust,
    held_out_logits,
)


def drawn(count, temperature, seed):
    """Logits (n, 4) that are `temperature` times those by which the classes (n,) were drawn."""
    random = np.random.default_rng(seed)
    true = 2 * random.normal(size=(count, 4))
    target = np.argmax(true + random.gumbel(size=true.shape), axis=1)
    return temperature * true, target


def test_each_group_has_the_same_weight():
    np.testing.assert_allclose(equal_weights(np.array([5, 5, 7, 5])), [1 / 6, 1 / 6, 1 / 2, 1 / 6])


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_a_known_temperature_is_recovered(temperature):
    logits, target = drawn(20_000, temperature, 0)
    weights = np.ones(len(target))
    found = fit_temperature(logits, target, weights)
    assert found == pytest.approx(temperature, rel=0.03)
    losses = [log_loss(target, softmax(logits / (found * factor), axis=1)) for factor in (0.99, 1, 1.01)]
    assert losses[1] == min(losses)


def test_a_long_record_does_not_rule():
    """Ten short records of one temperature and one long one of another: the former have ten elevenths of the weight."""
    short, long = drawn(2_000, 1.0, 1), drawn(50_000, 4.0, 2)
    logits, target = (np.concatenate(pair) for pair in zip(short, long, strict=True))
    groups = np.concatenate([np.arange(2_000) % 10, np.full(50_000, 10)])
    by_record = fit_temperature(logits, target, equal_weights(groups))
    by_beat = fit_temperature(logits, target, np.ones(len(target)))
    assert by_record < 1.5
    assert by_beat > 3


def test_scores_are_weighted_and_scikit_learns():
    logits, target = drawn(500, 1.5, 3)
    weights = np.random.default_rng(4).random(500)
    found = class_scores(logits, target, weights)
    expected = log_loss(target, softmax(logits, axis=1), sample_weight=weights, labels=range(4))
    assert found["log_loss"] == pytest.approx(expected, abs=2e-6)
    doubled = class_scores(np.repeat(logits, 2, axis=0), np.repeat(target, 2), np.repeat(weights, 2))
    assert doubled == pytest.approx(found, abs=2e-6)
    # A confidence of 0.9 (odds of 27 against three) that is right in the half of the weight is 0.4 too high.
    sure = np.log(np.tile([27.0, 1, 1, 1], (2, 1)))
    assert class_scores(sure, np.array([0, 1]), np.array([3.0, 3.0]))["ece"] == pytest.approx(0.4, abs=1e-5)


def test_a_record_is_scaled_without_its_own_classes():
    logits, target = drawn(3_000, 2.0, 5)
    groups = np.arange(3_000) % 3
    found = held_out_logits(logits, target, groups)
    others = np.where(groups == 1, (target + 1) % 4, target)
    again = held_out_logits(logits, others, groups)
    np.testing.assert_array_equal(again[groups == 1], found[groups == 1])
    assert not np.allclose(again[groups == 0], found[groups == 0])
    rest = groups != 1
    scaled = logits[~rest] / fit_temperature(logits[rest], target[rest], equal_weights(groups[rest]))
    np.testing.assert_allclose(found[~rest], scaled)


def test_a_temperature_is_kept_where_it_helps_and_uncertain_ones_are_wrong_more_often():
    logits, target = drawn(6_000, 1.7, 6)
    groups = np.arange(6_000) % 12
    trust, measured = fit_trust(logits, target, groups)
    assert trust.temperature == pytest.approx(1.7, rel=0.05)
    before, after = measured["scores"]["log_loss"]
    assert after < before
    assert measured["coverage"] == pytest.approx(0.95, abs=0.002)
    probabilities = trust.probabilities(logits)
    wrong, doubt = probabilities.argmax(axis=1) != target, trust.uncertain(probabilities)
    assert measured["risk"] == pytest.approx(wrong[~doubt].mean(), abs=1e-6)
    assert measured["errors_uncertain"] == pytest.approx(doubt[wrong].mean(), abs=1e-6)
    assert wrong[doubt].mean() > 2 * wrong[~doubt].mean()
    assert trust.usual_share == pytest.approx(max(doubt[groups == one].mean() for one in range(12)), abs=1e-4)


def test_a_temperature_that_does_not_help_other_records_is_left_out():
    """Of two records one is overconfident and one not confident enough: the temperature of either harms the other."""
    pairs = [drawn(2_000, 0.5, 7), drawn(2_000, 2.0, 8)]
    logits, target = (np.concatenate(pair) for pair in zip(*pairs, strict=True))
    trust, measured = fit_trust(logits, target, np.repeat([0, 1], 2_000))
    assert trust.temperature == 1
    assert measured["scores"]["log_loss"][1] > measured["scores"]["log_loss"][0]


def test_what_one_record_or_none_can_tell():
    logits, target = drawn(400, 1.7, 9)
    trust, measured = fit_trust(logits, target, np.zeros(400, int))
    assert trust.temperature == 1
    assert measured["scores"]["ece"][1] is None
    alone, measured = fit_trust(logits, target, None)
    assert alone.temperature == pytest.approx(1.7, rel=0.2)
    assert (alone.usual_share, measured["groups"]) == (None, None)
    perfect, measured = fit_trust(10 * np.eye(4)[target], target, None)
    assert measured["errors_uncertain"] is None
    assert not perfect.uncertain(perfect.probabilities(10 * np.eye(4)[target])).any()
