"""The data of the page's run and of the comparison, from files of runs worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.catalog import BEAT_LENGTH
from cardiax.config import to_dict, with_overrides
from cardiax.launch.page.comparison import comparison_part
from cardiax.launch.page.run import run_part
from cardiax.launch.run.run_folder import Workdir, write_csv, write_json
from cardiax.recipes import recipe
from cardiax.tasks.plain_report import Report

CASES = (("N", "N", 0.9), ("N", "N", 0.6), ("N", "V", 0.2), ("V", "V", 0.7), ("V", "N", 0.05), ("S", "N", 0.3))
"""True class, predicted class and probability of the true class."""


def write_run(folder, seed=0, cases=CASES, model="resnet1d"):
    config = with_overrides(recipe("arrhythmia"), {"seed": seed, "model": model})
    write_json(folder / "config.json", to_dict(config))
    fingerprints = {"dataset": "d" * 64, "split": "s" * 64}
    write_json(folder / "environment.json", {"fingerprints": fingerprints, "versions": {"jax": "1"}, "devices": ["1"]})
    accuracy = np.mean([true == found for true, found, _ in cases])
    figure = {"value": float(accuracy), "low": 0.1, "high": 0.95}
    confusion = np.zeros((5, 5), int)
    rows = []
    for row, (true, found, odds) in enumerate(cases):
        confusion["NSVFQ".index(true), "NSVFQ".index(found)] += 1
        rest = {f"p_{name}": (1 - odds) / 4 for name in "NSVFQ"}
        rows.append(
            {"class": true, "prediction": found} | rest | {f"p_{true}": odds, "row": 100 + row, "subject": "<b>"}
        )
    write_csv(folder / "test_cases.csv", rows)
    result = {"task": "arrhythmia", "dataset": config.dataset, "protocol": "kaggle", "split": "test", "model": model}
    result |= {"seed": seed, "step": 7, "examples": len(cases), "parameters": 12, "interval": "95% over beats"}
    each = {"examples": 1, "precision": figure, "recall": figure, "f1": figure}
    result |= {"accuracy": figure, "macro_f1": figure, "classes": dict.fromkeys("NSVFQ", each)}
    write_json(folder / "test.json", result | {"confusion": confusion.tolist()})
    return Workdir(folder)


def test_a_run_tells_its_result_data_and_protocol(tmp_path):
    write_csv(tmp_path / "run" / "metrics.csv", [{"step": 5, "epoch": 1, "train_loss": 0.5, "validation_loss": ""}])
    part = run_part("mine", write_run(tmp_path / "run"), None, 10**6)
    assert "macro-F1 0.500 (95 % interval 0.100 to 0.950), accuracy 0.500, on 6 test beats" in part["verdict"]
    data, protocol = part["lines"]
    assert "simulated by cardiax: they say nothing about patients" in data
    assert "people who are in training too" in protocol
    assert part["curves"] == {"step": [5.0], "train_loss": [0.5], "validation_loss": [None]}
    assert part["repeat"]["command"].startswith("cardiax train --config ")
    assert part["repeat"]["fingerprints"]["split"] == "s" * 64


def test_every_beat_lies_in_its_cell_the_worst_first(tmp_path):
    cases = run_part("mine", write_run(tmp_path / "run"), None, 10**6)["cases"]

    def rows(indices):
        return [int(cases["beats"][index]["from"]["row"]) for index in indices]

    assert rows(cases["worst"]) == [104, 102, 105, 101, 103, 100]  # 0.05, 0.2, 0.3, 0.6, 0.7, 0.9
    assert rows(cases["cells"][0][0]) == [101, 100]
    assert rows(cases["cells"][2][0]) == [104]
    assert cases["cells"][3] == [[]] * 5
    assert cases["beats"][cases["worst"][0]]["from"]["subject"] == "<b>"
    assert cases["signals"] is None


def test_signals_are_those_of_the_rows(tmp_path, decoded):
    def take(rows):
        leads = np.zeros((len(rows), BEAT_LENGTH, 1), np.float32)
        leads[:, :50] = (rows[:, None, None] - 90) / 100
        return {"leads": leads}

    workdir = write_run(tmp_path / "run")
    examples = SimpleNamespace(take=take, shapes={"leads": (BEAT_LENGTH, 1)})
    part = run_part("mine", workdir, SimpleNamespace(examples=examples, config=workdir.config()), 10**6)  # pyright: ignore
    cases = part["cases"]
    signal = decoded(cases["signals"][cases["worst"][0]])
    np.testing.assert_allclose(signal[0, :50], 0.14, atol=1e-3)
    assert np.isnan(signal[0, 50:]).all()  # the padding


def test_few_bytes_keep_the_ten_worst_of_each_cell(tmp_path):
    many = [("N", "V", 0.4 - 0.01 * number) for number in range(30)] + [("N", "N", 0.9)] * 30
    cases = run_part("mine", write_run(tmp_path / "run", cases=many), None, 1)["cases"]
    assert len(cases["cells"][0][2]) == len(cases["cells"][0][0]) == 10
    kept = {int(cases["beats"][index]["from"]["row"]) for index in cases["cells"][0][2]}
    assert kept == {100 + number for number in range(20, 30)}


def test_two_networks_are_compared_on_the_same_beats(tmp_path):
    """The second one has two of 100 beats wrong, and the first one these and eight more: the difference is 0.08."""
    good = [("N", "V" if index < 2 else "N", 0.8) for index in range(50)] + [("V", "V", 0.8)] * 50
    bad = [("N", "V" if index < 10 else "N", 0.8) for index in range(50)] + [("V", "V", 0.8)] * 50
    rows = {"bad": [write_run(tmp_path / "bad", cases=bad)], "good": [write_run(tmp_path / "good", cases=good)]}
    part = comparison_part(rows)
    assert part["paired"]
    accuracy = next(one for one in part["tables"][0]["metrics"] if one["name"] == "accuracy")
    (pair,) = accuracy["pairs"]
    assert (pair["first"], pair["second"], pair["p"]) == ("bad", "good", None)
    assert pair["difference"] == pytest.approx(0.08)
    # Eight beats of 100 differ: the paired standard error is √(0.08 · 0.92 / 100) = 0.027, the unpaired one 0.033.
    assert pair["low"] == pytest.approx(0.08 - 1.96 * 0.0271, abs=0.012)
    assert pair["high"] == pytest.approx(0.08 + 1.96 * 0.0271, abs=0.012)
    assert accuracy["best"] == "good"


def test_a_run_whose_metric_is_undefined_is_not_the_best(tmp_path):
    ours, theirs = write_run(tmp_path / "ours"), write_run(tmp_path / "theirs")
    undefined = {"value": None, "low": None, "high": None}
    theirs.write_json("test.json", theirs.read_json("test.json") | {"accuracy": undefined})
    accuracy = next(
        one
        for one in comparison_part({"theirs": [theirs], "ours": [ours]})["tables"][0]["metrics"]
        if one["name"] == "accuracy"
    )
    assert accuracy["best"] == "ours"


def test_an_interval_over_seeds_ends_where_its_metric_does(tmp_path, monkeypatch):
    """Of 0.5 and 1 and of −0.5 and 0, s = 0.5 / √2: the half-width is 12.7062 · 0.25 = 3.1766."""
    runs = [write_run(tmp_path / str(seed), seed) for seed in (0, 1)]
    for run, accuracy in zip(runs, (0.5, 1.0), strict=True):
        figures = {"accuracy": {"value": accuracy}, "kappa": {"value": accuracy - 1}}
        run.write_json("test.json", run.read_json("test.json") | figures)
    of_classes = comparison_part({"ours": runs})["tables"][0]["metrics"]
    (accuracy,) = next(one for one in of_classes if one["name"] == "accuracy")["rows"]
    assert (accuracy["low"], accuracy["high"]) == (0, 1)
    registered = SimpleNamespace(name="arrhythmia", report=Report({"kappa": ""}, higher_is_better=("kappa",)))
    for run in runs:
        write_csv(run.path / "test_cases.csv", [{"kappa": 0.5}])
    monkeypatch.setattr("cardiax.launch.page.comparison.task_of", lambda config: registered)
    (kappa,) = comparison_part({"ours": runs})["tables"][0]["metrics"][0]["rows"]
    assert (kappa["low"], kappa["high"]) == pytest.approx((-0.25 - 3.1766, -0.25 + 3.1766), abs=1e-4)


def test_runs_of_other_test_sets_are_not_paired(tmp_path):
    ours, theirs = write_run(tmp_path / "ours"), write_run(tmp_path / "theirs")
    found = theirs.read_json("environment.json")
    theirs.write_json("environment.json", found | {"fingerprints": {"split": "other"}})
    part = comparison_part({"ours": [ours], "theirs": [theirs]})
    assert not part["paired"]
    assert [one["metrics"][0]["pairs"] for one in part["tables"]] == [[], []]
