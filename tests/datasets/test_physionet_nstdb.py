"""The noises from WFDB files written here, and what is told when files are missing, damaged or another's."""

import zipfile

import numpy as np
import pytest

from cardiax import datasets
from cardiax.datasets.physionet_nstdb.physionet_nstdb_dataset_builder import DATABASE
from cardiax.errors import InputError

LENGTH = 650_000


def write_records(folder, length=LENGTH, rate=360):
    """Three records of PhysioNet's form, 12 bits, 200 units a mV; returns them as whole units (length, 2)."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    folder.mkdir(exist_ok=True)
    found = {}
    for seed, name in enumerate(("bw", "em", "ma")):
        units = np.random.default_rng(seed).integers(-1000, 1000, (length, 2))
        wfdb.wrsamp(
            record_name=name,
            fs=rate,
            units=["mV", "mV"],
            sig_name=["noise1", "noise2"],
            d_signal=units,
            fmt=["212", "212"],
            adc_gain=[200, 100],
            baseline=[0, 10],
            write_dir=str(folder),
        )
        found[name] = units
    return found


def test_the_noises_in_millivolt(cardiax, tmp_path):
    units = write_records(tmp_path)
    command = ("prepare", "physionet_nstdb", "--manual-dir", tmp_path, "--data-dir", tmp_path / "data")
    status, out, err = cardiax(*command)
    assert status == 0, err
    assert "noise: 3 recordings" in out
    found = datasets.load("physionet_nstdb", tmp_path / "data")["noise"]
    assert found["name"].tolist() == ["bw", "em", "ma"]
    assert found["signal"].shape == (3, LENGTH, 2)
    assert found["signal"].dtype == np.float32
    for name, signal in zip(found["name"], found["signal"], strict=True):
        expected = np.stack([units[name][:, 0] / 200, (units[name][:, 1] - 10) / 100], axis=1)
        np.testing.assert_array_equal(signal, expected.astype(np.float32))
    assert "physionet_nstdb (for the protocol noise): prepared" in cardiax("info", "--data-dir", tmp_path / "data")[1]


def test_physionets_zip_is_read_and_a_changed_sample_is_told(cardiax, tmp_path):
    units = write_records(tmp_path / "nstdb")
    archive = tmp_path / "mit-bih-noise-stress-test-database-1.0.0.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (tmp_path / "nstdb").iterdir():
            packed.write(path, f"{archive.stem}/{path.name}")
    datasets.prepare("physionet_nstdb", tmp_path / "data", archive)
    found = datasets.load("physionet_nstdb", tmp_path / "data")["noise"]["signal"]
    np.testing.assert_array_equal(found[1, :, 0], (units["em"][:, 0] / 200).astype(np.float32))
    assert datasets.prepared_from("physionet_nstdb", tmp_path / "data") == str(archive)
    content = bytearray((tmp_path / "nstdb" / "em.dat").read_bytes())
    content[3000] ^= 1
    (tmp_path / "nstdb" / "em.dat").write_bytes(content)
    command = ("prepare", "physionet_nstdb", "--manual-dir", tmp_path / "nstdb", "--data-dir", tmp_path / "other")
    assert "em: found signals whose checksums differ from the header's" in cardiax.mistake(*command)
    (tmp_path / "nstdb" / "em.dat").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "em.dat: found a Git LFS pointer" in cardiax.mistake(*command)


def test_missing_damaged_and_wrong_records_are_told(cardiax, tmp_path):
    write_records(tmp_path, length=2000)
    command = ("prepare", "physionet_nstdb", "--manual-dir", tmp_path, "--data-dir", tmp_path / "data")
    assert "bw: found (2000, 2) at 360 Hz, expected (650000, 2) at 360 Hz" in cardiax.mistake(*command)
    (tmp_path / "bw.dat").write_bytes((tmp_path / "bw.dat").read_bytes()[:100])
    assert "bw: found a record that cannot be read" in cardiax.mistake(*command)
    (tmp_path / "ma.dat").unlink()
    message = cardiax.mistake(*command)
    assert (
        "found no ma.dat (of 1 records: ma), expected .hea and .dat of 3 records; fetch https://physionet.org/content/nstdb/1.0.0/"
        in (message)
    )


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    asked = []

    def refuse(database, folder, files):
        asked.append((database, folder, tuple(files)))
        raise ConnectionError("no network")

    monkeypatch.setattr(wfdb, "dl_files", refuse)
    with pytest.raises(InputError, match=r"nstdb/1\.0\.0/: found a failed download \(no network\), expected 6 files"):
        datasets.prepare("physionet_nstdb", tmp_path / "data", download_dir=tmp_path / "downloads")
    files = ("bw.hea", "bw.dat", "em.hea", "em.dat", "ma.hea", "ma.dat")
    assert asked == [("nstdb", str(tmp_path / "downloads" / "nstdb"), files)]
    assert DATABASE.files == files


@pytest.mark.parametrize("task", ["heartbeat", "arrhythmia", "activation", "transmembrane"])
def test_nothing_is_trained_on_noise(cardiax, tmp_path, task):
    command = ("train", task, "--dataset", "physionet_nstdb", "--data-dir", tmp_path, "--workdir", tmp_path / "run")
    for more in ((), ("--protocol", "noise")):
        assert f"task {task!r} cannot learn from physionet_nstdb" in cardiax.mistake(*command, *more)
    assert not (tmp_path / "run").exists()
