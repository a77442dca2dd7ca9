"""Examples that lie on the device, and several steps in one program: the bits of single steps."""

import csv
import itertools
from types import SimpleNamespace

import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.config import with_overrides
from cardiax.launch.run import batch_feed
from cardiax.losses import cross_entropy
from cardiax.recipes import recipe
from cardiax.tasks import TASKS
from cardiax.training import device_mesh
from cardiax.training.device_mesh import divide, divide_indices, make_mesh, map_resident_step, map_train_step, replicate
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import create_state
from cardiax.training.step import make_train_step

pytestmark = pytest.mark.usefixtures("without_plots")


class Dense(nn.Module):
    """Dropout and two dense layers: XLA's CPU backend is slow in loops over convolutions."""

    @nn.compact
    def __call__(self, leads, train=False):
        hidden = nn.relu(nn.Dense(16)(leads[..., 0]))
        return nn.Dense(5)(nn.Dropout(0.3, deterministic=not train)(hidden))


@pytest.mark.slow
@pytest.mark.usefixtures("optimized")
@pytest.mark.parametrize("devices", [1, 8])
def test_steps_in_one_program_are_single_steps(devices):
    task, mesh = TASKS["arrhythmia"], make_mesh(jax.devices()[:devices])
    config = with_overrides(
        recipe("arrhythmia"), {"batch_size": 16} | {f"augmentation.{name}": 0 for name in ("stretch", "warp", "mixup")}
    )
    tx, random = make_optimizer(config.optimizer, 10), np.random.default_rng(0)
    examples = {
        "leads": random.random((50, 187, 1), dtype=np.float32),
        "target": random.integers(0, 5, 50, dtype=np.int32),
    }
    indices = random.integers(0, 50, (5, 16))
    start = jax.device_get(create_state(Dense(), tx, 0, {"leads": (187, 1)}, True))
    step = make_train_step(task, Dense(), tx, config, lambda logits, target: cross_entropy(logits, target, 0.0))

    single, losses = map_train_step(step, mesh), []
    state = replicate(start, mesh)
    for some in indices:
        state, loss = single(state, divide({name: array[some] for name, array in examples.items()}, mesh))
        losses.append(float(loss))

    many, together = map_resident_step(step, mesh), replicate(start, mesh)
    found = []
    for some in (indices[:3], indices[3:]):
        together, part = many(together, (replicate(examples, mesh), divide_indices(some, mesh)))
        found += part.tolist()
    assert found == losses
    for ours, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_a_run_on_the_device_is_that_from_the_host(cardiax, small_run, monkeypatch, tmp_path):
    assert cardiax(*small_run, "--workdir", tmp_path / "host")[0] == 0
    made = []
    resident = device_mesh.map_resident_step

    def counted(step, mesh):
        mapped = resident(step, mesh)

        def call(state, batch):
            made.append(batch[1].shape)
            return mapped(state, batch)

        call.eval_shape = mapped.eval_shape
        return call

    monkeypatch.setattr(device_mesh, "map_resident_step", counted)
    monkeypatch.setattr(batch_feed, "fits_devices", lambda size, mesh: True)
    monkeypatch.setattr(batch_feed, "RESIDENT_STEPS", 3)
    status, _, error = cardiax(*small_run, "--workdir", tmp_path / "device")
    assert status == 0, error
    assert made == [(3, 128), (1, 128)] * 2
    # XLA's CPU backend takes another way through a convolution in a loop, to other last bits.
    ours, theirs = (rows(tmp_path / name) for name in ("device", "host"))
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-4)


@given(first=st.integers(0, 200), more=st.integers(0, 200), steps_per_epoch=st.integers(1, 50))
def test_stretches_cover_every_step_once_and_end_with_epochs(first, more, steps_per_epoch):
    found = list(batch_feed.stretches(first, first + more, steps_per_epoch))
    assert list(itertools.chain(*found)) == list(range(first, first + more))
    for steps in found:
        assert len(steps) <= batch_feed.RESIDENT_STEPS
        assert steps[0] // steps_per_epoch == steps[-1] // steps_per_epoch


def mesh_of(platform, stats):
    device = SimpleNamespace(platform=platform, memory_stats=lambda: stats)
    return SimpleNamespace(devices=np.array([device], object))


def test_examples_lie_on_accelerators_that_have_room():
    quarter = {"bytes_limit": 4000}
    assert batch_feed.fits_devices(1000, mesh_of("gpu", quarter))
    assert not batch_feed.fits_devices(1001, mesh_of("gpu", quarter))
    assert not batch_feed.fits_devices(1, mesh_of("tpu", None))
    assert not batch_feed.fits_devices(1, mesh_of("cpu", quarter))
    assert not batch_feed.fits_devices(0, make_mesh())
