"""What a run found is on disk before anything is drawn of it."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.launch.evaluation.run_report import report
from cardiax.launch.run.experiment import load_experiment
from cardiax.launch.run.run_folder import Workdir
from cardiax.recipes import recipe


class Constant:
    """An evaluator of a network that says N of every beat."""

    def __init__(self, experiment):
        self.experiment = experiment

    def __call__(self, variables, split):
        targets = self.experiment.examples.take(self.experiment.split[split])["target"]
        measured = self.experiment.task.measure(jnp.eye(5)[jnp.zeros_like(targets)], jnp.asarray(targets))
        return self.experiment.task.summarize({name: np.asarray(value) for name, value in measured.items()})

    def parameters(self, variables):
        return 0

    def predict(self, variables, inputs):
        return np.zeros((len(inputs), 5))


def fail(*_arguments, **_options):
    raise IndexError("index 7 is out of bounds\nfor axis 1")


@pytest.mark.parametrize(
    "broken", ["cardiax.plots.confusion_matrix.confusion_figure", "cardiax.tasks.class_report.ClassReport.plots"]
)
def test_a_plot_that_fails_loses_no_result(broken, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(broken, fail)
    config = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    experiment = load_experiment(config, data_dir, lambda line: None)
    report(Workdir(tmp_path), experiment, Constant(experiment), {}, "test", 0)
    printed = capsys.readouterr()
    figures = tmp_path / "figures"
    plots = [figures / "test_beats.png", figures / "test_risk.png"] if "confusion" in broken else []
    failed = figures / "test_confusion" if "confusion" in broken else figures
    assert printed.err == (
        f"cardiax: warning: {failed}: not drawn (IndexError: index 7 is out of bounds for axis 1); the results are not "
        "affected\n"
    )
    assert sorted(figures.glob("*")) == plots
    assert f"wrote: {', '.join(map(str, [tmp_path / 'test.json', *plots]))}\n" in printed.out
    assert json.loads((tmp_path / "test.json").read_text())["examples"] == 140
    assert len((tmp_path / "test_cases.csv").read_text().splitlines()) == 1 + 140
    validation = json.loads((tmp_path / "calibration.json").read_text())["validation"]
    assert validation["examples"] == len(experiment.split["validation"])


def test_a_calibration_that_fails_loses_no_result(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("cardiax.launch.evaluation.run_report.calibration", fail)
    config = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    experiment = load_experiment(config, data_dir, lambda line: None)
    with pytest.raises(IndexError):
        report(Workdir(tmp_path), experiment, Constant(experiment), {}, "test", 0)
    written = sorted(path.name for path in tmp_path.rglob("test*"))
    assert written == ["test.json", "test_beats.png", "test_cases.csv", "test_confusion.png", "test_risk.png"]
