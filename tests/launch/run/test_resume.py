"""A run killed at any moment, or stopped, goes on to the same bits."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

EPOCHS = 6


def command(small_run, folder):
    return [
        sys.executable,
        "-m",
        "cardiax.launch.train",
        *small_run[1:],
        "--epochs",
        str(EPOCHS),
        "--workdir",
        str(folder),
    ]


def start(small_run, folder):
    environment = os.environ | {"XLA_FLAGS": "", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command(small_run, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def parameters(folder):
    """Every array of the latest checkpoint, read by Orbax alone."""
    with ocp.StandardCheckpointer() as reader:
        return jax.tree.leaves(reader.restore((latest(folder) / "state").absolute()))


def latest(folder):
    """The checkpoint that a run goes on from."""
    whole = (path for path in (folder / "checkpoints").glob("*/*") if path.name.isdigit())
    return max(whole, key=lambda path: int(path.name))


def assert_same_run(folder, whole):
    for name in ("metrics.csv", "test.json", "config.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    for ours, theirs in zip(parameters(folder), parameters(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_run):
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    process = start(small_run, folder)
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return folder


def kill_at(process, prefix, delay=0.0):
    """Kill a run so many seconds after it prints a line that begins so; its exit status, 0 if it was done before."""
    for line in process.stdout:
        if line.startswith(prefix):
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    process.stdout.close()
    return process.wait()


def finish(process):
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return out


@pytest.mark.slow
def test_killed_at_random_moments(whole, small_run, tmp_path):
    resumed, kills = tmp_path / "run", 0
    draw = random.Random(0)
    # Into the first steps, evaluations, checkpoints, the writing of files.
    for prefix in draw.sample(["train: arrhythmia", "epoch", "epoch"], 3):
        kills += kill_at(start(small_run, resumed), prefix, draw.uniform(0, 0.5)) == -signal.SIGKILL
    finish(start(small_run, resumed))
    assert kills >= 2
    assert_same_run(resumed, whole)


@pytest.mark.slow
def test_killed_right_after_an_epoch(whole, small_run, tmp_path):
    # The moment in which metrics.csv and the checkpoints change.
    for epoch in (1, 3):
        assert kill_at(start(small_run, tmp_path / "run"), f"epoch {epoch},") == -signal.SIGKILL
    assert re.search(r"resume: from step \d+", finish(start(small_run, tmp_path / "run")))
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_at_a_checkpoint(number, whole, small_run, tmp_path):
    resumed = tmp_path / "run"
    process = start(small_run, resumed)
    out = ""
    for line in process.stdout:
        out += line
        if line.startswith("epoch 2,"):
            process.send_signal(number)
    process.stdout.close()
    assert process.wait() == 1, out
    assert "interrupted: after step" in out
    assert "Traceback" not in out
    finish(start(small_run, resumed))
    assert_same_run(resumed, whole)


@pytest.mark.slow
def test_a_half_written_checkpoint_is_not_trusted(whole, small_run, tmp_path):
    # What a kill in the middle of a write leaves: Orbax's temporary folder, of a later step, with a part of the files.
    resumed = tmp_path / "run"
    kill_at(start(small_run, resumed), "epoch 3,")
    found = latest(resumed)
    half = shutil.copytree(found, found.with_name(f"{int(found.name) + 4}.orbax-checkpoint-tmp-7"))
    for path in sorted(half.rglob("*"))[::2]:
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    shutil.rmtree(half / "record")
    assert f"resume: from step {found.name}" in finish(start(small_run, resumed))
    assert_same_run(resumed, whole)
