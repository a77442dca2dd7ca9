"""The 12-lead tasks from the command line: trained, tested, resumed and drawn, on files in the real dataset's
format."""

import contextlib
import csv
import json
import shutil

import numpy as np
import pytest

from cardiax.config import with_overrides
from cardiax.launch.cli import main
from cardiax.launch.evaluation.measured_runs import Corruption
from cardiax.launch.run.experiment import load_experiment
from cardiax.recipes import recipe
from cardiax.training.checkpoint import Checkpoints

SMALL = ("--model_args", "widths=(8,),blocks=1,hidden=8", "--batch_size", "8", "--steps", "3")
SMALL += ("--augmentation.stretch", "0")
NOISY = (
    "--steps",
    "12",
    "--augmentation.noise",
    "0.5",
    "--augmentation.drop_lead",
    "0.5",
    "--augmentation.shift",
    "20",
)


@pytest.fixture(scope="module")
def data_dir(hearts_dir):
    """A data folder with 40 recordings of 8 volunteers; the last site of the first never activates."""
    return hearts_dir


def read_cases(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def command(task, data_dir, workdir, *more):
    where = ("--dataset", "ucsd_intracardiac", "--data-dir", data_dir, "--workdir", workdir)
    return ("train", task, *where, *SMALL, *more)


@pytest.fixture(scope="module")
def trained(data_dir, tmp_path_factory):
    """The folder of a run of `activation` with three evaluations; tests that write use a copy."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in command("activation", data_dir, folder, *NOISY)])
    assert stopped.value.code == 0
    return folder


def test_the_step_at_which_activation_diverges_is_named(nan_at, cardiax, data_dir, tmp_path):
    nan_at(2, "loss")
    run = command("activation", data_dir, tmp_path / "run", "--checkpoint-minutes", 1e-9)
    assert "training diverged at step 2: found a loss of nan" in cardiax.mistake(*run)
    with contextlib.closing(Checkpoints(tmp_path / "run" / "checkpoints", read_only=True)) as checkpoints:
        assert checkpoints.step("latest") == 1


@pytest.mark.slow
def test_activation_trains_tests_and_draws(cardiax, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    result = json.loads((run / "test.json").read_text())
    mae = result["activation_mae"]
    assert mae["low"] <= mae["value"] <= mae["high"]
    assert mae["unit"] == "ms"
    assert len(result["sites"]) == 75
    cases = read_cases(run / "test_cases.csv")
    assert len(cases) == result["examples"]
    weighed = np.mean([float(case["activation_mae"]) for case in cases])
    assert mae["value"] == pytest.approx(weighed, rel=0.02)
    for name in ("ecg", "activation"):
        assert (run / "figures" / f"test_{name}.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    errors = [float(row["validation_activation_mae"]) for row in rows]
    assert len(errors) == 3
    assert result["step"] == int(rows[int(np.argmin(errors))]["step"])  # a lower error is better
    before = (run / "test.json").read_bytes()
    status, out, _ = cardiax("evaluate", run)
    assert status == 0
    assert "activation_mae of a site" in out
    assert (run / "test.json").read_bytes() == before


def test_no_volunteer_lies_on_two_sides(data_dir):
    config = with_overrides(recipe("activation", "ucsd_intracardiac"), {"protocol": "volunteer"})
    experiment = load_experiment(config, data_dir, print)
    sides = [set(experiment.origin["volunteer"][rows]) for rows in experiment.split.values()]
    assert sum(map(len, sides)) == 8


@pytest.mark.slow
def test_transmembrane_trains_tests_and_draws(cardiax, data_dir, tmp_path):
    status, _, err = cardiax(*command("transmembrane", data_dir, tmp_path / "run"))
    assert status == 0, err
    result = json.loads((tmp_path / "run" / "test.json").read_text())
    assert {"voltage_mae", "voltage_rmse", "activation_mae", "apd90_mae"} <= result.keys()
    assert result["voltage_mae"]["unit"] == "mV"
    assert 0 <= result["activations_found"] <= 1
    assert (tmp_path / "run" / "figures" / "test_heart.gif").read_bytes().startswith(b"GIF89a")
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines()))
    assert float(rows[-1]["validation_voltage_mae"]) > 0


@pytest.mark.slow
def test_corrupted_leads_are_measured_beside_the_others(cardiax, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    clean = (run / "test.json").read_bytes()
    for flags, name in ((("--noise", 12), "12dB"), (("--drop-lead",), "drop_lead")):
        assert cardiax("evaluate", run, *flags)[0] == 0
        corrupted = json.loads((run / f"test_{name}.json").read_text())
        assert corrupted["examples"] == json.loads(clean)["examples"]
        assert corrupted["loss"] != json.loads(clean)["loss"]
        assert (run / "figures" / f"test_{name}_ecg.png").exists()
    assert (run / "test.json").read_bytes() == clean
    again = (run / "test_12dB.json").read_bytes()
    assert cardiax("evaluate", run, "--noise", 12)[0] == 0
    assert (run / "test_12dB.json").read_bytes() == again


def test_each_case_lacks_a_lead_in_turn(data_dir):
    experiment = load_experiment(with_overrides(recipe("activation", "ucsd_intracardiac"), {}), data_dir, print)
    corrupted = Corruption(drop_lead=True).apply(experiment).examples.take(np.arange(40))["leads"]
    gone = (corrupted == 0).all(axis=1)
    np.testing.assert_array_equal(gone, np.arange(len(corrupted))[:, None] % 12 == np.arange(12))
    assert Corruption().apply(experiment) is experiment


@pytest.mark.slow
def test_equal_runs_give_the_same_bytes_and_so_do_recordings_that_stay_on_disk(cardiax, data_dir, trained, tmp_path):
    held, streamed = shutil.copytree(trained, tmp_path / "held"), tmp_path / "streamed"
    status, out, err = cardiax(*command("activation", data_dir, streamed, *NOISY, "--memory", 1e-4))
    assert status == 0, err
    assert "from a file without a name in" in out
    for run, memory in ((held, 1), (streamed, 1e-4)):
        assert cardiax("evaluate", run, "--noise", 12, "--drop-lead", "--memory", memory)[0] == 0
    for file in ("test.json", "metrics.csv", "figures/test_ecg.png", "test_12dB_drop_lead.json"):
        assert (held / file).read_bytes() == (streamed / file).read_bytes()
