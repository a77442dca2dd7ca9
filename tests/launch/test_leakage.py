"""The command on tiny rows of Kaggle's form and two runs that only their folders tell of."""

import json

import numpy as np
import pytest

from cardiax import datasets
from cardiax.config import to_dict, with_overrides
from cardiax.launch.run.run_folder import write_json
from cardiax.recipes import recipe


def rows(random, size):
    labels = np.arange(size) % 5
    beats = random.uniform(0.1, 1, (size, 187)).astype(np.float32)
    beats[np.arange(187)[None, :] >= (60 + 20 * labels)[:, None]] = 0  # the length tells the class
    return {"beat": beats, "label": labels, "record": np.where(labels == 1, 232, 100 + labels)}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """One run a split, and a stand-in for the dataset, which the real records alone could give."""
    random = np.random.default_rng(0)
    parts = {"train": rows(random, 200), "test": rows(random, 50)}
    monkeypatch.setattr(datasets, "load", lambda name, folder: parts)
    folders = []
    for split, score in (("kaggle", 0.9), ("patient", 0.5)):
        folder = tmp_path / split
        config = recipe("arrhythmia", "physionet_mitbih/kaggle")
        write_json(folder / "config.json", to_dict(with_overrides(config, {"protocol": split})))
        figure = {"value": score}
        classes = {name: {"f1": figure} for name in "NSVFQ"}
        write_json(folder / "test.json", {"accuracy": figure, "macro_f1": figure, "classes": classes})
        folders.append(folder)
    return folders


def test_scores_sources_and_lengths(cardiax, runs, tmp_path):
    status, out, error = cardiax("leakage", *runs, "--out", tmp_path / "out")
    assert status == 0, error
    found = json.loads((tmp_path / "out" / "leakage.json").read_text())
    assert found["scores"]["kaggle"]["F1 S"] == [0.9]
    assert found["scores"]["patient"]["accuracy"] == [0.5]
    assert found["records"]["S"] == {"232": 1.0}
    # Always N: F1 of N is 2 · 10 / (10 + 50) = 1/3, of the others 0.
    assert found["length_alone"] == {"always N": pytest.approx(1 / 15), "most frequent": 1.0, "balanced": 1.0}
    assert "class S: 1 records; most from 232 100%" in out
    assert (tmp_path / "out" / "leakage.png").read_bytes().startswith(b"\x89PNG")


def test_several_seeds_have_an_interval(cardiax, runs, tmp_path):
    figures = json.loads((runs[0] / "test.json").read_text())
    write_json(tmp_path / "second" / "config.json", json.loads((runs[0] / "config.json").read_text()))
    write_json(tmp_path / "second" / "test.json", figures | {"accuracy": {"value": 0.7}})
    _, out, _ = cardiax("leakage", *runs, tmp_path / "second", "--out", tmp_path / "out")
    # The mean of 0.9 and 0.7 ± t(1, 0.975) · √0.02 / √2 = 12.706 · 0.1
    assert "split kaggle (2 seeds): accuracy 0.800 ± 1.271" in out
    assert "split patient (1 seeds): accuracy 0.500, " in out


def test_runs_of_one_split_or_another_task_are_refused(cardiax, runs):
    assert "1 and 0 runs of the splits kaggle and patient" in cardiax.mistake("leakage", runs[0])
    config = to_dict(recipe("heartbeat", "physionet_mitbih/kaggle"))
    write_json(runs[1] / "config.json", config)
    assert "found heartbeat on physionet_mitbih/kaggle split by kaggle" in cardiax.mistake("leakage", *runs)
