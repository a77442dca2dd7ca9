"""Two processes on loopback train as one."""

import csv
import json
import os
import socket
import subprocess
import sys

import numpy as np


def start(small_run, folder, distributed=None):
    arguments = [*small_run[1:], "--workdir", str(folder), *(["--distributed", distributed] if distributed else [])]
    return subprocess.Popen(
        [sys.executable, "-m", "cardiax.launch.train", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"XLA_FLAGS": ""},
    )


def test_two_processes_agree_with_one_and_resume(small_run, tmp_path):
    single = start(small_run, tmp_path / "one")
    out, _ = single.communicate()
    assert single.returncode == 0, out
    for attempt in ("train", "resume"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        pair = [start(small_run, tmp_path / "two", f"{address},2,{index}") for index in range(2)]
        outs = [process.communicate(timeout=300)[0] for process in pair]
        assert [process.returncode for process in pair] == [0, 0], outs
        assert "accuracy" in outs[0]
        assert "accuracy" not in outs[1]  # the first process speaks for all
        assert ("resume: from step 8" in outs[0]) == (attempt == "resume")
    rows = [list(csv.DictReader((tmp_path / name / "metrics.csv").read_text().splitlines())) for name in ("one", "two")]
    losses = [[float(row["train_loss"]) for row in run] for run in rows]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)  # sums over the batch are taken in another order
    environment = json.loads((tmp_path / "two" / "environment.json").read_text())
    assert environment["devices"] == ["2 × cpu", "2 processes"]
