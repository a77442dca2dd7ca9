"""A model from outside of the package: registered by a module, trained, evaluated and repeated."""

import json
import subprocess
import sys

LAB = """
import flax.linen as nn
from cardiax.models import register


class Perceptron(nn.Module):
    outputs: int
    axis_name: str | None = None
    width: int = 16

    @nn.compact
    def __call__(self, leads, train):
        return nn.Dense(self.outputs)(nn.relu(nn.Dense(self.width)(leads.reshape(len(leads), -1))))


register("perceptron", Perceptron, reads=("beat",))
"""


def run(folder, *arguments):
    command = [sys.executable, "-m", "cardiax.launch.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_model_from_outside_is_trained_and_evaluated(tmp_path, data_dir):
    (tmp_path / "my_lab.py").write_text(LAB)
    where = ("--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir)
    more = ("--model", "perceptron", "--model_args", "width=8", "--steps", 2, "--workdir", "run")
    done = run(tmp_path, "train", "arrhythmia", *where, *more, "--import", "my_lab")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["imports"] == "my_lab"
    assert run(tmp_path, "evaluate", "run", "--data-dir", data_dir).returncode == 0
    done = run(tmp_path, "train", "arrhythmia", *where, *more[:-1], "other")
    assert done.returncode == 2
    assert "unknown model 'perceptron'" in done.stderr


def test_a_module_that_cannot_be_imported_is_told(tmp_path, cardiax, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = cardiax.mistake("train", "arrhythmia", "--import", "no_such_lab")
    assert "--import no_such_lab: found ModuleNotFoundError" in told
    (tmp_path / "broken_lab.py").write_text("1 / 0")
    assert "found ZeroDivisionError" in cardiax.mistake("train", "arrhythmia", "--import", "broken_lab")


def test_a_command_without_imports_takes_no_module_from_the_current_folder(tmp_path, cardiax, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    cardiax.mistake("train", "no_such_task")
    assert str(tmp_path) not in sys.path
