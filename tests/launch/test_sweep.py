"""Sweeps: the members, the table, and what happens to one that is stopped."""

import contextlib
import csv
import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cardiax.catalog import NOISE
from cardiax.config import to_dict
from cardiax.launch import sweep
from cardiax.launch.evaluation.sweep_table import Row, markdown, noise_table
from cardiax.launch.run import sweep_workers
from cardiax.launch.run.run_folder import Workdir, write_json
from cardiax.launch.sweep import parse_grid
from cardiax.recipes import recipe
from cardiax.stats.classification import mean_interval
from cardiax.tasks import TASKS

pytestmark = pytest.mark.usefixtures("without_plots")

UNCHANGED = [word for name in ("mixup", "stretch", "warp", "noise") for word in (f"--augmentation.{name}", "0")]
TINY = ("--model_args", "widths=(4,),blocks=1", "--batch_size", "128", *UNCHANGED)


@pytest.fixture(scope="module")
def command(data_dir, tmp_path_factory):
    """A sweep of two learning rates × two seeds, 3 steps each."""
    folder = tmp_path_factory.mktemp("sweep")
    return [
        *("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--workdir", folder),
        *("--seeds", 2, "--grid", "optimizer.learning_rate=1e-3,1e-2", "--steps", 3, *TINY),
    ], folder


@pytest.fixture(scope="module")
def swept(command):
    from cardiax.launch.cli import main

    arguments, folder = command
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 0
    return folder


