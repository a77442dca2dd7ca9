"""Evaluation from a run's folder alone."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import find_dataset
from cardiax.launch.run.experiment import evaluation_batch
from cardiax.launch.run.metric_text import NAMES
from cardiax.models import build_model
from cardiax.stats.classification import classification_metrics
from cardiax.tasks import TASKS
from cardiax.tasks.plain_report import Cases
from cardiax.training.device_mesh import make_mesh, map_eval_step
from cardiax.training.step import AXIS, make_eval_step


@pytest.fixture(scope="module")
def runs(tmp_path_factory, small_run):
    """The folders of two finished runs, seeds 0 and 1."""
    from cardiax.launch.cli import main

    folders = []
    for seed in (0, 1):
        folders.append(tmp_path_factory.mktemp("runs") / f"seed{seed}")
        with pytest.raises(SystemExit):
            main([*small_run[:-2], "--workdir", str(folders[-1]), "--seed", str(seed), "--steps", "4"])
    return folders


def test_evaluation_repeats_the_runs_own_test(runs, cardiax):
    expected = (runs[0] / "test.json").read_bytes()
    plot = runs[0] / "figures" / "test_confusion.png"
    (runs[0] / "test.json").unlink()
    plot.unlink()
    status, out, _ = cardiax("evaluate", runs[0])
    assert status == 0
    assert (runs[0] / "test.json").read_bytes() == expected
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "macro-F1" in out


def test_a_folder_that_cannot_be_written_is_measured(runs, cardiax, monkeypatch, tmp_path):
    folder = shutil.copytree(runs[1], tmp_path / "copy")
    (folder / "test.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "latest", ignore_errors=True)
    before = sorted(folder.rglob("*"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    status, out, _ = cardiax("evaluate", folder)
    assert status == 0
    assert f"note: {folder} cannot be written: the results are printed, not saved" in out
    assert "macro-F1" in out
    assert "wrote" not in out
    assert sorted(folder.rglob("*")) == before


def test_validation_agrees_with_the_training_log(runs, cardiax):
    status, out, _ = cardiax("evaluate", runs[0], "--split", "validation")
    assert status == 0
    assert all(f"{NAMES[name]}  0." in out for name in ("area_under_risk", "risk_at_90_coverage"))
    result = json.loads((runs[0] / "validation.json").read_text())
    header, row = ((runs[0] / "metrics.csv").read_text().splitlines()[i].split(",") for i in (0, 1))
    logged = dict(zip(header, row, strict=True))
    assert result["macro_f1"]["value"] == float(logged["validation_macro_f1"])
    assert result["accuracy"]["value"] == float(logged["validation_accuracy"])
    metrics = classification_metrics(np.asarray(result["confusion"]))
    assert result["classes"]["V"]["f1"]["value"] == metrics["f1"][2]
    assert result["examples"] == 60
    assert result["risk_over_coverage"]["coverage"][-1] == 1
    assert result["risk_over_coverage"]["risk"][-1] == pytest.approx(1 - result["accuracy"]["value"])
    at_90 = result["risk_at_90_coverage"]
    assert at_90["value"] == result["risk_over_coverage"]["risk"][-3]
    assert at_90["low"] <= at_90["value"] <= at_90["high"]
    header, *cases = (runs[0] / "validation_cases.csv").read_text().splitlines()
    assert header == "class,prediction,p_N,p_S,p_V,p_F,p_Q,row"
    assert sum(case.startswith("V,V,") for case in cases) == result["confusion"][2][2]
    for case in cases:
        _, prediction, *probabilities, row = case.split(",")
        probabilities = np.array(probabilities, float)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert prediction == "NSVFQ"[probabilities.argmax()]
        assert 0 <= int(row) < 600


def test_several_runs_give_a_mean_and_an_interval(runs, cardiax):
    status, out, _ = cardiax("evaluate", *runs)
    assert status == 0
    values = [json.loads((run / "test.json").read_text())["accuracy"]["value"] for run in runs]
    # Two values: t(1, 0.975) = 12.706, s/√2 = |a - b| / 2.
    half = 12.7062 * abs(values[0] - values[1]) / 2
    line = next(line for line in out.splitlines() if line.startswith("accuracy   ") and "±" in line)
    assert f" {np.mean(values):.4f} ± {half:.4f}  " in line


def test_mistakes(runs, cardiax, tmp_path):
    assert "config.json: found no such file, expected a run's folder" in cardiax.mistake("evaluate", tmp_path)
    assert "unknown split 'tests': did you mean 'test'" in cardiax.mistake("evaluate", runs[0], "--split", "tests")
    assert "is not prepared in" in cardiax.mistake("evaluate", runs[0], "--data-dir", tmp_path)
    broken = shutil.copytree(runs[0], tmp_path / "broken")
    shutil.rmtree(broken / "checkpoints" / "best")
    assert "found no checkpoint, expected one" in cardiax.mistake("evaluate", broken)
    (broken / "environment.json").write_text("{}")
    assert "environment.json: found another SHA-256 than in .sums.json" in cardiax.mistake("evaluate", broken)
    (broken / ".sums.json").unlink()
    assert "environment.json: found no data_dir" in cardiax.mistake("evaluate", broken)
    edited = shutil.copytree(runs[0], tmp_path / "edited")
    (edited / "config.json").write_text((runs[0] / "config.json").read_text() + "\n")
    (edited / ".sums.json").unlink()  # as the message of an edited file says
    for _ in range(2):
        assert cardiax("evaluate", edited)[0] == 0
    twice = shutil.copytree(runs[0], tmp_path / "seed0")
    assert "expected each seed once" in cardiax.mistake("evaluate", runs[0], twice)


def test_patients_are_drawn_where_the_protocol_is_by_patient():
    # Two patients of 50 beats: all of one are right, all of the other wrong, so that the interval is 0 … 1.
    target = np.tile([0, 1, 2, 3, 4], 20).astype(np.int32)
    prediction = np.where(np.arange(100) < 50, target, (target + 1) % 5)
    origin = {"record": np.repeat([100, 232], 50)}
    measured = {
        "target": target,
        "prediction": prediction,
        "loss": np.zeros(100),
        "probabilities": np.ones((100, 5)) / 5,
    }
    figures = TASKS["arrhythmia"].summarize(measured)
    report, dataset = TASKS["arrhythmia"].report, find_dataset("physionet_mitbih/patient")
    for protocol, drawn, width in (("patient", "records", 1.0), ("kaggle", "beats", 0.2)):
        result = report.results(Cases(dataset, protocol, "test", np.arange(100), origin, lambda rows: {}), figures)
        assert f"bootstrap over {drawn}" in result["interval"]
        assert ("2 are few" in result["interval"]) == (protocol == "patient")
        assert result["accuracy"]["high"] - result["accuracy"]["low"] == pytest.approx(width, abs=0.05)
        assert ("without_record" in result) == ("note" in result) == (protocol == "patient")
        if protocol == "patient":
            # The beats of the only patient left are all right, which tells nothing of others.
            assert result["without_record"]["record"] == 232
            assert result["without_record"]["macro_f1"] == {"value": 1.0, "low": 0.0, "high": 1.0}
            text = report.table(result | {"examples": 100, "split": "test", "dataset": "physionet_mitbih/patient"})
            assert "without record 232:" in text
            assert "record 201 of DS1 is left out of training" in text


def test_joined_datasets_are_also_reported_apart():
    # Records 100 and 232 of MIT-BIH, of which the first is right, and two of SVDB, all of which are right.
    record = np.repeat([100, 232, 805, 865], 25)
    target = np.tile([0, 1, 2, 3, 4], 20).astype(np.int32)
    prediction = np.where(record == 232, (target + 1) % 5, target)
    origin = {"record": record, "dataset": np.where(record < 800, "physionet_mitbih/patient", "physionet_svdb")}
    uniform = np.ones((100, 5)) / 5
    figures = TASKS["arrhythmia"].summarize(
        {"target": target, "prediction": prediction, "loss": np.zeros(100), "probabilities": uniform}
    )
    report, dataset = TASKS["arrhythmia"].report, find_dataset("physionet_mitbih/patient,physionet_svdb")
    result = report.results(Cases(dataset, "both", "test", np.arange(100), origin, lambda rows: {}), figures)
    assert "bootstrap over records" in result["interval"]
    assert result["accuracy"]["value"] == 0.75
    mitbih, svdb = (result["datasets"][name] for name in ("physionet_mitbih/patient", "physionet_svdb"))
    assert (mitbih["examples"], svdb["examples"]) == (50, 50)
    assert (mitbih["accuracy"]["value"], svdb["accuracy"]["value"]) == (0.5, 1.0)
    assert (mitbih["accuracy"]["low"], mitbih["accuracy"]["high"]) == (0.0, 1.0)
    assert (mitbih["without_record"]["record"], svdb["without_record"]["record"]) == (232, 865)
    assert mitbih["without_record"]["macro_f1"]["value"] == 1.0
    text = report.table(result | {"examples": 100, "split": "test", "dataset": dataset.name})
    for title in ("physionet_svdb alone:", "physionet_mitbih/patient without record 232:"):
        assert title in text.splitlines()


def test_the_network_on_whole_fields_is_evaluated_within_8_gib():
    task = TASKS["heartbeat"]
    model, batch = build_model("field_cnn", task.outputs, AXIS), evaluation_batch(task, "field_cnn")
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 187, 1)), train=False))
    beats = {"leads": jnp.zeros((batch, 187, 1)), "target": jnp.zeros(batch, jnp.int32)}
    step = map_eval_step(make_eval_step(task, model), make_mesh(jax.devices()[:1]))
    memory = step.lower(variables, beats).compile().memory_analysis()
    assert 2**30 < memory.temp_size_in_bytes + memory.argument_size_in_bytes < 2**33
