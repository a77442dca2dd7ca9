"""Integrated gradients: worked by hand, complete for a network, and about the network and not the input alone."""

import jax
import numpy as np
import pytest

from cardiax.attribution import GRADED, complete_attribution, integrated_gradients, smooth
from cardiax.models import build_model


def test_a_product_worked_by_hand():
    # f = a·b²: from (1, 0) to (3, 2), with a = 1 + 2t and b = 2t. ∫ b² dt · 2 = 8/3 and ∫ 2ab dt · 2 = 4 (1 + 4/3).
    def gradient(at):
        return {"a": at["b"] ** 2, "b": 2 * at["a"] * at["b"]}

    inputs = {"a": np.array([3.0]), "b": np.array([2.0])}
    found = integrated_gradients(gradient, inputs, {"a": np.array(1.0), "b": np.array(0.0)})
    np.testing.assert_allclose(found["a"], 8 / 3)
    np.testing.assert_allclose(found["b"], 28 / 3)
    assert (found["a"] + found["b"]).item() == pytest.approx(3 * 2**2)


@pytest.fixture(scope="module")
def network():
    """A small `resnet1d`: variables, beats (8, 187, 1), and its gradient of the log odds of class 2 against 0."""
    model = build_model("resnet1d", 5, None, {"widths": (8,), "blocks": 1}, "float32")
    leads = np.random.default_rng(0).normal(size=(8, 187, 1)).cumsum(axis=1).astype(np.float32) / 10
    variables = model.init(jax.random.key(0), leads, train=False)

    def odds(variables, inputs):
        logits = model.apply(variables, **inputs, train=False)
        return logits[:, 2] - logits[:, 0]

    return variables, {"leads": leads}, odds, jax.jit(jax.grad(lambda v, i: odds(v, i).sum(), argnums=1))


def test_the_attributions_add_up_to_the_difference_of_the_output(network):
    variables, inputs, odds, gradient = network
    baseline = {"leads": np.full_like(inputs["leads"], 0.1)}  # zeros are padding to this network, which is a jump
    found = integrated_gradients(lambda at: gradient(variables, at), inputs, baseline)
    expected = odds(variables, inputs) - odds(variables, baseline)
    assert np.abs(expected).min() > 1e-3
    np.testing.assert_allclose(found["leads"].sum(axis=(1, 2)), expected, rtol=0.01, atol=0.01 * np.abs(expected).max())


def test_other_weights_give_another_attribution(network):
    """The sanity check of Adebayo et al. 2018 (arXiv:1810.03292): a map of edges in the input would stay the same."""
    variables, inputs, _, gradient = network
    random = np.random.default_rng(1)
    scrambled = jax.tree.map(lambda leaf: random.permutation(leaf.ravel()).reshape(leaf.shape), variables)
    maps = [
        integrated_gradients(lambda at, own=own: gradient(own, at), inputs, {"leads": np.zeros(1)})["leads"].ravel()
        for own in (variables, scrambled)
    ]
    assert abs(np.corrcoef(*maps)[0, 1]) < 0.5


def test_an_influence_is_averaged_over_five_samples():
    np.testing.assert_allclose(smooth(np.eye(9)[4]), [0, 0, 0.2, 0.2, 0.2, 0.2, 0.2, 0, 0])
    np.testing.assert_allclose(smooth(np.stack([np.eye(9)[4], np.ones(9)], 1))[4], [0.2, 1.0])


def test_an_output_that_changes_most_near_the_baseline():
    """x / √(x² + ε²) of sums, as behind a normalisation: nearly all of the change is where x is about ε."""
    width = 1e-3

    def output(at):
        total = at["x"].sum(axis=1)
        return total / np.sqrt(total**2 + width**2)

    def gradient(at):
        total = at["x"].sum(axis=1, keepdims=True)
        return {"x": np.broadcast_to(width**2 / (total**2 + width**2) ** 1.5, at["x"].shape)}

    inputs, baseline = {"x": np.array([[0.3, 0.1], [0.2, 0.6]])}, {"x": np.zeros((2, 2))}
    found = complete_attribution(output, gradient, inputs, baseline)
    np.testing.assert_allclose(found["x"], [[0.75, 0.25], [0.25, 0.75]], atol=0.01)
    assert np.abs(integrated_gradients(gradient, inputs, baseline)["x"].sum(axis=1) - 1).max() > 0.05


def test_an_output_that_changes_fast_near_the_baseline_is_followed_finely():
    def output(at):
        return 1 / (1 + np.exp(-np.clip((at["x"][:, 0] - 0.0025) / 5e-5, -300, 300)))

    def gradient(at):
        share = output(at)[:, None]
        return {"x": share * (1 - share) / 5e-5}

    inputs, baseline = {"x": np.ones((1, 1))}, {"x": np.zeros((1, 1))}
    found = complete_attribution(output, gradient, inputs, baseline)
    np.testing.assert_allclose(found["x"], [[1.0]], atol=0.01)
    assert abs(integrated_gradients(gradient, inputs, baseline, GRADED[0])["x"].item() - 1) > 0.05


def test_a_jump_has_no_attribution():
    inputs, baseline = {"x": np.ones((2, 1))}, {"x": np.zeros((2, 1))}
    step = complete_attribution(
        lambda at: (at["x"][:, 0] > 0.5) * 1.0, lambda at: {"x": np.zeros_like(at["x"])}, inputs, baseline
    )
    assert step is None
