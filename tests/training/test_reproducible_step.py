"""Equal bits on 1 and 4 devices; what a part computes is in `test_step.py`."""

import os

import chex
import jax
import numpy as np
import pytest

from cardiax.config import with_overrides
from cardiax.recipes import recipe
from cardiax.training.device_mesh import divide, make_mesh, replicate
from cardiax.training.lookup import look_up
from cardiax.training.optimizer import make_optimizer
from cardiax.training.reproducible_step import ReproducibleStep, fix_threads
from cardiax.training.state import create_state
from cardiax.training.step import AXIS, make_gradient, make_update


@pytest.mark.slow
def test_the_bits_do_not_depend_on_the_devices(optimized):
    # In one program for all parts, this network rounds otherwise on one device.
    small = {"model_args": "widths=(8,),blocks=1,hidden=16", "batch_size": 8, "reproducible": 4, "optimizer.warmup": 0}
    config = with_overrides(recipe("transmembrane"), small)
    task, dataset, model = look_up(config, AXIS)
    shapes, random = task.shapes(dataset), np.random.default_rng(0)
    batches = [
        {
            "leads": random.normal(size=(8, *shapes["leads"])).astype(np.float32),
            "target": random.uniform(-90, 30, (8, 500, 75)).astype(np.float32),
        }
        for _ in range(2)
    ]
    tx = make_optimizer(config.optimizer, 10)
    start = jax.device_get(jax.jit(lambda: create_state(model, tx, config.seed, shapes, config.ema > 0))())
    gradient = make_gradient(task, model, config, task.training_loss(config, np.zeros((8, 0))))
    results = []
    for devices in (1, 4):
        mesh = make_mesh(jax.devices()[:devices])
        step = ReproducibleStep(gradient, make_update(tx, config), config.reproducible, mesh)
        state, losses = replicate(start, mesh), []
        expected = step.eval_shape(state, divide(batches[0], mesh))
        for batch in batches:
            state, loss = step(state, divide(batch, mesh))
            losses.append(float(loss))
        chex.assert_trees_all_equal_shapes_and_dtypes(expected, (state, loss))
        results.append((jax.device_get(state), losses))
    assert len(set(results[0][1])) == 2
    chex.assert_trees_all_equal(*results)


def test_the_number_of_threads_is_set_before_jax_starts_or_not_at_all(monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    with monkeypatch.context() as patched:
        patched.setattr("jax._src.xla_bridge.backends_are_initialized", lambda: False)
        assert fix_threads(5) == ""
    assert os.environ["NPROC"] == "5"
    jax.devices()
    assert fix_threads(5) == ""
    assert "found JAX started with NPROC=5, expected 4 threads" in fix_threads(4)
    monkeypatch.delenv("NPROC")
    assert "as many threads as cores, expected 4 threads" in fix_threads(4)
    assert "NPROC" not in os.environ
