"""Kaggle's heartbeat files: read bit for bit, every mistake in them named, and nothing half-written ever trusted."""

import hashlib
import stat
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cardiax import datasets
from cardiax.catalog import DATASETS
from cardiax.datasets.kaggle_heartbeat import csv_beats
from cardiax.errors import InputError

MITBIH = "kaggle_heartbeat/mitbih"
PTBDB = "kaggle_heartbeat/ptbdb"


def make_rows(labels, seed=0) -> np.ndarray:
    """Rows (n, 188) float64 that hold float32 values, zero-padded from a random column on, as Kaggle's do."""
    rng = np.random.default_rng(seed)
    beats = rng.random((len(labels), 187), dtype=np.float32)
    beats[np.arange(187) >= rng.integers(60, 188, (len(labels), 1))] = 0
    return np.concatenate([beats.astype(np.float64), np.array(labels, np.float64)[:, None]], axis=1)


def write_rows(path: Path, rows: np.ndarray) -> None:
    np.savetxt(path, rows, delimiter=",", fmt="%.18e")  # Kaggle's own format


@pytest.fixture
def tables() -> dict[str, np.ndarray]:
    return {
        "mitbih_train.csv": make_rows([0, 1, 2, 3, 4, 0, 0, 4], seed=1),
        "mitbih_test.csv": make_rows([4, 3, 2, 1, 0], seed=2),
        "ptbdb_normal.csv": make_rows([0, 0, 0], seed=3),
        "ptbdb_abnormal.csv": make_rows([1, 1], seed=4),
    }


@pytest.fixture
def manual_dir(tmp_path, tables) -> Path:
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, rows in tables.items():
        write_rows(folder / name, rows)
    return folder


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch, tmp_path):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def assert_same(arrays, rows):
    np.testing.assert_array_equal(arrays["beat"], rows[:, :187].astype(np.float32), strict=True)
    np.testing.assert_array_equal(arrays["label"], rows[:, 187].astype(np.int64), strict=True)


def failure(name, data_dir, manual_dir, **kwargs) -> str:
    """The message of the `InputError` that preparing raises, after which nothing of the dataset may be left."""
    with pytest.raises(InputError) as caught:
        datasets.prepare(name, data_dir, manual_dir, **kwargs)
    assert "\n" not in str(caught.value)
    assert not datasets.is_prepared(name, data_dir)
    assert [path.name for path in (data_dir / name).iterdir()] == [".lock"]
    return str(caught.value)


def test_every_row_is_loaded_bit_for_bit_in_file_order(manual_dir, tmp_path, tables):
    for name in (MITBIH, PTBDB):
        assert not datasets.is_prepared(name, tmp_path / "data")
        datasets.prepare(name, tmp_path / "data", manual_dir)
        assert datasets.is_prepared(name, tmp_path / "data")
    beats = datasets.load(MITBIH, tmp_path / "data")
    assert list(beats) == ["train", "test"]
    assert_same(beats["train"], tables["mitbih_train.csv"])
    assert_same(beats["test"], tables["mitbih_test.csv"])
    beats = datasets.load(PTBDB, tmp_path / "data")
    assert list(beats) == ["all"]
    assert_same(beats["all"], np.concatenate([tables["ptbdb_normal.csv"], tables["ptbdb_abnormal.csv"]]))


def test_tfds_alone_prepares_and_reads_it(manual_dir, tmp_path, tables):
    """In anyone's code, with none of ours but the import that registers it."""
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    tfds.builder(MITBIH, data_dir=tmp_path / "data").download_and_prepare(download_config=config)
    source = tfds.builder(MITBIH, data_dir=tmp_path / "data").as_data_source("train")
    assert [int(example["row"]) for example in source] == list(range(8))
    np.testing.assert_array_equal(source[3]["beat"], tables["mitbih_train.csv"][3, :187].astype(np.float32))
    assert source[3]["label"] == 3
    assert "tensorflow" not in sys.modules


