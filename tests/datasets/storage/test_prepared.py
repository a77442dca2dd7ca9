"""Prepared datasets on disk: what cannot be written, what is damaged, and what is not there, each in one clear line."""

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cardiax import datasets
from cardiax.datasets.storage import record_files
from cardiax.errors import InputError

MITBIH = "kaggle_heartbeat/mitbih"


@pytest.fixture
def manual_dir(tmp_path) -> Path:
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, labels in (("mitbih_train.csv", [0, 1, 2, 3, 4, 0, 0, 4]), ("mitbih_test.csv", [4, 3, 2, 1, 0])):
        np.savetxt(folder / name, [[0.25] * 187 + [label] for label in labels], delimiter=",", fmt="%.18e")
    return folder


def test_a_killed_run_leaves_nothing_that_is_trusted(manual_dir, tmp_path):
    code = """
        import os, pathlib, sys
        from cardiax import datasets
        from cardiax.datasets.kaggle_heartbeat import csv_beats
        read_beats = csv_beats.read_beats
        def killed(source, *rest):
            yield from read_beats(source, *rest)
            if source.path.name == "mitbih_test.csv":
                os._exit(9)
        csv_beats.read_beats = killed
        datasets.prepare("kaggle_heartbeat/mitbih", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
        """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "data", manual_dir]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 9, result.stderr
    left = sorted(path.name for path in (tmp_path / "data" / MITBIH).iterdir())
    assert any(name.startswith("incomplete.") for name in left)
    assert not datasets.is_prepared(MITBIH, tmp_path / "data")
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    assert sorted(path.name for path in (tmp_path / "data" / MITBIH).iterdir()) == [".lock", "1.0.0"]
    assert len(datasets.load(MITBIH, tmp_path / "data")["train"]["label"]) == 8


def test_a_dataset_that_was_being_replaced_comes_back(manual_dir, tmp_path):
    folder = tmp_path / "data" / MITBIH
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    kept = folder / "incomplete.x" / "replaced"  # a run with `again` was killed between its two renames
    kept.mkdir(parents=True)
    (folder / "1.0.0").rename(kept / "1.0.0")
    shutil.rmtree(manual_dir)
    datasets.prepare(MITBIH, tmp_path / "data")
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "1.0.0"]
    assert len(datasets.load(MITBIH, tmp_path / "data")["train"]["label"]) == 8


def test_a_refused_write_is_an_os_error_with_its_place(manual_dir, tmp_path):
    """A limit on the size of a file stands for a full disk: the system refuses the write in the same way."""
    code = """
        import pathlib, resource, signal, sys
        from cardiax import datasets
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))
        try:
            datasets.prepare("kaggle_heartbeat/mitbih", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
        except OSError as error:
            print(error.filename, error.strerror, sep="|")
        """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "data", manual_dir]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.stdout == f"{tmp_path / 'data' / MITBIH}|cannot write the records: File too large\n", result.stderr
    assert [path.name for path in (tmp_path / "data" / MITBIH).iterdir()] == [".lock"]


