"""`import cardiax` in a notebook: the same runs, results and refusals as those of the command line."""

import dataclasses
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import cardiax
from cardiax.ecg.leads import SITE_NAMES
from cardiax.launch.predictors.heart import Prediction

SMALL = {
    "dataset": "kaggle_heartbeat/mitbih",
    "model_args": {"widths": (8,), "blocks": 1},
    "batch_size": 128,
    "epochs": 2,
    "balance": "none",
    "label_smoothing": 0,
    "ema": 0.999,
    "optimizer": {"name": "adamw", "learning_rate": 1e-3},
    "augmentation": {"mixup": 0, "stretch": 0, "warp": 0},
}


def test_the_import_is_fast_and_imports_no_jax():
    program = "import sys, cardiax; print(sorted({'jax', 'numpy', 'argparse'} & set(sys.modules)), dir(cardiax))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ")
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        cardiax.trian  # noqa: B018


def test_names_are_listed():
    assert cardiax.list_tasks() == ["heartbeat", "arrhythmia", "activation", "transmembrane"]
    assert "simulated_heartbeat" in cardiax.list_datasets()
    assert dir(cardiax) == cardiax.__all__
    assert "resnet1d" in cardiax.list_models()


def test_a_run_is_that_of_the_command(data_dir, tmp_path, small_run, request):
    command_line = request.getfixturevalue("cardiax")
    status, _, err = command_line(*small_run, "--optimizer.learning_rate", "0.001", "--workdir", tmp_path / "typed")
    assert status == 0, err
    run = cardiax.train("arrhythmia", data_dir=data_dir, workdir=tmp_path / "called", **SMALL)
    assert run.folder == tmp_path / "called"
    for name in ("test.json", "metrics.csv"):
        assert (run.folder / name).read_bytes() == (tmp_path / "typed" / name).read_bytes()
    assert run.metrics == json.loads((run.folder / "test.json").read_text())
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert cardiax.evaluate(run.folder, split="validation")["split"] == "validation"
    # Again in a thread: the run is finished, so that it is only tested.
    again = []
    thread = threading.Thread(
        target=lambda: again.append(cardiax.train("arrhythmia", data_dir=data_dir, workdir=run.folder, **SMALL))
    )
    thread.start()
    thread.join()
    assert again == [run]


def test_mistakes_are_exceptions_in_the_words_of_the_command(data_dir, tmp_path):
    with pytest.raises(cardiax.InputError, match="unknown task 'arythmia': did you mean 'arrhythmia'"):
        cardiax.train("arythmia")
    with pytest.raises(cardiax.InputError, match="unknown flag 'epoch'"):
        cardiax.train("arrhythmia", epoch=3)
    with pytest.raises(cardiax.InputError, match=r"epochs: found -1, expected a whole number of 1 or more"):
        cardiax.train("arrhythmia", epochs=-1)
    with pytest.raises(cardiax.InputError, match="unknown dataset 'kagle'"):
        cardiax.prepare("kagle")
    with pytest.raises(cardiax.InputError, match=r"config\.json: found no such file"):
        cardiax.load(tmp_path)
    (tmp_path / "a.npy").touch()
    with pytest.raises(cardiax.InputError, match=r"a\.npy: found a file, expected a run, a bundle, or trained weights"):
        cardiax.load(tmp_path / "a.npy")
    assert cardiax.prepare("kaggle_heartbeat/mitbih", data_dir=data_dir).is_dir()


def test_a_prediction_as_a_table():
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    times = np.arange(75.0)
    one = Prediction(np.zeros((500, 12)), times, None, (), (), np.zeros(1), times[None])
    frame = one.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame) == ["site", "activation_time_ms"]
    assert list(frame["site"]) == list(SITE_NAMES)
    np.testing.assert_array_equal(frame["activation_time_ms"], times)
    frame = dataclasses.replace(one, half_width=np.full(75, 3.0)).to_dataframe()
    np.testing.assert_array_equal(frame[["low_ms", "high_ms"]], np.stack([times - 3, times + 3], axis=1))
    frame = dataclasses.replace(one, onsets=np.zeros(2), beat_times=np.stack([times, times + 4])).to_dataframe()
    np.testing.assert_allclose(frame["spread_over_beats_ms"], np.sqrt(8))


def test_the_example_of_the_first_page_runs(tmp_path, monkeypatch, heartbeats):
    page = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    lead = heartbeats(np.arange(0.5, 29, 0.8), 250, 30)
    np.save("ecg.npy", np.stack([lead, 0.5 * lead], axis=1))
    found = {}
    exec(code, found)
    assert found["beats"].leads == ("II", "V1")
    assert len(found["beats"].times) == 36
