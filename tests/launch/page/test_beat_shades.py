"""What a network looks at, of linear networks whose influences are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.launch.page.beat_shades import beat_shades, usual
from cardiax.launch.predictors.batches import BatchPredictor

CLASSES = ("N", "V", "S")


def explained(slopes, signals, outcomes, worst, decoded):
    """`beat_shades` of the network whose logits are `slopes` (T, C) times the beats `signals` (n, T)."""

    def gradient(inputs, weights):
        return {"leads": (weights @ slopes.T)[:, :, None]}

    network = SimpleNamespace(
        config=None, predictor=lambda: lambda inputs: inputs["leads"][:, :, 0] @ slopes, gradient=lambda: gradient
    )
    cases = [{"class": true, "prediction": other, "row": str(row)} for row, (true, other) in enumerate(outcomes)]
    take = lambda rows: {"leads": signals[rows, :, None].astype(np.float32), "target": rows}  # noqa: E731
    experiment = SimpleNamespace(task=None, examples=SimpleNamespace(take=take))
    found = beat_shades(BatchPredictor(network), experiment, cases, CLASSES, worst)  # pyright: ignore
    shades = {CLASSES[one["class"]]: decoded(one["shade"])[0] for one in found["classes"]}
    return found, shades, [decoded(one)[0] for one in found["worst"]]


@pytest.fixture
def beats():
    """Five beats of 40 samples at 1, of which one sample each differs: sample 10 or 20 by 5."""
    signals = np.ones((5, 40))
    signals[[0, 1, 4], 10] += 5
    signals[[2, 3], 20] += 5
    return signals, [("N", "N"), ("N", "N"), ("V", "V"), ("V", "N"), ("V", "N")]


def test_the_mean_over_a_class_and_the_worst_cases(beats, decoded):
    slopes = np.zeros((40, 3))
    slopes[10, 0], slopes[20, 1], slopes[30, 2] = 2.0, 1.0, 4.0
    found, shades, worst = explained(slopes, *beats, [3, 0], decoded)
    assert [(one["class"], one["beats"], one["text"]) for one in found["classes"]] == [(0, 2, ""), (1, 1, "")]
    # Logit 0 less the mean of the others moves by 2 · 5 at sample 10, logit 1 by 1 · 5 at sample 20; smoothed over 5.
    np.testing.assert_allclose(shades["N"], np.isin(np.arange(40), range(8, 13)), atol=0.006)
    np.testing.assert_allclose(shades["V"], np.isin(np.arange(40), range(18, 23)), atol=0.006)
    # The first is V, called N: sample 20 speaks for V, so against the answer. The second was found rightly.
    np.testing.assert_allclose(worst[0], -1.0 * np.isin(np.arange(40), range(18, 23)), atol=0.006)
    np.testing.assert_allclose(worst[1], np.isin(np.arange(40), range(8, 13)), atol=0.006)


@pytest.mark.parametrize(("normal", "rhythm"), [("N", "+2.0"), ("other", "+0.0")])
def test_the_usual_rhythm_is_that_of_normal_beats(normal, rhythm):
    """The logit of V is twice the first RR feature, which is 0 of the normal beat and 1 of both beats of class V."""
    slopes = np.zeros((22, 3), np.float32)
    slopes[0, 1] = 2.0
    features = np.zeros((3, 22), np.float32)
    features[1:, 0] = 1.0
    flat = np.zeros((3, 192, 2), np.float32)
    flat[:, 70] = 1.0  # a signal for its own plot

    def gradient(inputs, weights):
        return {"rr": weights @ slopes.T, "leads": 0 * inputs["leads"], "deviation": 0 * inputs["deviation"]}

    network = SimpleNamespace(
        config=None, predictor=lambda: lambda inputs: inputs["rr"] @ slopes, gradient=lambda: gradient
    )
    take = lambda rows: {"leads": flat[rows], "deviation": 0 * flat[rows], "rr": features[rows], "target": rows}  # noqa: E731
    experiment = SimpleNamespace(task=SimpleNamespace(normal=normal), examples=SimpleNamespace(take=take))
    cases = [{"class": name, "prediction": name, "row": str(row)} for row, name in enumerate("NVV")]
    found = beat_shades(BatchPredictor(network), experiment, cases, CLASSES, [0])  # pyright: ignore
    assert [one["text"] for one in found["classes"]][1] == f"shape +0.0, rhythm {rhythm}"


def test_scrambled_weights_give_another_shade(beats, decoded):
    slopes = np.random.default_rng(0).normal(size=(40, 3))
    scrambled = np.random.default_rng(1).permutation(slopes.ravel()).reshape(slopes.shape)
    (_, ours, _), (_, theirs, _) = (explained(one, *beats, [3], decoded) for one in (slopes, scrambled))
    assert np.abs(ours["N"] - theirs["N"]).max() > 0.2


def test_the_usual_beat_is_flat_or_that_of_the_record():
    padded = np.zeros((1, 187, 1), np.float32)
    padded[0, :100, 0] = np.linspace(0, 1, 100)
    flat = usual({"leads": padded}, None)["leads"]
    np.testing.assert_allclose(flat[0, :100, 0], 0.5, atol=0.01)
    assert not flat[0, 100:].any()  # zeros are padding
    assert (usual({"leads": np.where(padded > 0.9, padded, 0)}, None)["leads"][0, :100] > 0).all()
    windows = {"leads": np.full((2, 192, 2), 3.0), "deviation": np.full((2, 192, 2), 1.0), "rr": np.ones((2, 22))}
    median = usual(windows, np.arange(22.0))
    np.testing.assert_array_equal(median["leads"], np.full((2, 192, 2), 2.0))
    assert not median["deviation"].any()
    np.testing.assert_array_equal(median["rr"], [np.arange(22.0)] * 2)
