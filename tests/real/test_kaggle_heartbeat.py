"""Kaggle's real beats: every row that can be had, prepared from CSV files and compared bit for bit."""

import subprocess
import sys

import numpy as np
import pytest

from cardiax import datasets

pytestmark = pytest.mark.slow  # whole datasets


@pytest.fixture(scope="module")
def manual_dir(real_data, tmp_path_factory):
    script = real_data.parent / "tools" / "make_kaggle_csv.py"
    if not script.is_file():
        pytest.skip(f"no {script}, which writes the CSV files as Kaggle ships them")
    folder = tmp_path_factory.mktemp("archive")
    subprocess.run([sys.executable, script, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


def test_every_mitbih_row_is_kaggles_to_the_bit(real_data, manual_dir, tmp_path):
    lines = []
    datasets.prepare("kaggle_heartbeat/mitbih", tmp_path, manual_dir, report=lines.append)
    beats = datasets.load("kaggle_heartbeat/mitbih", tmp_path)
    with np.load(real_data / "kaggle_heartbeat" / "mitbih_float32.npz") as archive:
        for split in ("train", "test"):
            np.testing.assert_array_equal(beats[split]["beat"], archive[f"{split}_x"], strict=True)
            np.testing.assert_array_equal(beats[split]["label"], archive[f"{split}_y"].astype(np.int64), strict=True)
    # The test file is Kaggle's to the byte; the train file has the same rows in another order.
    (line,) = lines
    assert line.startswith("mitbih_train.csv: as many rows of each class as Kaggle's file, but a different digest")


def test_the_ptbdb_rows_at_hand_are_kaggles_to_the_bit(real_data, manual_dir, tmp_path):
    lines = []
    datasets.prepare("kaggle_heartbeat/ptbdb", tmp_path, manual_dir, report=lines.append)
    beats = datasets.load("kaggle_heartbeat/ptbdb", tmp_path)["all"]
    samples = [real_data / "kaggle_heartbeat" / f"ptbdb_{name}_sample.csv" for name in ("normal", "abnormal")]
    rows = np.concatenate([np.genfromtxt(path, delimiter=",") for path in samples])
    np.testing.assert_array_equal(beats["beat"], rows[:, :187].astype(np.float32), strict=True)
    np.testing.assert_array_equal(beats["label"], rows[:, 187].astype(np.int64), strict=True)
    assert lines[0] == "ptbdb_normal.csv: 100 rows (normal 100), Kaggle's file has 4046 (normal 4046)"
