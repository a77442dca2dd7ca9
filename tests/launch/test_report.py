"""`cardiax report` and the page of `cardiax predict`: what is written, and the mistakes."""

import numpy as np
import pytest

from cardiax.catalog import DISCLAIMER
from cardiax.config import to_dict
from cardiax.ecg.leads import LEADS, twelve_leads
from cardiax.launch.page import prediction
from cardiax.launch.page.document import data_of
from cardiax.launch.run.experiment import load_experiment
from cardiax.launch.run.run_folder import write_csv, write_json
from cardiax.recipes import recipe

pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_dir):
    """The files of a run on Kaggle's format, every test beat of which is called N."""
    folder = tmp_path_factory.mktemp("runs") / "<i>run"
    config = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    experiment = load_experiment(config, data_dir, lambda line: None)
    rows = experiment.split["test"]
    labels = experiment.examples.classes[rows]
    figures = {"target": labels, "prediction": 0 * labels, "loss": 1.0, "confusion": None}
    figures["probabilities"] = np.tile([0.6, 0.1, 0.1, 0.1, 0.1], (len(labels), 1))
    result = experiment.task.report.results(experiment.cases("test"), figures)
    write_csv(folder / "test_cases.csv", result.pop("cases"))
    heading = {"dataset": config.dataset, "protocol": "kaggle", "split": "test", "model": config.model, "seed": 0}
    write_json(folder / "test.json", heading | {"step": 8, "examples": len(rows), "parameters": 1} | result)
    write_json(folder / "config.json", to_dict(config))
    write_json(folder / "environment.json", {"fingerprints": experiment.fingerprints, "data_dir": str(data_dir)})
    write_csv(folder / "metrics.csv", [{"step": 4, "train_loss": 2.0}, {"step": 8, "train_loss": 1.0}])
    return folder


def test_a_run_becomes_a_page_with_its_beats(run, tmp_path, cardiax):
    status, out, error = cardiax("report", run, "--out", tmp_path / "run.html")
    assert status == 0, error
    assert "wrote: " in out
    text = (tmp_path / "run.html").read_text()
    assert len(text) < 1_500_000
    data = data_of(text)
    assert data["disclaimer"] == DISCLAIMER
    (part,) = data["parts"]
    assert part["title"] == "<i>run"
    assert len(part["cases"]["signals"]) == len(part["cases"]["beats"])
    assert np.sum(part["confusion"]) == 140
    assert len(part["curves"]["step"]) == 2


def test_a_run_without_its_data_says_so(run, tmp_path, cardiax):
    status, out, error = cardiax("report", run, "--out", tmp_path / "run.html", "--data-dir", tmp_path / "none")
    assert status == 0, error
    assert "shown without its cases" in out
    (part,) = data_of((tmp_path / "run.html").read_text())["parts"]
    assert part["cases"]["signals"] is None
    assert part["why"].startswith("The cases themselves are not shown: ")


def waves(seconds):
    """Twelve leads at 500 Hz of a beat a second, of the electrodes."""
    at = np.arange(500 * seconds) / 500
    beat = np.exp(-((((at % 1) - 0.4) / 0.02) ** 2)) + 0.2 * np.exp(-((((at % 1) - 0.65) / 0.05) ** 2))
    noise = 0.002 * np.random.default_rng(0).normal(size=(len(at), 10))
    return twelve_leads(beat[:, None] * np.linspace(0.1, 1.4, 10) + noise)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """What `predict` writes of a heart and of the beats of a recording."""
    from cardiax.launch.cli import main

    folder = tmp_path_factory.mktemp("predictions")
    np.save(folder / "a<b>.npy", waves(8))
    for network in ("activation", "arrhythmia"):
        command = ["predict", network, str(folder / "a<b>.npy"), "--rate", "500", "--out", str(folder / network)]
        command += ["--leads", ",".join(LEADS)]
        with pytest.raises(SystemExit) as stopped:
            main(command)
        assert not stopped.value.code
    return folder


