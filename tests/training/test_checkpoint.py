"""Checkpoints: what goes in comes out, to the bit, and what a killed run left does not stand in the way."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import time

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.models import build_model
from cardiax.training.checkpoint import Checkpoints
from cardiax.training.device_mesh import make_mesh, replicate
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import TrainState, create_state


@pytest.fixture(scope="module")
def state() -> TrainState:
    from cardiax.config import OptimizerConfig

    model = build_model("resnet1d", 2, args={"widths": (8,), "blocks": 1})
    fresh = create_state(model, make_optimizer(OptimizerConfig(), 10), 0, {"leads": (187, 1)}, ema=True)
    return replicate(jax.device_get(fresh), make_mesh())


def at(state, step):
    return replicate(jax.device_get(dataclasses.replace(state, step=jnp.int32(step))), make_mesh())


def test_round_trip_to_the_bit(state, tmp_path):
    history = [{"step": 4, "loss": 0.1 + 0.2}]
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.step("latest") is None
    checkpoints.save("latest", at(state, 4), history)
    checkpoints.close()
    again = Checkpoints(tmp_path)
    restored, found = again.restore("latest", jax.tree.map(jnp.zeros_like, state))
    again.close()
    chex.assert_trees_all_equal(jax.device_get(restored), jax.device_get(at(state, 4)))
    assert found == history
    assert all(
        leaf.sharding == expected.sharding
        for leaf, expected in zip(*map(jax.tree.leaves, (restored, state)), strict=True)
    )


def test_what_a_later_best_one_supersedes_is_dropped(state, tmp_path):
    """A run that was interrupted in mid-epoch leaves the same files as one that was not."""
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.drop_superseded()
        checkpoints.save("best", at(state, 2), [])
        checkpoints.save("latest", at(state, 3), [])
        checkpoints.drop_superseded()
        assert (checkpoints.step("best"), checkpoints.step("latest")) == (2, 3)
        checkpoints.save("best", at(state, 4), [])
        checkpoints.drop_superseded()
        assert (checkpoints.step("best"), checkpoints.step("latest")) == (4, 4)
    assert [path.name for path in (tmp_path / "latest").iterdir()] == []
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["4"]


def test_the_seed_is_not_in_a_checkpoint(state, tmp_path):
    """Orbax compares the whole tree with that on disk, which has no seed in checkpoints of earlier versions."""
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    names = (tmp_path / "best" / "4" / "state" / "_METADATA").read_text()
    assert "opt_state" in names
    assert "seed" not in names


def test_another_network_is_told_in_one_line(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("best", state, [])
    wider = build_model("resnet1d", 2, args={"widths": (16,), "blocks": 1})
    from cardiax.config import OptimizerConfig

    other = create_state(wider, make_optimizer(OptimizerConfig(), 10), 0, {"leads": (187, 1)}, ema=True)
    with pytest.raises(
        InputError, match=r"average\[0\]\['.*float32\[.*, expected float32\[.*: it was written by another"
    ):
        checkpoints.restore("best", other)
    checkpoints.close()


def test_only_the_last_of_each_kind_is_kept(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save("latest", at(state, step), [])
    checkpoints.save("best", at(state, 2), [])
    checkpoints.close()
    assert sorted(path.name for path in (tmp_path / "latest").iterdir()) == ["3"]
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["2"]


@pytest.mark.parametrize("left", [5, 9])
def test_a_checkpoint_that_a_killed_run_left_is_replaced(left, state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("best", at(state, left), [{"step": -1}])
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("best", at(state, 5), [{"step": 5}])
    restored, history = checkpoints.restore("best", state)
    checkpoints.close()
    assert int(restored.step) == 5
    assert history == [{"step": 5}]


def test_none_is_an_input_error(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(InputError, match="found no checkpoint, expected one"):
        checkpoints.restore("best", state)
    checkpoints.close()


def test_a_state_that_is_best_is_written_once_and_is_the_latest_too(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("latest", at(state, 2), [])
    checkpoints.save("best", at(state, 4), [{"step": 4}])
    restored, history = checkpoints.restore("latest", state)
    assert checkpoints.step("latest") == int(restored.step) == 4
    assert history == [{"step": 4}]
    checkpoints.save("latest", at(state, 6), [])
    assert (checkpoints.step("latest"), checkpoints.step("best")) == (6, 4)
    checkpoints.close()


def test_buffers_that_are_reused_while_a_checkpoint_is_written_do_not_change_it(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    step = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    moving = at(state, 1)
    for _ in range(3):
        kept = jax.tree.map(np.array, dataclasses.replace(moving, seed=state.seed))
        checkpoints.save("latest", moving, [])
        moving = step(moving)
        jax.block_until_ready(moving)
        restored, _ = checkpoints.restore("latest", state)
        chex.assert_trees_all_equal(jax.device_get(restored), kept)
    checkpoints.close()


def test_a_folder_that_cannot_be_written_is_read(state, tmp_path):
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [{"step": 4}])
    (tmp_path / "latest").rmdir()  # empty: archives and repositories leave it out
    (tmp_path / "best" / "8.orbax-checkpoint-tmp-7").mkdir()  # a kill left it
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with contextlib.closing(Checkpoints(tmp_path, read_only=True)) as checkpoints:
        restored, history = checkpoints.restore("best", state)
        assert checkpoints.step("latest") == int(restored.step) == 4
    assert history == [{"step": 4}]
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_no_best_says_whether_the_run_diverged(state, tmp_path):
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("latest", at(state, 2), [])
        with pytest.raises(
            InputError, match="best: found no checkpoint, expected one; run the command of the run again"
        ):
            checkpoints.restore("best", state)
        checkpoints.save("latest", at(state, 4), [{"step": 4, "validation_loss": float("nan")}])
        with pytest.raises(
            InputError, match=r"found no finite validation score in 1 evaluations up to step 4, .* dive"
        ):
            checkpoints.restore("best", state)


def test_what_a_killed_run_left_is_removed(state, tmp_path):
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    folder = tmp_path / "best"
    old = shutil.copytree(folder / "4", folder / "2")  # its removal had begun
    (old / "_CHECKPOINT_METADATA").unlink()
    for name in ("6.orbax-checkpoint-tmp", "6.orbax-checkpoint-tmp-whole"):  # nor had these got their name
        shutil.copytree(folder / "4", folder / name)
    with contextlib.closing(Checkpoints(tmp_path, read_only=True)) as checkpoints:
        assert checkpoints.step("best") == 4
    assert len(list(folder.iterdir())) == 4
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        assert checkpoints.step("latest") == 4
        checkpoints.save("best", at(state, 6), [])
    assert [path.name for path in folder.iterdir()] == ["6"]


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(state, tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, pathlib.Path.replace

    def note_fsync(descriptor):
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def note_replace(path, other):
        calls.append("renamed")
        return replace(path, other)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(pathlib.Path, "replace", note_replace)
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    whole = tmp_path / "best" / "4"
    files = {path.name for path in whole.rglob("*") if path.is_file()}
    last = len(calls) - calls[::-1].index("renamed")
    before = {os.path.basename(call) for call in calls[:last] if "/best/4.orbax-checkpoint-tmp-whole/" in call}
    assert len(files) > 5
    assert files <= before


def test_the_checkpoint_of_another_run_is_refused(state, tmp_path):
    with contextlib.closing(Checkpoints(tmp_path / "a", owner="1" * 64)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    like = jax.tree.map(jnp.zeros_like, state)
    with (
        contextlib.closing(Checkpoints(tmp_path / "b", read_only=True, owner="2" * 64)) as checkpoints,
        pytest.raises(InputError, match=r"found a checkpoint of another run, whose config\.json has the SHA-256 1111"),
    ):
        checkpoints.restore("best", like)
    for owner in ("1" * 64, ""):  # its own, or that of a run of before there were owners
        with contextlib.closing(Checkpoints(tmp_path / "b", read_only=True, owner=owner)) as checkpoints:
            assert checkpoints.restore("best", like)[1] == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
@pytest.mark.parametrize("name", ["record/metadata", "state/_METADATA"])
def test_a_checkpoint_that_the_disk_does_not_yield_is_not_taken_for_damage(name, state, tmp_path):
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    path = tmp_path / "best" / "4" / name
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with contextlib.closing(Checkpoints(tmp_path, read_only=True)) as checkpoints:
        with pytest.raises(OSError, match="Input/output error") as raised:
            checkpoints.restore("best", state)
        assert str(raised.value.filename).startswith(str(tmp_path / "best" / "4"))


def test_a_file_that_orbax_overlooks_while_it_writes_is_an_error_of_the_system(state, tmp_path, monkeypatch):
    def overlooked():
        raise ValueError("No ArrayMetadata found")

    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints._managers["best"], "wait_until_finished", overlooked)
            with pytest.raises(OSError, match=r"cannot write a checkpoint .*No ArrayMetadata") as raised:
                checkpoints.wait()
        assert raised.value.filename == str(tmp_path)


def test_a_failed_write_is_an_error_of_the_system(state, tmp_path, monkeypatch, capfd):
    def fsync(descriptor):
        raise OSError(5, "Input/output error")

    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        checkpoints.save("best", at(state, 4), [])
    monkeypatch.setattr(os, "fsync", fsync)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(OSError, match="Input/output error") as raised, contextlib.closing(checkpoints):
        checkpoints.save("best", at(state, 8), [])
    assert raised.value.filename == str(tmp_path)
    assert "Traceback" not in "".join(capfd.readouterr())
    monkeypatch.undo()
    files = None
    while files != (files := sorted(tmp_path.rglob("*"))):  # threads of the failed save may still write
        time.sleep(0.5)
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        assert checkpoints.step("best") == 4
