"""The built-in hearts as a dataset, and as files that the UCSD/LLNL builder reads back."""

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader

from cardiax import datasets
from cardiax.datasets.simulated_intracardiac import simulated_intracardiac_dataset_builder as builder
from cardiax.datasets.storage.electrode_recording import tail


@pytest.mark.slow
def test_raw_files_are_read_back_by_the_ucsd_builder(cardiax, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "VOLUNTEERS", 1)
    simulated = list(builder.simulate(beats=6, volunteers=1))
    assert builder.write_raw(tmp_path / "raw", beats=6, volunteers=1) == 6
    datasets.prepare("ucsd_intracardiac", tmp_path / "data", tmp_path / "raw", tmp_path / "downloads")
    arrays = datasets.load("ucsd_intracardiac", tmp_path / "data")["recordings"]
    order = np.argsort([tail(origin) for origin, _, _ in simulated])
    for row, number in enumerate(order):
        origin, electrodes, voltage = simulated[number]
        np.testing.assert_array_equal(arrays["electrodes"][row], electrodes)
        np.testing.assert_array_equal(arrays["voltage"][row], voltage)
        assert {key: arrays[key][row].item() for key in vars(origin)} == vars(origin)


@pytest.mark.slow
def test_the_builder_writes_what_it_simulates(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "VOLUNTEERS", 2)
    monkeypatch.setattr(builder, "BEATS", 3)
    datasets.prepare("simulated_intracardiac", tmp_path)
    arrays = datasets.load("simulated_intracardiac", tmp_path)["recordings"]
    assert arrays["voltage"].shape == (6, 500, 75)
    assert arrays["volunteer"].tolist() == [1, 1, 1, 2, 2, 2]
    assert np.abs(arrays["electrodes"]).max() < 20
    assert -95 < arrays["voltage"].min() < -80
    assert 20 < arrays["voltage"].max() < 50
    files = sorted(datasets.prepared_path("simulated_intracardiac", tmp_path).glob("*.array_record*"))
    assert len(files) == 2
    for file in files:  # what makes reading by index cheap
        assert "uncompressed" in ArrayRecordReader(str(file)).writer_options_string()


@pytest.mark.slow
def test_varied_hearts_are_written_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "VARIED_HEARTS", 3)
    monkeypatch.setattr(builder, "VARIED_BEATS", 4)
    monkeypatch.setattr(builder, "SHARD", 2)
    datasets.prepare("simulated_intracardiac/varied", tmp_path)
    arrays = datasets.load("simulated_intracardiac/varied", tmp_path)["recordings"]
    assert arrays["electrodes"].dtype == np.float16
    assert arrays["electrodes"].shape == (12, 500, 10)
    assert arrays["volunteer"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert "voltage" not in arrays
    simulated = [times for _, _, times in builder.simulate_varied(0, 3)]
    np.testing.assert_array_equal(arrays["activation"], np.concatenate(simulated))
    assert not datasets.is_prepared("simulated_intracardiac", tmp_path)
    assert datasets.prepared_path("simulated_intracardiac", tmp_path).parent.name == "simulated_intracardiac"


def test_raw_refuses_what_it_cannot_do(cardiax, tmp_path):
    assert "--raw: found dataset 'simulated_heartbeat'" in cardiax.mistake(
        *("prepare", "simulated_heartbeat", "--raw", tmp_path / "raw")
    )
    (tmp_path / "file").touch()
    assert "found files in it" in cardiax.mistake("prepare", "simulated_intracardiac", "--raw", tmp_path)
    assert "--strict: found it with simulated_intracardiac" in cardiax.mistake(
        *("prepare", "simulated_intracardiac", "--strict", "--data-dir", tmp_path / "data")
    )


def test_large_datasets_need_no_tensorflow(tmp_path, monkeypatch):
    # Past a gigabyte TFDS's usual builder writes temporary files through TensorFlow; a limit of 1 byte stands for it.
    from tensorflow_datasets.core import shuffle

    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 1)
    monkeypatch.setattr(builder, "VOLUNTEERS", 1)
    monkeypatch.setattr(builder, "BEATS", 2)
    recordings = list(builder.simulate(beats=2, volunteers=1))  # once for both builders
    monkeypatch.setattr(builder, "simulate", lambda *_: iter(recordings))
    datasets.prepare("simulated_intracardiac", tmp_path)
    assert datasets.sizes("simulated_intracardiac", tmp_path) == {"recordings": 2}
    assert builder.write_raw(tmp_path / "raw", beats=2, volunteers=1) == 2
    datasets.prepare("ucsd_intracardiac", tmp_path, tmp_path / "raw", tmp_path / "downloads")
    assert datasets.sizes("ucsd_intracardiac", tmp_path) == {"recordings": 2}
