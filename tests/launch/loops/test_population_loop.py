"""Several runs trained in one program: their folders, what a kill leaves, and the member that diverges."""

import contextlib
import csv
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from cardiax.config import with_overrides
from cardiax.errors import InputError
from cardiax.launch.loops import population_loop
from cardiax.launch.loops.population_loop import _trace_step, train_together
from cardiax.launch.run.experiment import load_experiment, load_experiments
from cardiax.launch.run.run_folder import Workdir
from cardiax.recipes import recipe

FILES = ("metrics.csv", "test.json", "config.json")
SMALL = {"model_args": "widths=(4,),blocks=1", "epochs": 3, "augmentation.mixup": 0}
MEMBERS = (
    {"seed": 0},
    {"seed": 1, "optimizer.learning_rate": 1e-2},
    {"seed": 2, "optimizer.learning_rate": 1e-3, "augmentation.noise": 0.3},
    {"seed": 3, "augmentation.warp": 0.2},
)


def configs(*members):
    start = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    return [with_overrides(start, SMALL | member) for member in members or MEMBERS]


def train_all(folder, data_dir, members):
    folders = [Workdir(folder / f"member{i}") for i in range(len(members))]
    return train_together(members, folders, folder / "together", str(data_dir))


def arrays(folder):
    """Every array of a member's latest checkpoint, read by Orbax alone."""
    latest = max((folder / "checkpoints").glob("*/*"), key=lambda path: int(path.name))
    with ocp.StandardCheckpointer() as reader:
        return jax.tree.leaves(reader.restore((latest / "state").absolute()))