def test_what_cannot_be_replaced_stays(manual_dir, tmp_path, monkeypatch):
    def refused(path, **_):
        raise OSError(errno.EIO, "Input/output error", *([path] if isinstance(path, str) else []))

    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    for name, where in (("fsync", "incomplete"), ("unlink", "incomplete")):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, refused)
            with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / 'data' / MITBIH / where}"):
                datasets.prepare(MITBIH, tmp_path / "data", manual_dir, again=True)
        assert len(datasets.load(MITBIH, tmp_path / "data")["train"]["label"]) == 8
    datasets.prepare(MITBIH, tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data" / MITBIH).iterdir()) == [".lock", "1.0.0"]


def test_a_data_folder_that_cannot_be_made_is_an_os_error(manual_dir, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        datasets.prepare(MITBIH, tmp_path / "file", manual_dir)
    assert str(caught.value.filename).startswith(str(tmp_path / "file"))


def test_what_is_not_prepared_says_how_to(tmp_path):
    with pytest.raises(InputError, match=r"^kaggle_heartbeat/mitbih is not prepared in .*: run `cardiax prepare kagg"):
        datasets.load(MITBIH, tmp_path)
    with pytest.raises(InputError, match="did you mean 'kaggle_heartbeat/mitbih'"):
        datasets.load("kaggle_heartbeat/mitbi", tmp_path)


def flip_a_byte(path: Path) -> None:
    """In the middle of the records, where only reading them can tell."""
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)


DAMAGES = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "gone": os.remove,
    "one byte": flip_a_byte,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_file_is_named_with_the_way_out(manual_dir, tmp_path, damage):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    folder = tmp_path / "data" / MITBIH / "1.0.0"
    DAMAGES[damage](next(folder.glob("*train.array_record*")))
    with pytest.raises(InputError) as caught:
        datasets.load(MITBIH, tmp_path / "data")
    assert str(caught.value).startswith(f"{MITBIH} in {folder} is damaged (")
    advice = f"run `cardiax prepare {MITBIH} --data-dir {tmp_path / 'data'}`"
    assert f"delete that folder if the same command fails again, then {advice}" in str(caught.value)


def test_record_counts_that_differ_from_the_source_are_refused(manual_dir, tmp_path):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    metadata = tmp_path / "data" / MITBIH / "1.0.0" / "metadata.json"
    facts = json.loads(metadata.read_text())
    facts["counts"]["train"][0] += 1
    metadata.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"is damaged \(train has 8 records, expected 9\)"):
        datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    facts["counts"]["train"][1] -= 1
    metadata.write_text(json.dumps(facts))
    with pytest.raises(
        InputError, match=r"train has \[3, 1, 1, 1, 2\] records of each class, expected \[4, 0, 1, 1, 2\]"
    ):
        datasets.load(MITBIH, tmp_path / "data")


@pytest.mark.parametrize("call", ["open", "pread"])
def test_records_that_the_disk_does_not_yield_are_not_taken_for_damage(manual_dir, tmp_path, monkeypatch, call):
    def refused(path):
        raise RuntimeError(f"{call}() failed: Input/output error; {call}ing {path}")  # as array_record does

    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    monkeypatch.setattr(record_files, "ArrayRecordReader", refused)
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / 'data' / MITBIH / '1.0.0'}'"):
        datasets.load(MITBIH, tmp_path / "data")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
def test_an_info_that_the_disk_does_not_yield_is_named(manual_dir, tmp_path):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    info = tmp_path / "data" / MITBIH / "1.0.0" / "dataset_info.json"
    info.unlink()
    info.symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / 'data' / MITBIH}'"):
        datasets.load(MITBIH, tmp_path / "data")


def test_an_info_that_tfds_overlooks_is_named(manual_dir, tmp_path, monkeypatch):
    """As if the disk had failed just when TFDS looked for the file."""
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    folder = tmp_path / "data" / MITBIH / "1.0.0"
    monkeypatch.setattr(tfds.core.DatasetInfo, "read_from_directory", lambda self, folder: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "is_prepared", lambda self: True)
    with pytest.raises(InputError, match=f"{MITBIH} in {folder} is damaged"):
        datasets.load(MITBIH, tmp_path / "data")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
def test_metadata_that_the_disk_does_not_yield_are_named(manual_dir, tmp_path):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    metadata = tmp_path / "data" / MITBIH / "1.0.0" / "metadata.json"
    metadata.unlink()
    metadata.symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / 'data' / MITBIH}"):
        datasets.load(MITBIH, tmp_path / "data")


