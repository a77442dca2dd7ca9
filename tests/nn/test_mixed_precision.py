"""bfloat16: what is computed in it, what stays float32, and that training ends where float32 does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.config import Config, with_overrides
from cardiax.errors import InputError
from cardiax.models import build_model
from cardiax.tasks import TASKS
from cardiax.training.device_mesh import divide, make_mesh, map_train_step
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import create_state
from cardiax.training.step import AXIS, make_train_step

SMALL = {
    "resnet1d": {"widths": (8, 16), "blocks": 1},
    "field_cnn": {"channels": (4, 4, 4), "widths": (8, 8), "size": 16},
    "activation_cnn": {"channels": (8, 8, 8), "width": 16},
    "activation_resnet": {"widths": (8, 8), "blocks": 1, "hidden": 16},
    "activation_squeezenet": {},
    "transmembrane_bilstm": {"channels": (8, 8, 8), "features": 8},
    "voltage_template": {"widths": (8, 8), "blocks": 1, "hidden": 16},
}
SHAPES = {"resnet1d": (187, 1), "field_cnn": (187, 1)}


def inputs_of(name):
    return np.random.default_rng(0).uniform(-1, 1, (4, *SHAPES.get(name, (500, 12)))).astype(np.float32)


QUICK = ("resnet1d", "voltage_template")
"""Models that compile in little time."""


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL if name not in QUICK)]
)
def test_every_product_but_the_last_layers_is_bfloat16_and_the_outputs_are_close(name):
    # Bfloat16 has 8 bits, so that one rounding is 0.4 %; those of ten layers stay within 5 % of the outputs' spread.
    # An answer that was itself bfloat16 would be off by up to 0.25 ms of 100 ms: the last layer must be float32.
    inputs = inputs_of(name)
    full, low = (build_model(name, 5, None, SMALL[name], precision) for precision in ("float32", "bfloat16"))
    variables = jax.jit(lambda given: low.init(jax.random.key(0), given, train=False))(inputs)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    exact, rough = (jax.jit(lambda *given, model=model: model.apply(*given, train=False)) for model in (full, low))
    program = rough.lower(variables, inputs).as_text()
    products = [line for line in program.splitlines() if "stablehlo.convolution" in line or "dot_general" in line]
    inside = [line for line in products if line.rpartition(" : ")[2].partition("->")[0].count("xbf16>") == 2]
    assert len(products) > 1
    assert len(inside) >= len(products) - 1, [line for line in products if line not in inside]
    expected, found = np.asarray(exact(variables, inputs)), np.asarray(rough(variables, inputs))
    assert found.dtype == jnp.float32
    assert not np.array_equal(found, expected)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.05 * np.std(expected)


@pytest.mark.slow
def test_the_state_and_the_loss_stay_float32_and_training_goes_the_same_way():
    task, losses = TASKS["arrhythmia"], {}
    random = np.random.default_rng(0)
    target = random.integers(0, 5, 64).astype(np.int32)
    waves = np.exp(-(((np.arange(187) - 30 - 25 * target[:, None]) / 8.0) ** 2)) + 0.05 * random.uniform(size=(64, 187))
    batch = {"leads": waves[:, :, None].astype(np.float32), "target": target}
    mesh = make_mesh(jax.devices()[:2])
    for precision in ("float32", "bfloat16"):
        changes = {f"augmentation.{name}": 0 for name in ("stretch", "warp", "mixup")}
        config = with_overrides(Config(), {"model_args": "widths=(8,16),blocks=1", "precision": precision, **changes})
        model = build_model(config.model, task.outputs, AXIS, config.model_args, config.precision)
        tx = make_optimizer(config.optimizer, 30)
        state = jax.jit(lambda model=model, tx=tx: create_state(model, tx, 0, {"leads": (187, 1)}, True))()
        types = jax.tree.map(lambda leaf: leaf.dtype, state)
        step = map_train_step(make_train_step(task, model, tx, config, task.training_loss(config, target)), mesh)
        for _ in range(30):
            state, loss = step(state, divide(batch, mesh))
        assert jax.tree.map(lambda leaf: leaf.dtype, state) == types
        assert loss.dtype == jnp.float32
        losses[precision] = float(loss)
    assert losses["float32"] < 1.4  # ln 5 = 1.61 of a network that knows nothing
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.1)


def test_trees_have_no_precision():
    with pytest.raises(InputError, match="precision: found 'bfloat16', which has no effect on model 'xgboost'"):
        build_model("xgboost", 5, precision="bfloat16")
