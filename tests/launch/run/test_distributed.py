"""Two processes on loopback train as one."""

import csv
import itertools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest


def start(*arguments, devices=1):
    return subprocess.Popen(
        [sys.executable, "-m", "cardiax.launch.train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"},
    )


def start_pair(*arguments):
    """Two processes on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [start(*arguments, "--distributed", f"{address},2,{i}") for i in range(2)]


@pytest.mark.slow
def test_two_processes_agree_with_one_and_resume(small_run, tmp_path):
    # Each would measure other steps in its minutes: the first one's hold.
    steps = 0
    for attempt in ("train", "resume"):
        pair = start_pair(
            *small_run[1:-2],
            *("--model_args", "widths=(4,),blocks=1", "--minutes", 0.005, "--workdir", tmp_path / "two"),
        )
        outs = [process.communicate(timeout=300)[0] for process in pair]
        assert [process.returncode for process in pair] == [0, 0], outs
        assert "accuracy" in outs[0]
        assert "accuracy" not in outs[1]  # the first process speaks for all
        steps = json.loads((tmp_path / "two" / "config.json").read_text())["steps"]
        assert (f"resume: from step {steps:,}" in outs[0]) == (attempt == "resume")
    single = start("--config", tmp_path / "two" / "config.json", *small_run[4:6], "--workdir", tmp_path / "one")
    out, _ = single.communicate()
    assert single.returncode == 0, out
    rows = [list(csv.DictReader((tmp_path / name / "metrics.csv").read_text().splitlines())) for name in ("one", "two")]
    assert rows[0][-1]["step"] == rows[1][-1]["step"] == str(steps)
    losses = [float(run[0]["train_loss"]) for run in rows]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)  # sums over the batch are taken in another order
    environment = json.loads((tmp_path / "two" / "environment.json").read_text())
    assert environment["devices"] == ["2 × cpu", "2 processes"]


@pytest.mark.slow
def test_reproducible_runs_have_the_same_bits_on_any_devices_and_resume_on_others(small_run, tmp_path):
    command = [*small_run[1:], "--reproducible", 4, "--model_args", "widths=(4,),blocks=1,dropout_rate=0.2"]
    process = start(*command, "--workdir", tmp_path / "one", devices=1)
    out, _ = process.communicate()
    assert process.returncode == 0, out
    pair = start_pair(*command, "--workdir", tmp_path / "two")
    outs = [process.communicate()[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outs
    stopped = start(*command, "--workdir", tmp_path / "stopped", devices=4)
    for line in stopped.stdout:
        if line.startswith("epoch 1,"):
            stopped.terminate()
    stopped.stdout.close()
    assert stopped.wait() == 1
    resumed = start(*command, "--workdir", tmp_path / "stopped", devices=2)
    out, _ = resumed.communicate()
    assert "resume: from step" in out
    for folder, name in itertools.product(("two", "stopped"), ("metrics.csv", "test.json")):
        assert (tmp_path / folder / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), (folder, name)