def assert_same_members(folder, whole):
    for i in range(len(MEMBERS)):
        ours, theirs = folder / f"member{i}", whole / f"member{i}"
        for name in FILES:
            assert (ours / name).read_bytes() == (theirs / name).read_bytes(), f"member{i}/{name}"
        for one, other in zip(arrays(ours), arrays(theirs), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def whole(data_dir, tmp_path_factory):
    """The folder of a population that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert train_all(folder, data_dir, configs()) == 0
    return folder


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_a_member_is_the_run_that_train_makes(whole, data_dir, cardiax, tmp_path):
    # On eight devices, where the run alone divides its batch, and with beats whose answer may hang on the last bit.
    config = whole / "member1" / "config.json"
    status, _, error = cardiax("train", "--config", config, "--data-dir", data_dir, "--workdir", tmp_path / "alone")
    assert status == 0, error
    for ours, alone in zip(rows(whole / "member1"), rows(tmp_path / "alone"), strict=True):
        assert ours.keys() == alone.keys()
        assert ours["step"] == alone["step"]
        assert ours["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-3)
        assert ours["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-2)
    assert rows(whole / "member1") != rows(whole / "member0")
    ours, alone = (json.loads((folder / "test.json").read_text()) for folder in (whole / "member1", tmp_path / "alone"))
    assert ours.keys() == alone.keys()
    assert ours["seed"] == 1


@pytest.mark.slow
def test_a_members_folder_is_that_of_a_finished_run(whole, data_dir, cardiax, tmp_path):
    folder = shutil.copytree(whole / "member2", tmp_path / "member2")
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["jax"]
    assert json.loads((folder / "timing.json").read_text())["seconds"] > 0
    assert (folder / "figures" / "test_confusion.png").exists()
    (folder / "test.json").unlink()
    status, out, error = cardiax(
        "train", "--config", folder / "config.json", "--data-dir", data_dir, "--workdir", folder
    )
    assert status == 0, error
    assert "resume: from step 12" in out
    assert "epoch" not in out
    assert cardiax("evaluate", folder)[0] == 0
    for name in FILES:
        assert (folder / name).read_bytes() == (whole / "member2" / name).read_bytes(), name
    assert not (whole / "together").exists()


SCRIPT = """
import json, sys
from pathlib import Path
from cardiax.config import from_dict
from cardiax.launch.loops.population_loop import train_together
from cardiax.launch.run.run_folder import Workdir
folder, data, *members = sys.argv[1:]
folders = [Workdir(Path(folder, f"member{i}")) for i in range(len(members))]
sys.exit(train_together([from_dict(json.loads(one)) for one in members], folders, Path(folder, "together"), data))
"""


def start(folder, data_dir):
    from cardiax.config import to_dict

    members = [json.dumps(to_dict(config)) for config in configs()]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(data_dir), *members],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.slow
def test_killed_at_random_moments(whole, data_dir, tmp_path):
    draw, kills = random.Random(0), 0
    # In the loop; then while the members' own checkpoints are written, or one of them is tested.
    for prefix, longest in (("member0: epoch", 0.8), (draw.choice(["member3: epoch 3", "wrote: "]), 0.4)):
        process = start(tmp_path, data_dir)
        for line in process.stdout:
            if line.startswith(prefix):
                time.sleep(draw.uniform(0, longest))
                process.send_signal(signal.SIGKILL)
        process.stdout.close()
        kills += process.wait() == -signal.SIGKILL
    assert train_all(tmp_path, data_dir, configs()) == 0
    assert kills == 2
    assert_same_members(tmp_path, whole)


@pytest.mark.slow
def test_an_interrupt_ends_at_a_checkpoint(whole, data_dir, tmp_path, monkeypatch, capsys):
    @contextlib.contextmanager
    def after_six_steps():
        asked = iter([False] * 5 + [True])
        yield lambda: next(asked)

    with monkeypatch.context() as patched:
        patched.setattr(population_loop, "interrupts", after_six_steps)
        assert train_all(tmp_path, data_dir, configs()) == 1
    assert "interrupted: after step 6 of 12" in capsys.readouterr().out
    other = configs()[:3]
    with pytest.raises(InputError, match=r"found an unfinished population of .*member3, expected"):
        train_all(tmp_path, data_dir, other)
    assert train_all(tmp_path, data_dir, configs()) == 0
    assert "resume: from step 6" in capsys.readouterr().out
    assert_same_members(tmp_path, whole)


@pytest.mark.slow
def test_killed_between_the_members_own_checkpoints(whole, data_dir, tmp_path, monkeypatch, capsys):
    # Two members have theirs and look trained; all four go on from the population's.
    saved = []

    class Killed(population_loop.Checkpoints):
        def save(self, kind, state, history):
            if kind == "latest" and self.folder.parent.name.startswith("member"):
                if len(saved) == 2:
                    raise KeyboardInterrupt
                saved.append(self.folder.parent.name)
            super().save(kind, state, history)

    with monkeypatch.context() as patched:
        patched.setattr(population_loop, "Checkpoints", Killed)
        with pytest.raises(KeyboardInterrupt):
            train_all(tmp_path, data_dir, configs())
    assert saved == ["member0", "member1"]
    assert not list(tmp_path.glob("*/test.json"))
    assert train_all(tmp_path, data_dir, configs()) == 0
    out = capsys.readouterr().out
    assert "resume: from step 12" in out
    assert out.count("epoch") == 3 * len(MEMBERS)  # before the kill alone
    assert_same_members(tmp_path, whole)


@pytest.mark.slow
def test_a_member_that_diverges_is_named_and_the_others_are_tested(whole, data_dir, tmp_path, capsys, monkeypatch):
    members = [dict(member) for member in MEMBERS]
    members[1]["optimizer.learning_rate"] = 1e30
    calls, scored = itertools.count(), population_loop.score
    # Of the three that are left, the one in the middle has a NaN score whenever it is evaluated.
    monkeypatch.setattr(population_loop, "score", lambda *of: float("nan") if next(calls) % 3 == 1 else scored(*of))
    both = r"^2 of 4 members diverged: .*member1: training diverged between steps 0 and .*member2: training diverged: "
    with pytest.raises(InputError, match=both + "found no finite validation score"):
        train_all(tmp_path, data_dir, configs(*members))
    assert capsys.readouterr().out.count("the others continue") == 1
    assert not (tmp_path / "member2" / "test.json").exists()
    for i in (0, 3):
        for name in FILES:
            assert (tmp_path / f"member{i}" / name).read_bytes() == (whole / f"member{i}" / name).read_bytes()
    assert not (tmp_path / "member1" / "test.json").exists()
    assert rows(tmp_path / "member1") == []
    assert not (tmp_path / "together").exists()


def test_each_member_draws_its_own_examples_of_a_class(data_dir):
    members = configs(*({"seed": seed, "per_class": 30, "balance": "sampling"} for seed in (0, 1)))
    for config, found in zip(members, load_experiments(members, data_dir, print), strict=True):
        alone = load_experiment(config, data_dir, print)
        np.testing.assert_array_equal(found.split["train"], alone.split["train"])
        np.testing.assert_array_equal(found.order.indices(3), alone.order.indices(3))
    assert not np.array_equal(found.order.indices(3), load_experiments(members, data_dir, print)[0].order.indices(3))


def test_a_member_may_draw_more_examples_than_there_are(data_dir):
    (config,) = configs({"per_class": 1000})  # 5,000 of 740, with repeats
    _trace_step(load_experiment(config, data_dir, print))


@pytest.mark.slow
def test_what_cannot_be_trained_together_is_refused(whole, data_dir, tmp_path):
    with pytest.raises(ValueError, match="2 groups"):
        train_all(tmp_path, data_dir, configs({"seed": 0}, {"ema": 0}))
    with pytest.raises(ValueError, match="patience"):
        train_all(tmp_path, data_dir, configs({"patience": 2}))
    with pytest.raises(InputError, match="epochs: expected 2, found 3"):
        train_all(whole, data_dir, configs({"epochs": 2}))


def test_what_the_step_refuses_is_told_before_any_folder_is_begun(data_dir, tmp_path, monkeypatch):
    def refuse(*_):
        raise InputError("found a beat that no step takes")

    monkeypatch.setattr("cardiax.tasks.beat_classification.Classification.augment", refuse)
    with pytest.raises(InputError, match="no step takes"):
        train_all(tmp_path, data_dir, configs())
    for index in (*(f"member{i}" for i in range(len(MEMBERS))), "together"):
        assert [path.name for path in (tmp_path / index).glob("*")] in ([], [".lock"])
