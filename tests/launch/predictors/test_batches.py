"""Batches of one size: padding changes nothing, and attributions add up or are left out."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.launch.predictors.batches import BatchPredictor, in_batches

INPUTS = {"leads": np.random.default_rng(0).normal(size=(7, 5, 2)), "rr": np.random.default_rng(1).normal(size=(7, 3))}


def test_the_padding_of_a_batch_changes_nothing():
    def call(batch):
        assert {len(values) for values in batch.values()} == {3}
        return {name: values + values.sum() * 0 + 1 for name, values in batch.items()}

    found = list(in_batches(call, INPUTS, 3))
    for name, values in INPUTS.items():
        np.testing.assert_allclose(np.concatenate([one[name] for one in found]), values + 1)
    (whole,) = in_batches(lambda batch: batch["rr"].sum(axis=1), INPUTS, 8)
    np.testing.assert_allclose(whole, INPUTS["rr"].sum(axis=1))


@pytest.mark.parametrize("claimed", [1.0, 0.5])
def test_an_attribution_adds_up_or_is_none(claimed):
    """Outputs are the sum of rr and twice that; a gradient that is half of it does not add up."""

    def network(inputs):
        return inputs["rr"].sum(axis=1)[:, None] * [1.0, 2.0]

    def gradient(inputs, weights):
        slope = claimed * (weights @ [1.0, 2.0])
        return {"rr": np.repeat(slope[:, None], 3, axis=1), "leads": np.zeros_like(inputs["leads"])}

    made = SimpleNamespace(config=None, predictor=lambda: network, gradient=lambda: gradient)
    baseline = {name: np.zeros_like(values) for name, values in INPUTS.items()}
    weights = np.tile([1.0, -1.0], (7, 1))
    found = BatchPredictor(made).attribution(INPUTS, baseline, weights, 4)
    if claimed == 1:
        np.testing.assert_allclose(found["rr"], -INPUTS["rr"])
    else:
        assert found is None