def test_the_info_says_what_was_read(manual_dir, tmp_path):
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir)
    info = tfds.builder(MITBIH, data_dir=tmp_path / "data").info
    assert info.features["label"].names == ["N", "S", "V", "F", "Q"]
    assert info.metadata["counts"] == {"train": [3, 1, 1, 1, 2], "test": [1, 1, 1, 1, 1]}
    digest = hashlib.sha256((manual_dir / "mitbih_test.csv").read_bytes()).hexdigest()
    assert info.metadata["sha256"]["mitbih_test.csv"] == digest
    assert {split: info.splits[split].num_examples for split in info.splits} == {"train": 8, "test": 5}
    assert info.file_format.value == "array_record"
    assert "Kachuee" in info.citation
    assert "120 Hz" in info.description


def test_tags_are_tfds_tags():
    from tensorflow_datasets.core import dataset_metadata

    tags = tfds.builder_cls("kaggle_heartbeat").get_metadata().tags
    assert tags
    assert set(tags) <= set(dataset_metadata.valid_tags())


def test_differences_from_kaggles_files_are_reported_not_refused(manual_dir, tmp_path):
    write_rows(manual_dir / "mitbih_test.csv", make_rows([0, 0, 2]))
    lines = []
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir, report=lines.append)
    assert lines == [
        "mitbih_train.csv: 8 rows (N 3, S 1, V 1, F 1, Q 2), "
        "Kaggle's file has 87554 (N 72471, S 2223, V 5788, F 641, Q 6431)",
        "mitbih_test.csv: 3 rows (N 2, S 0, V 1, F 0, Q 0), "
        "Kaggle's file has 21892 (N 18118, S 556, V 1448, F 162, Q 1608); no rows of class S, F, Q",
    ]
    again = []
    datasets.prepare(MITBIH, tmp_path / "data", manual_dir, report=again.append)
    assert again == lines


def test_another_digest_alone_is_reported():
    file = csv_beats.FILES["ptbdb"][1]
    published, classes = DATASETS[PTBDB].counts["all"], DATASETS[PTBDB].classes
    assert csv_beats.differences(file, [0, 10506], published, classes, file.sha256) == []
    (line,) = csv_beats.differences(file, [0, 10506], published, classes, "f" * 64)
    assert line.startswith("ptbdb_abnormal.csv: as many rows")
    assert "ffffffffffff" in line


def test_a_configuration_needs_only_its_own_files(manual_dir, tmp_path):
    for name in ("mitbih_train.csv", "mitbih_test.csv"):
        (manual_dir / name).unlink()
    datasets.prepare(PTBDB, tmp_path / "data", manual_dir)
    assert "mitbih_train.csv is not in" in failure(MITBIH, tmp_path / "data", manual_dir)


