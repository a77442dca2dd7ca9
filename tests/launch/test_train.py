"""A run from the command line: its folder, its repetition, its refusals."""

import csv
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from cardiax.config import leaves, with_overrides
from cardiax.errors import InputError
from cardiax.launch.cli import parse_command
from cardiax.launch.train import default_workdir, read_options
from cardiax.recipes import recipe
from cardiax.training.checkpoint import Checkpoints

FILES = ("metrics.csv", "test.json", "config.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_run):
    """The folder of a finished small run."""
    from cardiax.launch.cli import main

    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.raises(SystemExit) as stopped:
        main([*small_run, "--workdir", str(folder)])
    assert stopped.value.code == 0
    return folder


def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_a_run_leaves_everything(finished):
    rows = list(csv.DictReader((finished / "metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["4", "8"]
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [{name: str(value) for name, value in line.items()} for line in lines] == rows
    assert 0 < float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    result = json.loads((finished / "test.json").read_text())
    assert result["examples"] == 140
    assert np.sum(result["confusion"]) == 140
    assert result["accuracy"]["value"] == pytest.approx(np.trace(result["confusion"]) / 140)
    assert result["accuracy"]["low"] <= result["accuracy"]["value"] <= result["accuracy"]["high"]
    assert list(result["classes"]) == ["N", "S", "V", "F", "Q"]
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["versions"]["jax"]
    assert {len(digest) for digest in environment["fingerprints"].values()} == {64}
    assert (finished / "figures" / "test_confusion.png").read_bytes().startswith(b"\x89PNG")
    assert any((finished / "checkpoints" / kind).iterdir() for kind in ("latest", "best"))
    assert not list(finished.rglob("*.tmp"))


def test_checkpoints_between_evaluations_change_nothing(finished, cardiax, small_run, tmp_path, monkeypatch):
    saved, save = [], Checkpoints.save

    def note(self, kind, state, history):
        saved.append(int(state.step))
        save(self, kind, state, history)

    monkeypatch.setattr(Checkpoints, "save", note)
    assert cardiax(*small_run, "--workdir", tmp_path / "run", "--checkpoint-minutes", 1e-9)[0] == 0
    assert saved == [1, 2, 3, 4, 5, 6, 7, 8]
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (finished / name).read_bytes()


def test_the_same_command_on_a_finished_run_only_tests_again(finished, cardiax, small_run, tmp_path):
    folder = copy(finished, tmp_path)
    (folder / "test.json").unlink()
    (folder / "metrics.csv").write_text("rubbish")
    status, out, _ = cardiax(*small_run, "--workdir", folder)
    assert status == 0
    assert "resume: from step 8" in out
    assert "epoch" not in out
    for name in FILES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_outside_of_its_steps_says_what_is_kept(
    number, finished, cardiax, small_run, tmp_path, monkeypatch
):
    def stop(*_, **__):
        signal.raise_signal(number)

    monkeypatch.setattr("cardiax.launch.loops.training_loop.load_experiment", stop)
    status, _, error = cardiax(*small_run, "--workdir", tmp_path / "new")
    told = f"nothing was kept of {tmp_path / 'new'}, which had no checkpoint yet; the same command begins it again"
    assert (status, error) == (1, f"cardiax: interrupted: {told}\n")
    assert not (tmp_path / "new").exists()
    folder = copy(finished, tmp_path)
    status, _, error = cardiax(*small_run, "--workdir", folder)
    assert (status, error) == (1, f"cardiax: interrupted: {folder} is kept; the same command goes on with it\n")


def test_config_repeats_a_run(finished, cardiax, small_run, tmp_path):
    data = small_run[small_run.index("--data-dir") + 1]
    config = finished / "config.json"
    status, _, _ = cardiax("train", "--config", config, "--data-dir", data, "--workdir", tmp_path / "repeat")
    assert status == 0
    for name in FILES:  # equal runs give equal files
        assert (tmp_path / "repeat" / name).read_bytes() == (finished / name).read_bytes(), name
    message = cardiax.mistake("train", "heartbeat", "--config", config)
    assert "found task 'arrhythmia', expected 'heartbeat' as in the command" in message


def test_another_configuration_is_refused_by_field(finished, cardiax, small_run):
    before = (finished / "config.json").read_bytes()
    message = cardiax.mistake(*small_run, "--workdir", finished, "--seed", 3, "--optimizer.learning-rate", "1e-4")
    assert "seed: expected 3, found 0" in message
    assert "optimizer.learning_rate: expected 0.0001, found 0.003" in message
    assert (finished / "config.json").read_bytes() == before


def test_a_folder_that_is_no_run_is_refused(cardiax, small_run, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    assert "found files that are not of a run" in cardiax.mistake(*small_run, "--workdir", tmp_path)
    assert "found files that are not of a run" in cardiax.mistake(*small_run, "--workdir", tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_kill_leaves_of_the_first_file_is_no_obstacle(finished, tmp_path):
    from cardiax.launch.run.run_folder import Workdir

    (tmp_path / ".config.json.4711.tmp").write_text("{")
    Workdir(tmp_path).check(Workdir(finished).config())


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"epochs": 0}', '{"epoch": 3}', "\x00"])
def test_a_broken_config_is_named(content, cardiax, small_run, tmp_path):
    (tmp_path / "config.json").write_text(content)
    message = cardiax.mistake(*small_run, "--workdir", tmp_path)
    assert message.startswith(f"{tmp_path / 'config.json'}: ")


@pytest.fixture
def orbax_collected():
    """Orbax leaves tasks behind when it cannot read a checkpoint: let them go here, where their noise is ignored."""
    yield
    gc.collect()


def unreadable(test):
    """A test in which Orbax meets a checkpoint that it cannot read."""
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return pytest.mark.usefixtures("orbax_collected")(ignored(test))


def latest(folder):
    """The checkpoint that a run goes on from, the best or another."""
    return max((folder / "checkpoints").glob("*/*"), key=lambda path: int(path.name))


def arrays_file(checkpoint):
    """The file that holds a checkpoint's arrays (Orbax keeps a second copy beside it, which nothing reads)."""
    (path,) = checkpoint.glob("state/d/*")
    return path


@unreadable
def test_a_truncated_checkpoint_is_refused_and_kept(finished, cardiax, small_run, tmp_path):
    folder = copy(finished, tmp_path)
    arrays = arrays_file(latest(folder))
    arrays.write_bytes(arrays.read_bytes()[: arrays.stat().st_size // 2])
    message = cardiax.mistake(*small_run, "--workdir", folder)
    assert str(latest(folder)) in message
    assert "to train from the start" in message
    assert arrays.exists()


@unreadable
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_checkpoint_with_a_flipped_bit_is_refused(fraction, finished, cardiax, small_run, tmp_path):
    folder = copy(finished, tmp_path)
    arrays = arrays_file(next((folder / "checkpoints" / "best").iterdir()))
    content = bytearray(arrays.read_bytes())
    content[int(fraction * len(content))] ^= 0x10
    arrays.write_bytes(content)
    assert str(folder / "checkpoints" / "best") in cardiax.mistake(*small_run, "--workdir", folder)


@unreadable
@pytest.mark.parametrize("name", ["record/metadata", "state/_METADATA", "state/manifest.ocdbt"])
def test_a_checkpoint_with_an_emptied_file_is_refused(name, finished, cardiax, small_run, tmp_path):
    folder = copy(finished, tmp_path)
    (latest(folder) / name).write_bytes(b"")
    assert str(latest(folder)) in cardiax.mistake(*small_run, "--workdir", folder)


def test_other_data_is_refused_on_resume(finished, cardiax, small_run, tmp_path):
    folder = copy(finished, tmp_path)
    environment = json.loads((folder / "environment.json").read_text())
    environment["fingerprints"]["dataset"] = "0" * 64
    (folder / "environment.json").write_text(json.dumps(environment))
    (folder / ".sums.json").unlink()  # of an edited file
    assert "found a dataset with SHA-256" in cardiax.mistake(*small_run, "--workdir", folder)


def test_a_diverged_run_stops_and_names_the_step(cardiax, small_run, tmp_path):
    message = cardiax.mistake(
        *small_run, "--workdir", tmp_path / "run", "--optimizer.learning_rate", "1e30", "--optimizer.warmup", 0
    )
    assert "training diverged at step 2: found a loss of nan" in message
    assert not list((tmp_path / "run" / "checkpoints").glob("*/*"))
    advice = "try a lower --optimizer.learning_rate or --optimizer.clip_norm (0 clips no gradient) in a new --workdir"
    assert advice in message
    message = cardiax.mistake("evaluate", tmp_path / "run")
    assert f"if that says that training diverged, {advice}" in message


@pytest.mark.parametrize("last_finite", [None, 4])
def test_a_run_whose_validation_diverges_says_so(last_finite, cardiax, small_run, tmp_path, monkeypatch):
    def score(task, row):
        return 0.5 if last_finite and row["step"] <= last_finite else float("nan")

    monkeypatch.setattr("cardiax.launch.loops.training_loop.score", score)
    run = [*small_run, "--workdir", tmp_path / "run"]
    if last_finite:
        status, out, error = cardiax(*run)
        assert status == 0, error
        assert "best step on validation: 4\n" in out
        assert (
            "warning: training diverged: validation macro_f1 is NaN from step 8; the best earlier step is kept" in error
        )
        return
    for command in (run, ["evaluate", tmp_path / "run"]):
        message = cardiax.mistake(*command)
        assert "found no finite validation score in 2 evaluations up to step 8" in message
        assert "training diverged; try a lower --optimizer.learning_rate or --optimizer.clip_norm" in message


@pytest.mark.slow
def test_patience_stops_early(cardiax, small_run, tmp_path):
    run = [*small_run, "--workdir", tmp_path / "run", "--optimizer.learning_rate", 0, "--ema", 0, "--patience", 1]
    status, out, _ = cardiax(*run, "--model", "reference_cnn", "--model_args", "channels=(4,4,4)", "--epochs", 9)
    assert status == 0
    assert "stop: 1 evaluations without a better macro_f1 on validation" in out
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 2


def test_tensorboard_reads_the_events(finished):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra cardiax[tensorboard]"
    )
    events = accumulator.EventAccumulator(str(finished / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("validation_macro_f1")] == [4, 8]


def test_events_are_written_without_pytorch_where_it_is_installed(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs the extra cardiax[tensorboard]")
    (tmp_path / "torch.py").write_text("raise SystemExit('PyTorch was imported')\n")
    program = (
        "from pathlib import Path\n"
        "from cardiax.launch.run.progress import Events\n"
        "events = Events(Path('run'), 0)\n"
        "events.write({'step': 1.0, 'loss': 2.0})\n"
        "events.close()\n"
        "print('written')\n"
        "import torch\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("written\n", "PyTorch was imported\n")  # by the last line alone
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1


@pytest.mark.slow
def test_minutes_become_steps_that_can_be_repeated(cardiax, small_run, tmp_path):
    # A hundredth of a second on a step of some milliseconds; the number is the machine's.
    status, _, error = cardiax(*small_run[:-2], "--minutes", 0.01, "--workdir", tmp_path / "timed")
    assert status == 0, error
    steps = json.loads((tmp_path / "timed" / "config.json").read_text())["steps"]
    assert steps >= 1
    assert json.loads((tmp_path / "timed" / "environment.json").read_text())
    assert cardiax(*small_run[:-2], "--minutes", 0.01, "--workdir", tmp_path / "timed")[0] == 0  # goes on: it is done
    assert cardiax(*small_run[:-2], "--steps", steps, "--workdir", tmp_path / "told")[0] == 0
    for name in ("metrics.csv", "test.json"):
        assert (tmp_path / "told" / name).read_bytes() == (tmp_path / "timed" / name).read_bytes()
    message = cardiax.mistake(*small_run[:-2], "--minutes", 1, "--steps", 3, "--workdir", tmp_path / "both")
    assert "found --minutes 1 and 3 steps, expected only one of them" in message
    assert "argument --minutes" in cardiax.mistake(*small_run, "--minutes", "0", "--workdir", tmp_path / "none")


def test_mistakes_are_told_before_any_work(cardiax, small_run, data_dir, tmp_path):
    def mistake(*arguments):
        message = cardiax.mistake(*arguments, "--workdir", tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return message

    assert "unknown task 'arrhythmias': did you mean 'arrhythmia'? known: activation, arrhythmia, " in mistake(
        "train", "arrhythmias"
    )
    assert "unknown model 'resnet': did you mean 'resnet1d'" in mistake(*small_run, "--model", "resnet")
    assert "unknown protocol of kaggle_heartbeat/mitbih 'patients'" in mistake(*small_run, "--protocol", "patients")
    assert "unknown field of model resnet1d 'depth'" in mistake(*small_run, "--model_args", "depth=3")
    assert "cannot learn from kaggle_heartbeat/ptbdb: found labels normal, abnormal" in mistake(
        "train", "arrhythmia", "--dataset", "kaggle_heartbeat/ptbdb", "--data-dir", data_dir
    )
    assert "kaggle_heartbeat/ptbdb is not prepared in" in mistake(
        "train", "heartbeat", "--dataset", "kaggle_heartbeat/ptbdb", "--data-dir", data_dir
    )
    assert "expected a multiple of the 8 devices" in mistake(*small_run, "--batch_size", 12)
    assert "expected at most the 540 examples" in mistake(*small_run, "--batch_size", 8000)
    assert "unknown metric of arrhythmia in until 'f1'" in mistake(*small_run, "--until", "f1=0.9")
    assert "until: found 'macro_f1', expected metrics with the values to reach" in mistake(
        *small_run, "--until", "macro_f1"
    )
    for how in ("here", "here,2,0", "here:80,2,2", "here:80,0,0", "here:80,2,-1", "here:99999,2,0"):
        told = mistake(*small_run, "--distributed", how)
        assert f"found '{how}', expected auto or HOST:PORT,PROCESSES,INDEX, with a port up to 65535" in told


def test_too_few_beats_for_a_split_are_refused(cardiax, tmp_path):
    from cardiax import datasets

    for name, labels in (("train", [0, 1, 2, 3, 4]), ("test", [0])):
        rows = [[0.5 + i / 100 + len(name) / 20] * 187 + [label] for i, label in enumerate(labels)]
        np.savetxt(tmp_path / f"mitbih_{name}.csv", rows, delimiter=",", fmt="%.18e")
    datasets.prepare("kaggle_heartbeat/mitbih", tmp_path / "data", manual_dir=tmp_path)
    arguments = ["train", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", tmp_path / "data"]
    message = cardiax.mistake(*arguments, "--protocol", "published", "--workdir", tmp_path / "run")
    assert "found 6 examples, too few for the split 'published': validation would be empty" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--augmentation.fibrillation", "0.2"], "augmentation.fibrillation: found 0.2, which has no effect"),
        (["--augmentation.pauses", "0.2"], "augmentation.pauses: found 0.2, which has no effect"),
        (["--optimizer.name", "adam", "--optimizer.weight_decay", "0.1"], "adam has no weight decay"),
        (["--optimizer.name", "sgd", "--optimizer.weight_decay", "0.1"], "sgd has no weight decay"),
        (["--balance_power", "1"], "balance_power: found 1.0, which has no effect: --balance is none"),
        (["--balance", "weights", "--per_class", "9"], "--per_class 9 draws equally many examples of each class"),
        (["--model", "activation_cnn"], "found 'activation_cnn', which does not read beats of one lead"),
        (["--augmentation.shift", "3"], "augmentation.shift: found 3, which has no effect on task 'arrhythmia'"),
    ],
)
def test_fields_that_would_do_nothing_are_refused_before_the_folder_is_begun(cardiax, small_run, tmp_path, typed, told):
    assert told in cardiax.mistake(*small_run, *typed, "--workdir", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_beats_with_their_rhythm_are_not_stretched_nor_shown_to_models_of_one_lead(cardiax, tmp_path):
    command = ("train", "arrhythmia", "--dataset", "physionet_mitbih/patient", "--workdir", tmp_path / "run")
    assert "are not stretched" in cardiax.mistake(*command, "--augmentation.stretch", "0.1")
    for model in ("reference_cnn", "field_cnn", "xgboost"):
        told = cardiax.mistake(*command, "--model", model, "--model_args", "", "--data-dir", tmp_path)
        assert f"found '{model}', which does not read several leads with RR features" in told
    assert not (tmp_path / "run").exists()


def test_what_the_step_refuses_is_told_before_the_folder_is_begun(cardiax, small_run, tmp_path, monkeypatch):
    def refuse(*_):
        raise InputError("found a beat that no step takes")

    monkeypatch.setattr("cardiax.tasks.beat_classification.Classification.augment", refuse)
    assert "no step takes" in cardiax.mistake(*small_run, "--workdir", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_length_that_is_typed_replaces_that_of_the_recipe():
    joined = ["arrhythmia", "--dataset", "physionet_mitbih/patient,physionet_svdb"]
    assert read_options(parse_command("train", joined)).steps == 200
    for length in (["--epochs", "20"], ["--minutes", "5"]):
        assert read_options(parse_command("train", [*joined, *length])).steps == 0


def test_a_runs_default_name_tells_what_differs_from_the_recipe():
    usual = recipe("arrhythmia")
    names = {
        default_workdir(with_overrides(usual, fields), minutes).name
        for fields, minutes in [
            ({}, None),
            ({"augmentation.mixup": 0.2}, None),
            ({"optimizer.learning_rate": "1e-3"}, None),
            ({"optimizer.learning_rate": "1e-3", "epochs": 3}, None),
            ({"model_args": "widths=(16,32),kernel=3"}, None),
            ({"seed": 1}, None),
            ({}, 10.0),
        ]
    }
    assert len(names) == 7
    assert "arrhythmia-simulated_heartbeat-resnet1d-seed0" in names
    assert "arrhythmia-simulated_heartbeat-resnet1d-augmentation.mixup=0.2-seed0" in names
    assert all(re.fullmatch(r"[\w.=+-]{1,200}", name) for name in names)
    one = default_workdir(with_overrides(usual, {"optimizer.learning_rate": "0.001", "epochs": "3"}))
    assert one == default_workdir(with_overrides(usual, {"epochs": 3, "optimizer.learning_rate": 1e-3}))
    long = [{"model_args": f"widths={tuple(range(1, 40))},kernel={kernel}"} for kernel in (3, 5)]
    first, second = (default_workdir(with_overrides(usual, fields)).name for fields in long)
    assert first != second
    assert max(map(len, (first, second))) < 180


def test_help_shows_the_defaults_of_the_task_that_is_typed(cardiax):
    _, usual, _ = cardiax("train", "--help")
    assert "the defaults of arrhythmia (name another TASK" in " ".join(usual.split())
    _, text, _ = cardiax("train", "activation", "--help")
    text = " ".join(text.split())
    assert "the defaults of activation on simulated_intracardiac" in text
    assert "passes over the training split (default: 100)" in text
    assert "a name in MODELS (default: activation_resnet)" in text
    _, text, _ = cardiax("train", "arrhythmia", "--dataset", "physionet_mitbih/patient", "--help")
    assert "passes over the training split (default: 12)" in " ".join(text.split())


def test_every_field_is_in_help_all_and_the_common_ones_in_help(cardiax):
    _, usual, _ = cardiax("train", "activation", "--help")
    status, every, _ = cardiax("train", "activation", "--help-all")
    assert status == 0
    for name in leaves(recipe("activation")):
        assert name == "task" or f"--{'import' if name == 'imports' else name} " in every
    assert "--augmentation.stretch" not in usual
    assert "--optimizer.learning_rate" in usual
    assert "--augmentation.stretch" in cardiax("sweep", "activation", "--help-all")[1]
