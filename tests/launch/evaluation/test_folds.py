"""The test cases of all folds of a cross-validation, counted together, against values worked by hand."""

import numpy as np
import pytest

from cardiax.catalog import find_dataset
from cardiax.config import to_dict, with_overrides
from cardiax.launch.evaluation.folds import is_fold, together
from cardiax.launch.evaluation.sweep_table import write_table
from cardiax.launch.run.run_folder import Workdir, read_csv, write_csv, write_json
from cardiax.launch.run.sweep_member import Member
from cardiax.recipes import recipe
from cardiax.tasks import TASKS, Task
from cardiax.tasks.plain_report import Cases, Report

REPORT = TASKS["arrhythmia"].report


def fold(folder, protocol, records, target, prediction, loss, certainty=0.9, owner="record"):
    """The files of a run that was tested on one fold; return its folder, its cases and their values."""
    target, prediction = np.asarray(target), np.asarray(prediction)
    probabilities = np.full((len(target), 5), (1 - certainty) / 4)
    probabilities[np.arange(len(target)), prediction] = certainty
    figures = {"target": target, "prediction": prediction, "probabilities": probabilities, "loss": loss}
    origin = {owner: np.asarray(records), "label": target, "time": np.arange(len(target)) / 4}
    rows = np.arange(len(target))
    cases = Cases(find_dataset("physionet_mitbih/patient"), protocol, "test", rows, origin, lambda _: {})
    heading = {
        "dataset": "physionet_mitbih/patient",
        "protocol": protocol,
        "split": "test",
        "seed": 1,
        "step": 7,
        "examples": len(target),
        "parameters": 11,
    }
    result = heading | REPORT.results(cases, figures)
    write_csv(folder / "test_cases.csv", result.pop("cases"))
    write_json(folder / "test.json", result)
    config = with_overrides(recipe("arrhythmia", "physionet_mitbih/patient"), {"seed": 1, "protocol": protocol})
    write_json(folder / "config.json", to_dict(config))
    write_json(folder / "environment.json", {"fingerprints": {"split": f"{protocol}, {len(target)}"}})
    write_json(folder / "timing.json", {"seconds": 60.0})
    return Workdir(folder)


@pytest.fixture
def folds(tmp_path):
    """Two folds: of three N and one V of records 101 and 106 all are right, of two S of record 208 one is."""
    first = fold(tmp_path / "1", "ds1_fold_1", [101, 101, 106, 106], [0, 0, 0, 2], [0, 0, 0, 2], 0.1)
    return [first, fold(tmp_path / "2", "ds1_fold_2", [208, 208], [1, 1], [1, 0], 0.7, certainty=0.6)]


