"""The default network: its size worked by hand, its shapes, what its channels see."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import DATASETS
from cardiax.models import MODELS, build_model
from cardiax.tasks import TASKS


def variables(model, samples=187):
    return jax.jit(partial(model.init, train=False))(jax.random.key(0), jnp.zeros((1, samples, 1)))


def test_parameters_by_hand():
    model = build_model("resnet1d", 5, args={"widths": (8, 16), "blocks": 1})
    stem = 7 * 3 * 8  # the beat, its mask, the place
    first = 2 * 8 + 5 * 8 * 8 + 2 * 8 + 5 * 8 * 8  # norm, convolution, norm, convolution
    second = 2 * 8 + 8 * 16 + 5 * 8 * 16 + 2 * 16 + 5 * 16 * 16  # with a 1 × 1 shortcut
    head = 2 * 16 + (2 * 16 + 1) * 5  # norm; mean and maximum to the logits
    assert sum(leaf.size for leaf in jax.tree.leaves(variables(model)["params"])) == stem + first + second + head


@pytest.mark.parametrize(("widths", "samples"), [((8,), 94), ((8, 8), 47), ((8, 16, 16), 24)])
def test_stages_of_equal_width_still_halve_the_rate(widths, samples):
    model = build_model("resnet1d", 2, args={"widths": widths, "blocks": 2})
    seen = []

    def note(next_fun, args, kwargs, context):
        if context.module.name == "norm":  # after the last stage
            seen.append(args[0].shape)
        return next_fun(*args, **kwargs)

    with nn.intercept_methods(note):
        logits, _ = jax.eval_shape(
            lambda: model.init_with_output(jax.random.key(0), jnp.ones((3, 187, 1)), train=False)
        )
    assert seen == [(3, samples, widths[-1])]
    assert logits.shape == (3, 2)


def test_a_longer_beat_of_the_same_wave_is_another_input():
    # Only the mask differs: a sample of 1e-30 more makes the beat longer.
    model = build_model("resnet1d", 2, args={"widths": (8,), "blocks": 1})
    weights = variables(model)
    evaluate = jax.jit(partial(model.apply, train=False))
    short = jnp.zeros((1, 187, 1)).at[0, :80].set(0.5)
    longer = short.at[0, 120].set(1e-30)
    assert not np.allclose(evaluate(weights, short), evaluate(weights, longer))


def test_every_input_of_a_window_is_read():
    model = build_model("resnet1d", 4, args={"widths": (8,), "blocks": 1})
    shapes = TASKS["arrhythmia"].shapes(DATASETS["physionet_mitbih/patient"])
    beats = {name: jax.random.normal(jax.random.key(i), (2, *shape)) for i, (name, shape) in enumerate(shapes.items())}
    weights = jax.jit(partial(model.init, train=False))(jax.random.key(1), **beats)
    evaluate = jax.jit(partial(model.apply, train=False))
    logits = evaluate(weights, **beats)
    assert weights["params"]["stem"]["kernel"].shape == (7, 4 + 2, 8)  # leads and deviations, the mask, the position
    assert weights["params"]["numbers0"]["kernel"].shape == (22, 32)
    for name, values in beats.items():
        last = beats | {name: values.at[..., -1].add(1.0)}
        assert not np.allclose(evaluate(weights, **last), logits), name


def test_a_hidden_layer_lets_shape_and_timing_meet():
    shapes = TASKS["arrhythmia"].shapes(DATASETS["physionet_mitbih/patient"])
    beats = {name: jax.random.normal(jax.random.key(i), (1, *shape)) for i, (name, shape) in enumerate(shapes.items())}
    other = {name: values + 1 for name, values in beats.items()}
    late = {"rr": other["rr"]}
    for hidden in (0, 16):
        model = build_model("resnet1d", 4, args={"widths": (8,), "blocks": 1, "pool": 2, "hidden": hidden})
        weights = jax.jit(partial(model.init, train=False))(jax.random.key(1), **beats)
        evaluate = jax.jit(partial(model.apply, train=False))
        logits = [evaluate(weights, **one) for one in (beats, beats | late, other | {"rr": beats["rr"]}, other)]
        effects = logits[1] - logits[0], logits[3] - logits[2]  # of the same timing on beats of two shapes
        assert np.allclose(*effects, atol=1e-5) == (hidden == 0)


def test_pooling_averages_the_input():
    # Beats of equal means over pairs of samples, e.g. 0, 2 and 1, 1, are one input; the mask is the same.
    model = build_model("resnet1d", 2, args={"widths": (8,), "blocks": 1, "pool": 2})
    weights = variables(model, samples=192)
    pairs = jnp.tile(jnp.array([0.5, 1.5]), 96)[None, :, None]
    found = [
        jax.jit(partial(model.apply, train=False))(weights, beat) for beat in (pairs, jnp.ones((1, 192, 1)), 2 * pairs)
    ]
    np.testing.assert_allclose(*found[:2], rtol=1e-5)
    assert not np.allclose(found[2], found[0])


QUICK = ("resnet1d", "activation_cnn")
"""Models that compile in little time."""

NARROW = {
    "field_cnn": {"channels": (4, 4, 4), "widths": (8, 8), "size": 16},
    "activation_resnet": {"widths": (8, 8), "blocks": 1, "hidden": 16},
    "transmembrane_bilstm": {"channels": (8, 8, 8), "features": 8},
    "voltage_template": {"widths": (8, 8), "blocks": 1, "hidden": 16},
}
"""Models whose own size takes long to compile, with every kind of layer left once."""


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name not in QUICK)]
)
def test_an_example_does_not_depend_on_its_neighbours_in_evaluation(name):
    model = build_model(name, 5, args=NARROW.get(name))
    beats = jax.random.uniform(jax.random.key(1), (2, 187, 1))
    weights = variables(model)
    evaluate = jax.jit(partial(model.apply, train=False))
    beside, other = (evaluate(weights, beats.at[0].multiply(scale)) for scale in (1.0, -3.0))
    # Of what the model answers in: logits, ms or mV.
    tolerance = 1e-5 * max(1.0, float(jnp.abs(beside).max()))
    np.testing.assert_allclose(other[1], beside[1], atol=tolerance)
    assert not np.allclose(other[0], beside[0], atol=tolerance)
