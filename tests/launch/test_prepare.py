"""`cardiax prepare`: what it prints, what it skips and what it refuses."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from cardiax import datasets
from cardiax.errors import InputError
from cardiax.launch import prepare

LABELS = {
    "mitbih_train.csv": [0, 1, 2, 3, 4, 0],
    "mitbih_test.csv": [0, 4],
    "ptbdb_normal.csv": [0, 0],
    "ptbdb_abnormal.csv": [1],
}


@pytest.fixture
def manual_dir(tmp_path, monkeypatch) -> Path:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, labels in LABELS.items():
        np.savetxt(folder / name, [[0.25] * 187 + [label] for label in labels], delimiter=",", fmt="%.18e")
    return folder


def run(*arguments) -> None:
    parser = argparse.ArgumentParser()
    prepare.add_arguments(parser)
    prepare.run(parser.parse_args([str(argument) for argument in arguments]))


def test_a_name_alone_prepares_every_configuration(manual_dir, tmp_path, capsys):
    run("kaggle_heartbeat", "--manual-dir", manual_dir, "--data-dir", tmp_path / "data")
    lines = capsys.readouterr().out.splitlines()
    folder = tmp_path / "data" / "kaggle_heartbeat"
    assert lines[0].startswith(f"kaggle_heartbeat/mitbih: prepared in {folder / 'mitbih' / '1.0.0'} in ")
    assert lines[0].endswith(" s")
    assert lines[1:3] == ["  train: 6 beats (N 2, S 1, V 1, F 1, Q 1)", "  test: 2 beats (N 1, S 0, V 0, F 0, Q 1)"]
    assert lines[3].startswith("  note: mitbih_train.csv: 6 rows (N 2,")
    assert lines[5].startswith("kaggle_heartbeat/ptbdb: prepared in ")
    assert lines[6] == "  all: 3 beats (normal 2, abnormal 1)"


def test_a_second_run_says_so(manual_dir, tmp_path, capsys):
    for _ in range(2):
        run("kaggle_heartbeat/ptbdb", "--manual-dir", manual_dir, "--data-dir", tmp_path / "data")
    again = capsys.readouterr().out.splitlines()[4:]
    assert again[0].startswith("kaggle_heartbeat/ptbdb: already prepared in ")
    assert again[1] == "  all: 3 beats (normal 2, abnormal 1)"


def test_what_is_prepared_is_kept_with_a_line_and_made_anew_with_again(manual_dir, tmp_path, capsys):
    command = ("kaggle_heartbeat/ptbdb", "--data-dir", tmp_path / "data")
    run(*command, "--manual-dir", manual_dir, "--again")  # nor is there anything yet
    other = tmp_path / "other"
    other.mkdir()
    for name, label in (("ptbdb_normal.csv", 0), ("ptbdb_abnormal.csv", 1)):
        np.savetxt(other / name, [[0.5] * 187 + [label]], delimiter=",", fmt="%.18e")
    capsys.readouterr()
    run(*command, "--manual-dir", other, "--strict")
    folder = tmp_path / "data" / "kaggle_heartbeat" / "ptbdb"
    out = capsys.readouterr().out.splitlines()
    assert out[0] == (
        f"kaggle_heartbeat/ptbdb: already prepared in {folder / '1.0.0'} from {manual_dir} and kept, ignoring "
        "--manual-dir and --strict; --again prepares it again"
    )
    assert out[1] == "  all: 3 beats (normal 2, abnormal 1)"
    (other / "ptbdb_abnormal.csv").write_text("1,2\n")
    with pytest.raises(InputError, match="line 1 has 2 columns"):
        run(*command, "--manual-dir", other, "--again")
    assert datasets.load("kaggle_heartbeat/ptbdb", tmp_path / "data")["all"]["label"].tolist() == [0, 0, 1]
    np.savetxt(other / "ptbdb_abnormal.csv", [[0.5] * 187 + [1]], delimiter=",", fmt="%.18e")
    run(*command, "--manual-dir", other, "--again")
    assert datasets.load("kaggle_heartbeat/ptbdb", tmp_path / "data")["all"]["label"].tolist() == [0, 1]
    assert datasets.prepared_from("kaggle_heartbeat/ptbdb", tmp_path / "data") == str(other)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "1.0.0"]


def test_again_mends_what_is_damaged_and_spares_what_is_not_ours(manual_dir, tmp_path):
    command = ("kaggle_heartbeat/ptbdb", "--data-dir", tmp_path / "data", "--manual-dir", manual_dir, "--again")
    run(*command)
    folder = tmp_path / "data" / "kaggle_heartbeat" / "ptbdb" / "1.0.0"
    (folder / "dataset_info.json").write_text("{")
    run(*command)
    assert datasets.is_prepared("kaggle_heartbeat/ptbdb", tmp_path / "data")
    (folder / "dataset_info.json").unlink()
    with pytest.raises(InputError, match="exists, but is not a prepared dataset: delete that folder"):
        run(*command)
    assert any(folder.iterdir())


def test_files_for_a_simulated_dataset_are_refused(manual_dir, tmp_path):
    with pytest.raises(InputError, match="--manual-dir: found it with simulated_heartbeat, which reads no files"):
        run("simulated_heartbeat", "--data-dir", tmp_path / "data", "--manual-dir", manual_dir)


def test_configurations_without_files_are_skipped_with_a_line(manual_dir, tmp_path, capsys):
    (manual_dir / "ptbdb_normal.csv").unlink()
    run("kaggle_heartbeat", "--manual-dir", manual_dir, "--data-dir", tmp_path / "data")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("kaggle_heartbeat/ptbdb: skipped: ptbdb_normal.csv is not in ")
    assert datasets.is_prepared("kaggle_heartbeat/mitbih", tmp_path / "data")
    with pytest.raises(InputError, match=r"ptbdb_normal\.csv is not in"):
        run("kaggle_heartbeat/ptbdb", "--manual-dir", manual_dir, "--data-dir", tmp_path / "data")


def test_no_files_at_all_is_an_error(manual_dir, tmp_path):
    with pytest.raises(InputError, match=r"mitbih_train\.csv is not in .*manual: fetch archive\.zip from https://"):
        run("kaggle_heartbeat", "--data-dir", tmp_path / "data")


def test_a_bad_file_is_an_error_not_a_skip(manual_dir, tmp_path):
    (manual_dir / "ptbdb_normal.csv").write_text("1,2\n")
    with pytest.raises(InputError, match="line 1 has 2 columns"):
        run("kaggle_heartbeat", "--manual-dir", manual_dir, "--data-dir", tmp_path / "data")


def test_without_a_data_folder_it_is_tfds_own(manual_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    run("kaggle_heartbeat/ptbdb", "--manual-dir", manual_dir)
    assert datasets.is_prepared("kaggle_heartbeat/ptbdb", tmp_path / "own")


@pytest.mark.parametrize("name", ["kaggle_heartbeats", "kaggle_heartbeat/mitbhi"])
def test_an_unknown_name_is_answered_with_the_known(name):
    with pytest.raises(InputError, match=r"unknown dataset .* did you mean 'kaggle_heartbeat"):
        run(name)