def test_predict_writes_a_page_of_the_heart(predicted):
    data = data_of((predicted / "activation" / "a<b>_report.html").read_text())
    assert data["title"] == "a<b>: activation of the heart"
    (part,) = data["parts"]
    assert part["kind"] == "heart"
    assert set(part["cases"][0]["times"]) == {"prediction", "spread"}
    assert any("trained on simulated_intracardiac" in remark for remark in part["remarks"])


def test_predict_writes_a_page_of_the_beats(predicted, decoded):
    (part,) = data_of((predicted / "arrhythmia" / "a<b>_report.html").read_text())["parts"]
    assert part["kind"] == "rhythm"
    assert part["summary"]["beats"] == len(decoded(part["beats"]["times"])) == 8
    assert decoded(part["beats"]["probabilities"]).shape == (5, 8)
    signal = decoded(part["signal"]["chunks"][0])
    assert len(signal) == 8 * 180
    peaks = signal[np.rint(decoded(part["beats"]["times"]) * 180).astype(int)]
    assert (peaks > 0.5 * signal.max()).all()  # the signal lies where the beats do
    assert part["leads"] == [{"start": 0.0, "name": "II"}]


def test_several_predictions_become_one_page(predicted, tmp_path, cardiax):
    status, _, error = cardiax(
        "report", predicted / "activation", predicted / "arrhythmia", "--out", tmp_path / "both.html"
    )
    assert status == 0, error
    data = data_of((tmp_path / "both.html").read_text())
    assert [part["kind"] for part in data["parts"]] == ["heart", "rhythm"]
    assert data["title"] == "2 recordings"
    status, _, _ = cardiax("report", tmp_path / "both.html", "--out", tmp_path / "again.html")
    assert status == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "both.html").read_bytes()
    status, _, error = cardiax("report", predicted, "--out", tmp_path / "folder.html")
    assert status == 0, error
    assert (tmp_path / "folder.html").read_bytes() == (tmp_path / "both.html").read_bytes()


def test_predict_can_do_without_a_page(predicted, cardiax):
    folder = predicted / "without"
    folder.mkdir()
    (folder / "a<b>_report.html").write_text("of another recording")
    file = predicted / "a<b>.npy"
    status, out, _ = cardiax("predict", "activation", file, "--rate", 500, "--out", folder, "--no-report")
    assert status == 0
    assert "_report.html" not in out
    assert not (folder / "a<b>_report.html").exists()


def test_a_page_that_cannot_be_made_loses_nothing(predicted, cardiax, monkeypatch):
    monkeypatch.setattr(prediction, "page", lambda *some: 1 / 0)
    folder = predicted / "broken"
    status, _, error = cardiax("predict", "activation", predicted / "a<b>.npy", "--rate", 500, "--out", folder)
    assert status == 0
    assert "a<b>_report.html: not drawn (ZeroDivisionError" in error
    assert (folder / "a<b>_activation.csv").exists()


def test_mistakes_are_one_line(run, predicted, tmp_path, cardiax):
    stopped = tmp_path / "stopped"
    write_json(stopped / "config.json", to_dict(recipe("arrhythmia")))
    told = "test.json: found no such file, expected a run that has ended; the command that began the run goes on with"
    assert told in cardiax.mistake("report", stopped, "--out", tmp_path / "a.html")
    (tmp_path / "other.html").write_text("<html></html>")
    out = tmp_path / "page.html"
    assert "found nothing there" in cardiax.mistake("report", tmp_path / "no", "--out", out)
    assert "found no page of cardiax" in cardiax.mistake("report", tmp_path / "other.html", "--out", out)
    assert "expected runs or predictions" in cardiax.mistake("report", run, predicted / "activation", "--out", out)
    assert "ends in .html" in cardiax.mistake("report", run, "--out", tmp_path / "page.pdf")
    (tmp_path / "empty").mkdir()
    assert "config.json" in cardiax.mistake("report", tmp_path / "empty", "--out", out)
    assert not out.exists()
