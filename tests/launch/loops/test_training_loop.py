"""The loop as a whole: a network that is trained knows more than one that is not, and one that diverges is told."""

import contextlib
import csv
import itertools
import json
from types import SimpleNamespace

import pytest

from cardiax.launch.loops import training_loop
from cardiax.launch.loops.training_loop import reached, score
from cardiax.tasks import TASKS
from cardiax.training.checkpoint import Checkpoints

pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.fixture(scope="module")
def built_in(tmp_path_factory):
    """A data folder for the datasets that cardiax makes itself."""
    return tmp_path_factory.mktemp("data")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "dataset"),
    [
        ("heartbeat", "simulated_heartbeat"),  # and arrhythmia in .ci/run, whole
        ("activation", "simulated_intracardiac"),
        ("activation", "simulated_intracardiac/varied"),
        ("transmembrane", "simulated_intracardiac"),
    ],
)
def test_one_epoch_of_the_default_model_ends_better_than_it_began(one_epoch, built_in, task, dataset):
    before, after = one_epoch(task, dataset, built_in)
    assert after > before


def test_a_lower_error_and_a_higher_share_are_better():
    row = {"validation_activation_mae": 3.0, "validation_macro_f1": 0.5}
    assert score(TASKS["activation"], row) == -3.0
    assert score(TASKS["arrhythmia"], row) == 0.5


@pytest.mark.parametrize(
    ("task", "until", "expected"),
    [
        ("arrhythmia", {}, False),
        ("arrhythmia", {"accuracy": 0.75, "macro_f1": 0.5}, True),
        ("arrhythmia", {"accuracy": 0.75, "macro_f1": 0.51}, False),
        ("arrhythmia", {"accuracy": 0.76, "macro_f1": 0.5}, False),
        ("activation", {"activation_mae": 3.0}, True),
        ("activation", {"activation_mae": 2.9}, False),
    ],
)
def test_until_is_reached_with_all_of_its_values(task, until, expected):
    row = {"validation_activation_mae": 3.0, "validation_accuracy": 0.75, "validation_macro_f1": 0.5}
    assert reached(TASKS[task], SimpleNamespace(until=until), row) is expected


def test_the_evaluation_that_reaches_until_ends_the_run_and_is_tested(cardiax, small_run, tmp_path, monkeypatch):
    rows = iter([(0.5, 0.8), (0.9, 0.6), (0.9, 0.9)])  # the second one has not the best macro-F1 so far

    def figures(task, measured):
        return dict(zip(("validation_accuracy", "validation_macro_f1"), next(rows), strict=True))

    monkeypatch.setattr(training_loop, "validation_figures", figures)
    folder = tmp_path / "run"
    run = [*small_run[:-1], 3, "--workdir", folder, "--until", "accuracy=0.7,macro_f1=0.5"]
    for _ in range(2):  # the second command finds nothing to train, and must not go on to step 12
        status, out, error = cardiax(*run)
        assert status == 0, error
        assert "stop: the last evaluation has the values of --until on validation\n" in out
        assert json.loads((folder / "test.json").read_text())["step"] == 8
        assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + 2


EACH_STEP = ("--checkpoint-minutes", 1e-9)


@pytest.mark.parametrize(
    ("step", "what", "more", "found", "kept"),
    [
        (6, "loss", (), "a loss of nan", 4),  # epochs end at steps 4 and 8
        (8, "gradients", (), "a state of which not every value is finite", 4),
        (6, "gradients", EACH_STEP, "a state of which not every value is finite", 5),
    ],
)
def test_the_step_that_diverges_is_named_and_what_is_not_finite_is_not_kept(
    step, what, more, found, kept, nan_at, cardiax, small_run, tmp_path
):
    run = [*small_run, "--augmentation.noise", 0, "--workdir", tmp_path / "run"]
    nan_at(step, what)
    expected = f"training diverged at step {step}: found {found}, expected a finite one; earlier checkpoints, if any"
    assert expected in cardiax.mistake(*run, *more)
    assert expected in cardiax.mistake(*run, *more)  # resumed, it comes to the same step
    with contextlib.closing(Checkpoints(tmp_path / "run" / "checkpoints", read_only=True)) as checkpoints:
        assert (checkpoints.step("best"), checkpoints.step("latest")) == (4, kept)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["4"]
    if what == "loss":
        status, out, error = cardiax("evaluate", tmp_path / "run")
        assert status == 0, error
        assert "nan" not in out


def test_a_run_that_diverges_as_it_is_interrupted_keeps_the_checkpoint_before(
    nan_at, cardiax, small_run, tmp_path, monkeypatch
):
    calls = itertools.count(1)
    monkeypatch.setattr(training_loop, "interrupts", lambda: contextlib.nullcontext(lambda: next(calls) == 6))
    nan_at(6, "gradients")
    run = [*small_run, "--augmentation.noise", 0, "--workdir", tmp_path / "run"]
    assert "training diverged at step 6: found a state" in cardiax.mistake(*run)
    with contextlib.closing(Checkpoints(tmp_path / "run" / "checkpoints", read_only=True)) as checkpoints:
        assert checkpoints.step("latest") == 4