def test_a_damaged_info_is_named(manual_dir, tmp_path):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    os.truncate(tmp_path / "data" / MITBIH / "1.0.0" / "dataset_info.json", 20)
    with pytest.raises(
        InputError,
        match=r"is damaged .*: delete that folder if the same command fails again, then run `cardiax prepare",
    ):
        datasets.load(MITBIH, tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("metadata.json", b'"', b""),
        ("metadata.json", b"counts", b"\xb6ounts"),
        ("metadata.json", b'"train"', b'"urain"'),
        ("dataset_info.json", b"array_record", b"array_reco2d"),
        ("dataset_info.json", b"{DATASET}", b"{DATESET}"),
        ("dataset_info.json", b'"version": "1', b'"version": "3'),
    ],
)
def test_what_tfds_cannot_read_is_named(data_dir, tmp_path, name, old, new):
    shutil.copytree(data_dir / MITBIH, tmp_path / MITBIH)
    path = next((tmp_path / MITBIH).glob(f"*/{name}"))
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(InputError, match=r"kaggle_heartbeat/mitbih in .* is damaged \(.*\): delete that folder if"):
        datasets.load(MITBIH, tmp_path)


@pytest.mark.parametrize("prepared", [True, False])
def test_a_bug_of_a_builder_is_not_taken_for_damage(data_dir, tmp_path, monkeypatch, prepared):
    def info(self):
        return {}["features"]

    monkeypatch.setattr(tfds.builder_cls("kaggle_heartbeat"), "_info", info)
    with pytest.raises(KeyError, match="features"):
        datasets.is_prepared(MITBIH, data_dir if prepared else tmp_path)


def test_a_foreign_folder_in_its_place_is_not_taken_for_it(manual_dir, tmp_path):
    folder = tmp_path / "data" / MITBIH / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match="exists, but is not a prepared dataset: delete that folder"):
        datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    assert (folder / "notes.txt").exists()


def test_the_data_folder_is_tfds_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "there"))
    assert datasets.default_data_dir() == tmp_path / "there"
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert datasets.default_data_dir() == tmp_path / "tensorflow_datasets"


def test_two_runs_at_once_take_turns(manual_dir, tmp_path):
    code = """
        import pathlib, sys
        from cardiax import datasets
        datasets.prepare("kaggle_heartbeat/mitbih", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
        """
    command = [sys.executable, "-c", textwrap.dedent(code), tmp_path / "data", manual_dir]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate(timeout=120)[1] for run in runs] == ["", ""]
    assert [run.returncode for run in runs] == [0, 0]
    assert len(datasets.load(MITBIH, tmp_path / "data")["train"]["label"]) == 8


def test_joined_datasets_are_read_one_after_another(manual_dir, tmp_path):
    for name, label in (("normal", 0), ("abnormal", 1)):
        rows = [[0.5] * 187 + [label]] * (2 + label)
        np.savetxt(manual_dir / f"ptbdb_{name}.csv", rows, delimiter=",", fmt="%.18e")
    names = [MITBIH, "kaggle_heartbeat/ptbdb"]
    both = ",".join(names)
    datasets.prepare(MITBIH, tmp_path, manual_dir)
    assert not datasets.is_prepared(both, tmp_path)
    with pytest.raises(InputError, match="kaggle_heartbeat/ptbdb is not prepared"):
        datasets.open_records(both, tmp_path)
    datasets.prepare("kaggle_heartbeat/ptbdb", tmp_path, manual_dir)
    assert datasets.is_prepared(both, tmp_path)
    records = datasets.open_records(both, tmp_path)
    assert (len(records), list(records.parts.values())) == (18, [8, 5, 5])
    whole = records.load()
    assert whole["label"].tolist() == [0, 1, 2, 3, 4, 0, 0, 4, 4, 3, 2, 1, 0, 0, 0, 1, 1, 1]
    assert whole["dataset"].tolist() == [names[0]] * 13 + [names[1]] * 5
    assert whole["beat"][:, 0].tolist() == [0.25] * 13 + [0.5] * 5
    some = records.read([1, 12, 13, 17])
    assert some["label"].tolist() == [1, 0, 0, 1]
    assert some["dataset"].tolist() == [names[0]] * 2 + [names[1]] * 2
    np.testing.assert_array_equal(some["beat"], whole["beat"][[1, 12, 13, 17]])