def test_the_cases_of_all_folds_count_once(folds):
    found = together(folds)
    assert found["protocol"] == "ds1_fold_1, ds1_fold_2"
    assert (found["examples"], found["seed"], found["parameters"]) == (6, 1, 11)
    assert found["confusion"][:3] == [[3, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert found["accuracy"]["value"] == pytest.approx(5 / 6)
    assert found["classes"]["S"]["f1"]["value"] == pytest.approx(2 / 3)
    assert found["loss"] == pytest.approx((4 * 0.1 + 2 * 0.7) / 6)
    assert found["risk_at_90_coverage"]["value"] > 0  # the only error is among the least certain two of six
    assert "step" not in found
    assert "cases" not in found


def test_the_interval_is_over_the_records_of_all_folds(folds):
    found = together(folds)
    assert "bootstrap over records" in found["interval"]
    assert "3 are few" in found["interval"]
    # Of three records, each drawn 0 to 3 times, all may be 208 (accuracy 1/2) or none (1): 3.7 % and 30 % of draws.
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == (0.5, 1.0)


def test_one_fold_is_its_own_result(folds):
    found, expected = together(folds[:1]), folds[0].read_json("test.json")
    assert found == {name: value for name, value in expected.items() if name != "step"}


def test_groups_whose_names_differ_in_zeros_remain_apart(tmp_path):
    names = ["1", "01", "2"]
    groups = fold(tmp_path, "ds1_fold_1", names, [0, 1, 2], [0, 1, 2], 0.1, owner="group")
    assert "bootstrap over groups" in together([groups])["interval"]
    assert "3 are few" in together([groups])["interval"]


def test_which_runs_are_folds():
    def config(protocol):
        return with_overrides(recipe("arrhythmia"), {"protocol": protocol})

    assert [is_fold(config(name)) for name in ("ds1_fold_4", "both_fold_1", "fold_5")] == [True] * 3
    assert [is_fold(config(name)) for name in ("patient", "kaggle", "group", "random")] == [False] * 4


class Length(Task):
    name, summary, kind = "length", "length of a beat, s", "beat"
    outputs, selection, report = 1, "error", Report({"error": "s"})


def test_a_task_without_classes_has_a_row_for_each_fold(tmp_path, monkeypatch, without_plots):
    task, members = Length(), []
    monkeypatch.setitem(TASKS, "length", task)
    for number in (1, 2):
        rows = np.arange(4)
        cases = Cases(find_dataset("physionet_mitbih/patient"), "", "test", rows, {"record": 100 + rows}, lambda _: {})
        result = task.report.results(cases, {"error": rows / 10, "loss": 0.1})
        result |= {"dataset": "a", "split": "test", "seed": 0, "parameters": 3}
        run = Workdir(tmp_path / str(number))
        write_csv(run.path / "test_cases.csv", result.pop("cases"))
        run.write_json("test.json", result)
        run.write_json("environment.json", {"fingerprints": {"split": str(number)}})
        config = with_overrides(recipe("arrhythmia"), {"task": "length", "protocol": f"ds1_fold_{number}"})
        members.append(Member("ours", config.protocol, config, run))
    write_table(tmp_path, members, {})
    assert [row["protocol"] for row in read_csv(tmp_path / "table.csv")] == ["ds1_fold_1", "ds1_fold_2"]


def test_a_sweep_has_a_row_of_all_folds(folds, tmp_path, without_plots):
    second = fold(tmp_path / "3", "ds1_fold_1", [101, 106], [0, 2], [0, 0], 0.1)
    runs = [("ours", folds[0]), ("ours", folds[1]), ("theirs", second)]
    members = [Member(name, run.config().protocol, run.config(), run) for name, run in runs]
    members.sort(key=lambda member: member.protocol)
    write_table(tmp_path, members, {})
    rows = read_csv(tmp_path / "table.csv")
    assert [(row["protocol"], row["system"]) for row in rows] == [
        ("ds1_fold_1", "ours"),
        ("ds1_fold_1", "theirs"),
        ("ds1_fold_2", "ours"),
        ("2 folds together", "ours"),  # theirs lacks one
    ]
    assert float(rows[-1]["accuracy"]) == pytest.approx(5 / 6, abs=1e-6)
    assert float(rows[-1]["seconds"]) == 120
    (line,) = [
        line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("| 2 folds together")
    ]
    assert line.startswith("| 2 folds together | ours | 0.8333 [0.5, 1] |")


def test_all_folds_together_are_compared_over_their_records(tmp_path, without_plots):
    members = []
    for name, right in (("good", 0), ("bad", 1)):
        for protocol, first in (("ds1_fold_1", 100), ("ds1_fold_2", 200)):
            for seed in (0, 1):
                records = np.repeat(np.arange(first, first + 20), 10)
                target = np.tile([0, 2], 100)
                prediction = np.where(np.arange(200) % 10 < 5 * right, 2 - target, target)
                run = fold(tmp_path / f"{name}-{protocol}-{seed}", protocol, records, target, prediction, 0.1)
                members.append(Member(name, protocol, with_overrides(run.config(), {"seed": seed}), run))
    members.sort(key=lambda member: member.protocol)
    write_table(tmp_path, members, {})
    lines = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("| 2 folds together")]
    assert [line.split("|")[3].strip() for line in lines] == ["**1.0000 ± 0.0000**", "0.5000 ± 0.0000"]
