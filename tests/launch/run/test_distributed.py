"""Two processes on loopback train as one."""

import csv
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "cardiax.launch.train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"XLA_FLAGS": ""},
    )


@pytest.mark.slow
def test_two_processes_agree_with_one_and_resume(small_run, tmp_path):
    # Each would measure other steps in its minutes: the first one's hold.
    steps = 0
    for attempt in ("train", "resume"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        pair = [
            start(
                *small_run[1:-2],
                "--model_args",
                "widths=(4,),blocks=1",
                "--minutes",
                0.005,
                "--workdir",
                tmp_path / "two",
                "--distributed",
                f"{address},2,{i}",
            )
            for i in range(2)
        ]
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
