"""The influence on the class of beats, of a network whose log odds are a weighted sum of its inputs."""

import numpy as np
import pytest

from cardiax.launch.predictors.influence import EXAMPLES, BeatInputs, evenly

RANDOM = np.random.default_rng(0)
SLOPES = {"leads": RANDOM.normal(size=(6, 2)), "deviation": RANDOM.normal(size=(6, 2)), "rr": RANDOM.normal(size=3)}


def attribution(inputs, usual, weights):
    """That of a network whose logit k is k times the sum of all inputs times `SLOPES`."""
    assert {name: values.shape for name, values in usual.items()} == {
        name: values.shape for name, values in inputs.items()
    }
    factor = weights @ np.arange(5.0)
    return {
        name: factor[(...,) + (None,) * slope.ndim] * slope * (inputs[name] - usual[name])
        for name, slope in SLOPES.items()
    }


def beats(count):
    random = np.random.default_rng(1)
    return {name: random.normal(size=(count, *slope.shape)).astype(np.float32) for name, slope in SLOPES.items()}


def test_shape_and_rhythm_against_the_usual_beat():
    inputs, labels = beats(9), np.array([0, 2, 0, 2, 0, 1, 0, 0, 0])
    collected = BeatInputs(normal=0)
    collected.add(inputs, labels)
    found = collected.influences(attribution, classes=5, leads=1)
    assert list(found) == [1, 2]
    assert [one.beats for one in found.values()] == [1, 2]
    usual = np.median(inputs["rr"][labels == 0], axis=0)
    for label, one in found.items():
        own = {name: values[labels == label] for name, values in inputs.items()}
        # The usual beat is leads - deviation, and its deviation is 0: both change by the deviation.
        change = label * (own["deviation"] * (SLOPES["leads"] + SLOPES["deviation"])).mean(axis=0)
        np.testing.assert_allclose(one.leads, change[:, :1], atol=1e-5)
        rhythm = label * ((own["rr"] - usual) @ SLOPES["rr"]).mean()
        assert one.rhythm == pytest.approx(rhythm, abs=1e-5)


def test_many_beats_of_several_parts_give_evenly_spaced_examples():
    collected = BeatInputs(normal=0)
    for _ in range(3):
        collected.add(beats(100), np.where(np.arange(100) < 10, 0, 3))
    (one,) = collected.influences(attribution, classes=5, leads=2).values()
    assert one.beats == EXAMPLES
    np.testing.assert_array_equal(evenly(np.arange(10, 20), 4), [10, 13, 16, 19])
    np.testing.assert_array_equal(evenly(np.arange(3), 4), [0, 1, 2])


def test_without_normal_beats_there_is_no_usual_beat_to_compare_with():
    collected = BeatInputs(normal=0)
    collected.add(beats(4), np.array([1, 2, 2, 2]))
    assert collected.influences(attribution, classes=5, leads=2) == {}


def test_what_does_not_add_up_has_no_influence():
    collected = BeatInputs(normal=0)
    collected.add(beats(3), np.array([0, 1, 2]))
    assert collected.influences(lambda *_: None, classes=5, leads=2) == {}
