"""The reference job in PyTorch: its network, its scores, and when it ends."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

torch = pytest.importorskip("torch", reason="the job needs PyTorch: pip install 'cardiax[bench]'")

JOB = Path(__file__).with_name("torch_job.py")


@pytest.fixture(scope="module")
def job():
    spec = importlib.util.spec_from_file_location("torch_job", JOB)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_network_is_the_reference(job):
    assert sum(one.numel() for one in job.network(187).parameters()) == 1_683_829


def test_the_scores_are_those_of_scikit_learn(job, random):
    logits, target = torch.from_numpy(random.normal(size=(200, 5))), torch.from_numpy(random.integers(0, 4, 200))
    logits[:, 4] = -9.0  # a class without examples that is never predicted
    found = job.scores(torch.nn.Identity(), [(logits[:150], target[:150]), (logits[150:], target[150:])])
    prediction = logits.argmax(1)
    assert found["accuracy"] == pytest.approx(accuracy_score(target, prediction))
    assert found["macro_f1"] == pytest.approx(f1_score(target, prediction, average="macro"))


def test_it_trains_until_validation_reaches_the_scores(job, random, tmp_path, capsys):
    target = {"train": np.arange(200) % 5, "validation": np.arange(50) % 5, "test": np.arange(50) % 5}
    time = np.arange(187)
    arrays = {f"{split}_target": one for split, one in target.items()}
    for split, one in target.items():
        waves = np.exp(-(((time - 30 - 30 * one[:, None]) / 6) ** 2)) + 0.05 * random.uniform(size=(len(one), 187))
        arrays[f"{split}_leads"] = waves[..., None].astype(np.float32)
    np.savez(tmp_path / "arrays.npz", **arrays)
    for name, score, rows in (("reached", 0.9, None), ("missed", 1.1, 2)):
        folder = tmp_path / name
        folder.mkdir()
        job.main(tmp_path / "arrays.npz", folder, rows or 30, score, score)
        out = capsys.readouterr().out
        figures = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line.split(":")[0] for line in out.splitlines()] == [f"epoch {i + 1}" for i in range(len(figures))]
        held = [min(one["validation_accuracy"], one["validation_macro_f1"]) >= score for one in figures]
        assert held == [False] * (len(held) - 1) + [rows is None]
        assert rows in (None, len(held))
        assert json.loads((folder / "test.json").read_text())["accuracy"]["value"] > (0.8 if rows is None else 0)