STRANGERS = {
    "mitbih_train.csv.txt": (b"0,0", "found a file of another name, expected mitbih_train.csv: fetch archive.zip from"),
    "mitbih_train.xlsx": (b"PK\x03\x04" + bytes(22) + b"\x13\0\0\0[Content_Types].xml", "found an Excel workbook"),
    "archive.7z": (b"7z\xbc\xaf\x27\x1c", "not an archive that can be read (a 7z archive"),
    "archive.zip.crdownload": (b"PK\x03\x04", "not an archive that can be read (File is not a zip file)"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_lies_there_instead_is_named(manual_dir, tmp_path, name):
    (manual_dir / "mitbih_train.csv").unlink()
    content, message = STRANGERS[name]
    (manual_dir / name).write_bytes(content)
    assert f"{manual_dir / name}: {message}" in failure(MITBIH, tmp_path / "data", manual_dir)


def test_one_file_is_not_read_as_two(manual_dir, tmp_path):
    (manual_dir / "mitbih_test.csv").write_bytes((manual_dir / "mitbih_train.csv").read_bytes())
    message = failure(MITBIH, tmp_path / "data", manual_dir)
    assert "mitbih_test.csv: found the same bytes as mitbih_train.csv, expected mitbih_test.csv" in message


def test_a_zip_is_read_without_extracting(manual_dir, tmp_path, tables):
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in tables:
            archive.write(manual_dir / name, name)
    datasets.prepare(MITBIH, tmp_path / "data", tmp_path / "zipped")
    assert_same(datasets.load(MITBIH, tmp_path / "data")["test"], tables["mitbih_test.csv"])
    assert [path.name for path in (tmp_path / "zipped").iterdir()] == ["archive.zip"]


def test_a_damaged_zip_member_is_refused(manual_dir, tmp_path):
    (tmp_path / "zipped").mkdir()
    path = tmp_path / "zipped" / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("mitbih_train.csv", "mitbih_test.csv"):
            archive.write(manual_dir / name, name)
    content = bytearray(path.read_bytes())
    digit = content.index(b"e-01", 1000) - 1
    content[digit] = ord("1") if content[digit] != ord("1") else ord("2")
    path.write_bytes(content)
    message = failure(MITBIH, tmp_path / "data", tmp_path / "zipped")
    assert "not an archive that can be read (Bad CRC-32 for file 'mitbih_train.csv')" in message


def test_without_files_the_message_says_what_to_fetch_and_where_to_put_it(tmp_path):
    message = failure(MITBIH, tmp_path / "data", None)
    folder = tmp_path / "data" / "downloads" / "manual"
    assert f"mitbih_train.csv is not in {folder}" in message
    assert "fetch archive.zip from https://www.kaggle.com/datasets/shayanfazeli/heartbeat" in message
    assert message.endswith("put it (or the CSV files in it) there, or name it with --manual-dir")


def test_a_manual_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: found no such folder or archive, expected one with the files of"):
        datasets.prepare(MITBIH, tmp_path / "data", tmp_path / "nowhere")


def fake_kaggle(tmp_path, monkeypatch, script: str) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "kaggle"
    command.write_text(f"#!{sys.executable}\n" + textwrap.dedent(script))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a token")


def test_with_credentials_kaggle_is_asked_once(manual_dir, tmp_path, monkeypatch, tables):
    fake_kaggle(
        tmp_path,
        monkeypatch,
        f"""
        import pathlib, sys, zipfile
        assert sys.argv[1:4] == ["datasets", "download", "--path"] and sys.argv[5:] == ["shayanfazeli/heartbeat"]
        pathlib.Path(sys.argv[4]).mkdir(parents=True)
        with zipfile.ZipFile(pathlib.Path(sys.argv[4]) / "heartbeat.zip", "w") as archive:
            for path in pathlib.Path({str(manual_dir)!r}).iterdir():
                archive.write(path, path.name)
        """,
    )
    datasets.prepare(MITBIH, tmp_path / "data")
    assert_same(datasets.load(MITBIH, tmp_path / "data")["train"], tables["mitbih_train.csv"])
    (tmp_path / "bin" / "kaggle").unlink()
    datasets.prepare(PTBDB, tmp_path / "data")


@pytest.mark.parametrize("index", [".kaggle/kaggle.json", ".kaggle/access_token"])
def test_credentials_without_the_kaggle_package_name_the_extra(tmp_path, monkeypatch, index):
    (tmp_path / index).parent.mkdir()
    (tmp_path / index).write_text("{}")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "run pip install 'cardiax[kaggle]', or" in failure(MITBIH, tmp_path / "data", None)


def test_a_failing_download_leaves_nothing(tmp_path, monkeypatch):
    fake_kaggle(tmp_path, monkeypatch, "import sys; print('401 - Unauthorized'); sys.exit(1)")
    message = failure(MITBIH, tmp_path / "data", None)
    assert "failed with status 1 (401 - Unauthorized)" in message
    assert [path.name for path in (tmp_path / "data" / "downloads").iterdir()] == ["extracted"]


def test_a_given_manual_folder_is_not_replaced_by_a_download(tmp_path, monkeypatch):
    fake_kaggle(tmp_path, monkeypatch, "raise SystemExit('asked')")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "notes.txt").touch()
    assert "is not in" in failure(MITBIH, tmp_path / "data", tmp_path / "elsewhere")


def test_a_mistake_in_the_second_split_undoes_the_first(manual_dir, tmp_path):
    path = manual_dir / "ptbdb_abnormal.csv"
    path.write_bytes(path.read_bytes().replace(b",1.000000000000000000e+00\n", b",0.000000000000000000e+00\n"))
    message = failure(PTBDB, tmp_path / "data", manual_dir)
    assert message.startswith(f"{path}: line 1, column 188: found '0.000000000000000000e+00', expected the label 1:")


def test_a_folder_in_place_of_a_file_is_named(manual_dir, tmp_path):
    (manual_dir / "mitbih_test.csv").unlink()
    (manual_dir / "mitbih_test.csv").mkdir()
    assert "mitbih_test.csv: found a folder, expected mitbih_test.csv" in failure(MITBIH, tmp_path / "data", manual_dir)
