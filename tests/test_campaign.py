"""The campaign itself: that it kills where it says, and that it sees a result that differs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.disturbance import names_a_file

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("gcc"),
    reason="needs Linux and gcc for the counter of calls",
)


def campaign(*arguments):
    """Run a campaign; return its status and what it printed."""
    command = [sys.executable, "-m", "tests.campaign", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("said", "is_named"),
    [
        ("run/checkpoints: Read-only file system; choose another path", True),
        ("/out/train/root/run/checkpoints: Read-only file system; choose another path", True),
        ("kaggle_heartbeat/mitbih: found none in data, expected it prepared; run cardiax prepare", True),
        ("/elsewhere/run: Read-only file system; choose another path", False),
        ("OSError: Read-only file system; run it again in run/checkpoints", False),
    ],
)
def test_a_line_names_a_file_only_by_a_path_of_the_command(said, is_named):
    calls = ["#open data/kaggle_heartbeat", "mkdir run", "write run/checkpoints/best/4/state", "open "]
    assert names_a_file(f"cardiax: error: {said}", calls, Path("/out/train/root")) == is_named


@pytest.mark.slow
def test_a_dataset_survives_kills_and_the_campaign_sees_a_difference(tmp_path):
    flags = ("kills", "--out", tmp_path, "--scenarios", "prepare", "--seed", 3, "--chain", 2)
    status, said = campaign(*flags, "--count", 3)
    assert status == 0, said
    assert " kills, 0 differing" in said
    results = [json.loads(line) for line in (tmp_path / "kills.jsonl").read_text().splitlines()]
    assert len({(one["how"], one["call"]) for one in results}) == 3
    assert 3 <= sum(one["hits"] for one in results) <= 6
    expected = json.loads((tmp_path / "prepare" / "expected.json").read_text())
    (name,) = [name for name in expected["files"] if name.endswith("dataset_info.json")]
    expected["files"][name] = "another sum"
    (tmp_path / "prepare" / "expected.json").write_text(json.dumps(expected))
    status, said = campaign(*flags, "--count", 4)
    assert status == 1
    assert f"other files: {name}" in said
