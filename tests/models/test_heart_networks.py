"""The networks of the 12-lead tasks: shapes, units, and the parameter counts that the reference states."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.models import build_model

LEADS = jnp.asarray(np.random.default_rng(0).normal(size=(2, 500, 12)), jnp.float32)

COUNTS = {
    "activation_cnn": 1_113_099,  # DATA.md: 1.11 M
    "activation_squeezenet": 486_603,  # 0.49 M
    "transmembrane_squeezenet": 392_907,  # 0.39 M
    "transmembrane_bilstm": 2_407_435,  # 2.41 M
}


def size(model):
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), LEADS, train=False))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


SMALL = {"widths": (8, 8), "blocks": 1, "hidden": 16}


def test_a_gain_changes_nothing_if_leads_are_normalised():
    model = build_model("activation_resnet", 75, args=SMALL | {"normalise": True})
    leads = jax.random.normal(jax.random.key(1), (2, 500, 12))
    variables = model.init(jax.random.key(0), leads, train=False)
    once, scaled = (model.apply(variables, factor * leads, train=False) for factor in (1.0, 2.5))
    np.testing.assert_allclose(scaled, once, atol=0.02)  # ms
    plain = build_model("activation_resnet", 75, args=SMALL)
    assert np.abs(plain.apply(variables, 2.5 * leads, train=False) - once).max() > 1.0
    assert np.isfinite(model.apply(variables, jnp.zeros_like(leads), train=False)).all()


@pytest.mark.parametrize("name", COUNTS)
def test_reference_networks_have_the_stated_parameters(name):
    assert size(build_model(name, 75)) == COUNTS[name]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("activation_cnn", (2, 75)),
        ("activation_squeezenet", (2, 75)),
        ("activation_resnet", (2, 75)),
        ("transmembrane_squeezenet", (2, 500, 75)),
        ("transmembrane_bilstm", (2, 500, 75)),
        ("voltage_template", (2, 500, 75)),
    ],
)
def test_shapes(name, shape):
    model = build_model(name, 75)
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), LEADS, train=False))
    assert jax.eval_shape(lambda v: model.apply(v, LEADS, train=False), variables).shape == shape


def test_the_template_answers_with_an_action_potential():
    model = build_model("voltage_template", 75, args={"widths": (8, 8), "blocks": 1, "hidden": 8})
    variables = jax.jit(partial(model.init, train=False))(jax.random.key(0), LEADS)
    voltage = jax.jit(partial(model.apply, train=False))(variables, LEADS)
    np.testing.assert_allclose(voltage.min(), -85.5, atol=0.5)
    assert 5 < float(voltage.max()) < 60
    assert float(voltage[:, -1].max()) < -70  # repolarised
    pulled = jax.jit(jax.grad(lambda v: model.apply(v, LEADS, train=False)[0, 60:80].sum()))(variables)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(pulled))