@pytest.mark.slow
def test_every_member_is_the_run_that_train_makes(swept, data_dir, cardiax, tmp_path):
    members = sorted(path.parent.name for path in swept.glob("*/test.json"))
    assert members == [
        f"resnet1d-optimizer.learning_rate={rate}-kaggle-seed{seed}" for rate in ("1e-2", "1e-3") for seed in (0, 1)
    ]
    alone = ("train", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--steps", 3, *TINY)
    status, _, error = cardiax(
        *alone, "--seed", 1, "--optimizer.learning_rate", "1e-2", "--workdir", tmp_path / "alone"
    )
    assert status == 0, error
    for name in ("test.json", "metrics.csv", "config.json"):
        assert (tmp_path / "alone" / name).read_bytes() == (swept / members[1] / name).read_bytes()


@pytest.mark.slow
def test_members_trained_in_processes_are_the_same_runs(swept, command, cardiax, tmp_path):
    arguments = list(command[0])
    arguments[arguments.index("--workdir") + 1] = tmp_path / "sweep"
    status, out, error = cardiax(*arguments, "--workers", 2)
    assert status == 0, error
    members = sorted(path.parent.name for path in swept.glob("*/test.json"))
    assert all(f"sweep: {tmp_path / 'sweep' / member}: trained" in out for member in members)
    for member, name in itertools.product(members, ("test.json", "metrics.csv", "config.json")):
        assert (tmp_path / "sweep" / member / name).read_bytes() == (swept / member / name).read_bytes()
    assert (tmp_path / "sweep" / "table.csv").exists()


@pytest.mark.slow
def test_the_same_command_at_once_divides_the_members_and_takes_over_those_of_a_killed_one(swept, command, tmp_path):
    arguments = [str(word) for word in command[0]]
    arguments[arguments.index("--workdir") + 1] = str(tmp_path / "sweep")
    program = [sys.executable, "-m", "cardiax.launch.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    killed = subprocess.Popen(program, **pipes)
    assert any(line.startswith("train: ") for line in killed.stdout)  # it holds a member now
    others = [subprocess.Popen([*program, *more], **pipes) for more in ([], ["--workers", "2"])]
    killed.kill()
    killed.communicate()
    outs = [process.communicate(timeout=300)[0] for process in others]
    assert [process.returncode for process in others] == [0, 0], outs
    members = sorted(path.parent.name for path in swept.glob("*/test.json"))
    for member, name in itertools.product(members, ("test.json", "metrics.csv", "config.json")):
        assert (tmp_path / "sweep" / member / name).read_bytes() == (swept / member / name).read_bytes()
    tables = [out[out.index("| protocol |") : out.index("wrote: " + str(tmp_path / "sweep" / "table"))] for out in outs]
    assert tables[0] == tables[1]
    assert (tmp_path / "sweep" / "table.md").read_text() in f"{tables[0]}\n"


def test_a_member_that_another_command_holds_is_waited_for(data_dir, tmp_path, cardiax, monkeypatch):
    monkeypatch.setattr(sweep_workers, "POLL", 0.02)
    arguments = ("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir)
    arguments += ("--workdir", tmp_path, "--seeds", 2, "--steps", 2, *TINY)
    with contextlib.ExitStack() as other:
        other.enter_context(Workdir(tmp_path / "resnet1d-kaggle-seed0").hold())
        monkeypatch.setattr(sweep_workers, "say", lambda line: line.startswith("sweep: waiting") and other.close())
        status, out, error = cardiax(*arguments)
    assert status == 0, error
    begun = [line for line in out.splitlines() if line.startswith(f"sweep: {tmp_path}")]
    assert begun == [f"sweep: {tmp_path / 'resnet1d-kaggle-seed'}{seed}" for seed in (1, 0)]
    (row,) = csv.DictReader((tmp_path / "table.csv").read_text().splitlines())
    assert row["seeds"] == "2"
    # What failed here and was finished elsewhere has not failed.
    monkeypatch.setattr(sweep, "train_members", lambda members, options: {members[0].workdir.path.name: "killed"})
    assert cardiax(*arguments)[0] == 0


@pytest.mark.slow
def test_the_table_holds_the_means_of_the_members(swept):
    (low, high) = list(csv.DictReader((swept / "table.csv").read_text().splitlines()))
    assert low["system"] == "resnet1d, optimizer.learning_rate=1e-3"
    for row, rate in ((low, "1e-3"), (high, "1e-2")):
        results = [json.loads(path.read_text()) for path in sorted(swept.glob(f"*={rate}-*/test.json"))]
        mean, half_width = mean_interval(np.asarray([result["macro_f1"]["value"] for result in results]))
        assert float(row["macro_f1"]) == pytest.approx(mean, rel=1e-5)
        assert float(row["macro_f1 ±"]) == pytest.approx(half_width, rel=1e-5)
        assert int(row["parameters"]) == results[0]["parameters"]
        assert float(row["seconds"]) > 0
    text = (swept / "table.md").read_text()
    assert f"{mean:.4f} ± {half_width:.4f}" in text
    of_all = (
        "| protocol | system | accuracy | macro f1 | area under risk over coverage | selective risk at 90 % coverage |"
    )
    assert text.splitlines()[0].startswith(f"{of_all} S: recall / precision |")
    assert (swept / "table.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_member_that_was_killed_after_its_test_is_finished(swept, command, cardiax):
    """A kill while plots are drawn leaves test.json, without what comes after it."""
    killed, other = (swept / f"resnet1d-optimizer.learning_rate=1e-3-kaggle-seed{seed}" for seed in (0, 1))
    calibration, untouched = (killed / "calibration.json").read_bytes(), (other / "test.json").stat().st_mtime_ns
    (killed / "calibration.json").unlink()
    Workdir(killed).write_seconds(1.0)  # as during training
    status, out, error = cardiax(*command[0])
    assert status == 0, error
    assert "sweep: 1 runs to train" in out
    assert (killed / "calibration.json").read_bytes() == calibration
    assert (other / "test.json").stat().st_mtime_ns == untouched
    assert Workdir(killed).seconds() == 1.0
    assert "sweep: 0 runs to train" in cardiax(*command[0])[1]


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_what_is_missing_is(swept, command, cardiax):
    expected = (swept / "table.csv").read_text()
    lost = swept / "resnet1d-optimizer.learning_rate=1e-3-kaggle-seed1"
    before = {path: path.stat().st_mtime_ns for path in swept.glob("*/test.json")}
    shutil.rmtree(lost)
    status, out, error = cardiax(*command[0])
    assert status == 0, error
    assert "sweep: 1 runs to train" in out
    assert {path for path, moment in before.items() if path.stat().st_mtime_ns != moment} == {lost / "test.json"}

    def figures(text):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(text.splitlines())]

    assert figures((swept / "table.csv").read_text()) == figures(expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_that_is_stopped_says_so_and_passes_on_when_checkpoints_are_written(
    workers, data_dir, tmp_path, cardiax, monkeypatch
):
    starts = []

    def start(config, workdir, data_dir, minutes, memory, checkpoint_minutes):
        starts.append(["--checkpoint-minutes=2.0"] * (checkpoint_minutes == 2))
        return 1  # as when it is interrupted

    @contextlib.contextmanager
    def processes(count, flags, stopped):
        def begin(member):
            starts.append([flag for flag in flags(member) if "checkpoint" in flag])
            stopped.set()

        yield begin

    monkeypatch.setattr("cardiax.launch.train.start", start)
    monkeypatch.setattr(sweep_workers, "training_processes", processes)
    for system, expected in (("cardiax", ["--checkpoint-minutes=2.0"]), ("xgboost", [])):
        status, _, error = cardiax(
            *("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--seeds", 2),
            *("--systems", system, "--workdir", tmp_path / system, "--checkpoint-minutes", 2, "--workers", workers),
        )
        assert status == 1
        assert error == "sweep: interrupted: 0 of 2 runs are done; the same command goes on\n"
        assert starts
        assert all(one == expected for one in starts)
        starts.clear()


def test_members_that_diverge_are_counted_and_named(data_dir, tmp_path, cardiax):
    error = cardiax.mistake(
        *("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--workdir", tmp_path),
        *("--seeds", 2, "--grid", "optimizer.learning_rate=1e30", "--optimizer.name", "sgd", "--steps", 4, *TINY),
        *("--optimizer.clip_norm", 0, "--optimizer.warmup", 0),
    )
    names = [f"resnet1d-optimizer.learning_rate=1e30-kaggle-seed{seed}" for seed in (0, 1)]
    assert f"2 of 2 members failed: {', '.join(names)}: training diverged at step" in error
    assert error.count("try a lower --optimizer.learning_rate") == 1


def test_what_fails_for_all_members_is_told_once(tmp_path, cardiax):
    error = cardiax.mistake(
        "sweep",
        "arrhythmia",
        "--seeds",
        2,
        "--data-dir",
        tmp_path / "none",
        "--workdir",
        tmp_path,
        "--dataset",
        "kaggle_heartbeat/mitbih",
    )
    assert "2 of 2 members failed: resnet1d-kaggle-seed0, resnet1d-kaggle-seed1: kaggle_heartbeat" in error
    assert error.count("is not prepared") == 1


def test_one_member_that_fails_stops_no_other_and_is_told(data_dir, tmp_path, cardiax):
    status, _, error = cardiax(
        *("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--workdir", tmp_path),
        *("--seeds", 1, "--grid", "optimizer.learning_rate=1e30,1e-3", "--optimizer.name", "sgd", "--steps", 4, *TINY),
        *("--optimizer.clip_norm", 0, "--optimizer.warmup", 0),
    )
    assert status == 2
    assert "1 of 2 members failed" in error
    assert "diverged" in error
    assert error.count("\n") == 1
    table = (tmp_path / "table.md").read_text()
    assert "learning_rate=1e-3 |" in table
    assert "learning_rate=1e30 |" not in table
    name = "resnet1d-optimizer.learning_rate=1e30-kaggle-seed0"
    assert f"\nNot in the table: {name} (training diverged at step" in table


@pytest.mark.slow
def test_systems_are_compared_on_the_same_cases(data_dir, tmp_path, cardiax):
    arguments = ("sweep", "heartbeat", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir)
    arguments += ("--workdir", tmp_path, "--systems", "cnn,xgboost", "--seeds", 2, "--steps", 2, "--per_class", 60)
    arguments += ("--optimizer.learning_rate", 0)  # typed fields hold for every system
    status, out, error = cardiax(*arguments)
    assert status == 0, error
    rows = {row["system"]: row for row in csv.DictReader((tmp_path / "table.csv").read_text().splitlines())}
    assert list(rows) == ["cnn", "xgboost"]
    # These beats are told apart by trees and not by a network that learns nothing.
    assert float(rows["xgboost"]["accuracy"]) > 0.95 > float(rows["cnn"]["accuracy"])
    lines = [line for line in out.splitlines() if line.startswith("| kaggle |")]
    assert "**" not in lines[0]
    assert "**" in lines[1]
    status, out, _ = cardiax(*arguments, "--table")
    assert status == 0
    assert "train:" not in out


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--systems", "cnn,xgbost"], "unknown baseline of arrhythmia 'xgbost': did you mean 'xgboost'"),
        (["--protocols", "patient"], "unknown protocol of simulated_heartbeat 'patient'"),
        (["--grid", "optimizer.learning_rat=1"], "did you mean 'optimizer.learning_rate'"),
        (["--grid", "optimizer.learning_rate"], "expected FIELD=A,B"),
        (["--grid", "seed=1,2"], "--seeds"),
        (["--grid", "epochs=1,1"], "each value once"),
        (["--grid", "epochs=1,no"], "epochs: found 'no'"),
        (["--seeds", "0"], "argument --seeds: found '0', expected a whole number from 1 to 1000"),
        (
            ["--seeds", "99999999999999999999"],
            "argument --seeds: found '99999999999999999999', expected a whole number",
        ),
        (["--workers", "1.5"], "argument --workers: found '1.5', expected a whole number from 1 to 1000"),
        (["--grid", "model=resnet1d,resnet9"], "unknown model 'resnet9'"),
        (["--grid", "model_args=kernel=3,kernl=5"], "unknown field of model resnet1d 'kernl'"),
        (["--systems", "cardiax,cnn", "--augmentation.pauses", "0.1"], "augmentation.pauses: found 0.1"),
        (["--systems", "cnn, cnn"], "--systems: found cnn twice, expected each name once"),
        (["--protocols", "kaggle,kaggle"], "--protocols: found kaggle twice"),
        (["--grid", "epochs=1", "--grid", "epochs=2"], "--grid: found epochs twice, expected all its values in one"),
        (["--minutes", "1", "--grid", "steps=2"], "found --minutes 1 and steps or epochs, expected only one of them"),
        (["--table"], "found no finished run"),
    ],
)
def test_mistakes_are_told_in_one_line(cardiax, tmp_path, typed, told):
    assert told in cardiax.mistake("sweep", "arrhythmia", "--workdir", tmp_path / "new", *typed)
    assert not (tmp_path / "new").exists()


def test_a_run_is_no_sweeps_folder(cardiax, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert "found a run, expected a sweep's folder" in cardiax.mistake("sweep", "arrhythmia", "--workdir", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_the_runs_of_a_sweep_are_of_one_task(cardiax, tmp_path):
    write_json(tmp_path / "a-seed0" / "config.json", to_dict(recipe("heartbeat")))
    message = cardiax.mistake("sweep", "arrhythmia", "--workdir", tmp_path)
    assert message == f"{tmp_path}: found runs of heartbeat, expected arrhythmia; choose another --workdir"


def test_a_grid_is_read():
    assert parse_grid("augmentation.drop-lead=0,0.5") == ("augmentation.drop_lead", ["0", "0.5"])


def test_noise_is_a_mean_over_noises_and_leads(tmp_path):
    def result(shift):
        def figure(value):
            return {"activation_mae": {"value": value + shift, "unit": "ms"}}

        noises = {name: {"24": figure(1.0 + index), "0": figure(5.0)} for index, name in enumerate(("bw", "em", "ma"))}
        return {
            "protocol": "random",
            "clean": figure(0.5),
            "noises": noises,
            "missing": {"I": figure(3.0), "II": figure(4.0)},
        }

    runs = [[Workdir(tmp_path / str(seed))] for seed in (0, 1)]
    text = noise_table([Row("cardiax", NOISE, [result(0.0), result(2.0)], runs)])
    titles, _, cells, *_ = text.splitlines()
    assert titles == "| noise | system | activation mae, ms, clean | 24 dB | 0 dB | one lead missing | seeds |"
    # Mean over seeds 0 and 2 higher: 1.5; over 1, 2, 3: 3; 5: 6; over 3 and 4: 4.5.
    assert cells == "| random | cardiax | 1.5 | 3 | 6 | 4.5 | 2 |"


def test_the_protocol_noise_shares_the_runs_of_the_first_protocol(data_dir, tmp_path, cardiax):
    arguments = ("sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir)
    arguments += ("--workdir", tmp_path, "--seeds", 1, "--steps", 2, *TINY, "--protocols", "kaggle,noise")
    status, out, error = cardiax(*arguments)
    assert status == 2
    assert "1 of 2 members failed: resnet1d-kaggle-seed0: physionet_nstdb is not prepared" in error
    assert [path.parent.name for path in tmp_path.glob("*/test.json")] == ["resnet1d-kaggle-seed0"]
    assert out.count("train: done") == 1


def test_all_of_your_own_classes_have_a_column():
    figure = {"value": 0.5, "low": 0.0, "high": 1.0}
    for names, shown in (("early", "ok", "wide"), ("early", "ok", "wide")), (("N", "S", "V"), ("S", "V")):
        classes = {name: {"recall": figure, "precision": figure} for name in names}
        result = {"accuracy": figure, "macro_f1": figure, "classes": classes, "parameters": 1}
        run: Any = SimpleNamespace(seconds=lambda: 60.0)
        row = Row("a", "group", [result | {"interval": "95% percentile bootstrap over groups"}], [[run]])
        task: Any = TASKS["arrhythmia"]
        head = markdown([row], {}, dataclasses.replace(task, classes=names, normal=names[0])).splitlines()[0]
        assert [cell.split(":")[0].strip() for cell in head.split("|") if ": recall" in cell] == list(shown)
