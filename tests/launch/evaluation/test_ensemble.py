"""Seeds measured together: from their folders alone, from a sweep's folder, and the ensemble's figures by NumPy."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from cardiax.config import to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.evaluate import find_runs, group
from cardiax.launch.evaluation.ensemble import _figures, _table, measure_together
from cardiax.launch.evaluation.measured_runs import load_runs
from cardiax.launch.evaluation.run_report import Run
from cardiax.launch.run.example_store import Examples
from cardiax.launch.run.experiment import Experiment
from cardiax.launch.run.run_folder import Workdir, write_json
from cardiax.recipes import recipe
from cardiax.tasks import find_task

pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.fixture(scope="module")
def swept(tmp_path_factory, data_dir):
    """A sweep of two seeds, 3 steps each, and a run of another learning rate."""
    from cardiax.launch.cli import main

    folder = tmp_path_factory.mktemp("sweep")
    arguments = ["sweep", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir]
    arguments += ["--workdir", folder, "--seeds", 2, "--steps", 3, "--model_args", "widths=(4,),blocks=1"]
    arguments += ["--batch_size", 128, "--optimizer.learning_rate", 1e-2]
    arguments += [word for name in ("mixup", "stretch", "warp", "noise") for word in (f"--augmentation.{name}", 0)]
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 0
    other = shutil.copytree(folder / "resnet1d-kaggle-seed0", folder / "other-kaggle-seed0")
    config = json.loads((other / "config.json").read_text()) | {"optimizer.learning_rate": 1e-3}
    write_json(other / "config.json", config)
    (other / ".sums.json").unlink()  # of an edited file
    return folder


ROW = "resnet1d-kaggle"


@pytest.fixture(scope="module")
def found(swept):
    """ensemble.json of the sweep."""
    from cardiax.launch.cli import main

    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(swept)])
    assert not stopped.value.code
    return json.loads((swept / "ensemble.json").read_text())


@pytest.mark.parametrize(("inside", "sweep"), [(".", "{name}"), ("{name}", "."), ("{name}/figures", "..")])
def test_files_are_named_as_the_sweep_was(inside, sweep, found, swept, cardiax, monkeypatch):
    monkeypatch.chdir(swept.parent / inside.format(name=swept.name))
    sweep = sweep.format(name=swept.name)
    status, out, error = cardiax("evaluate", sweep)
    assert status == 0, error
    wrote = [line for line in out.splitlines() if "ensemble.json" in line]
    assert wrote == [f"wrote: {'' if sweep == '.' else f'{sweep}/'}ensemble.json"]
    assert str(swept.parent) not in out


def test_what_is_not_defined_is_a_dash():
    heading = {"examples": 4, "split": "test", "protocol": "kaggle"}
    values = {"value": np.nan, "low": np.nan, "high": np.nan}
    one = {"members": {"mean": np.nan, "half_width": np.nan, "values": [np.nan, 0.5]}, "ensemble": values}
    text = _table("row", heading, [0, 1], {"recall": one})
    assert text.splitlines()[-1].split() == ["recall", "–", "–", "–,", "0.5000"]


def test_a_sweeps_folder_is_measured_row_by_row(found, swept):
    assert list(found) == [ROW]  # one run alone has no ensemble
    row = found[ROW]
    assert row["seeds"] == [0, 1]
    assert row["runs"] == [str(swept / f"{ROW}-seed{seed}") for seed in (0, 1)]
    results = [json.loads((swept / f"{ROW}-seed{seed}" / "test.json").read_text()) for seed in (0, 1)]
    members = row["figures"]["macro_f1"]["members"]
    assert members["values"] == [result["macro_f1"]["value"] for result in results]
    assert row["figures"]["f1_V"]["members"]["values"] == [result["classes"]["V"]["f1"]["value"] for result in results]
    for result, nll in zip(results, row["figures"]["nll"]["members"]["values"], strict=True):
        assert nll == pytest.approx(result["loss"], rel=1e-5)
    plot = swept / "figures" / f"{ROW}_test_calibration.png"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_ensembles_figures_are_those_of_mean_probabilities(found, swept):
    runs = load_runs([Workdir(swept / f"{ROW}-seed{seed}") for seed in (0, 1)], None)
    experiment = runs[0].experiment
    indices = experiment.split["test"]
    logits = [run.predict({"leads": experiment.examples.take(indices)["leads"]}) for run in runs]
    exponentials = [np.exp(one - one.max(axis=1, keepdims=True)) for one in logits]
    mean = np.mean([one / one.sum(axis=1, keepdims=True) for one in exponentials], axis=0)
    target = experiment.examples.take(indices)["target"]
    figures, ensemble = found[ROW]["figures"], found[ROW]["ensemble"]
    assert figures["nll"]["ensemble"]["value"] == pytest.approx(log_loss(target, mean, labels=range(5)), rel=1e-4)
    assert ensemble["loss"] == pytest.approx(figures["nll"]["ensemble"]["value"], rel=1e-5)
    expected = f1_score(target, mean.argmax(axis=1), average="macro", zero_division=0)
    assert figures["macro_f1"]["ensemble"]["value"] == pytest.approx(expected)
    assert np.sum(ensemble["confusion"]) == len(target)
    for name in ("accuracy", "macro_f1", "nll", "brier"):
        one = figures[name]["ensemble"]
        assert one["low"] < one["value"] < one["high"], name
    # Convex in the probabilities: no ensemble is worse than its members' mean.
    for name in ("nll", "brier"):
        assert figures[name]["ensemble"]["value"] <= figures[name]["members"]["mean"]
    bins = np.asarray(found[ROW]["reliability"]["ensemble"])
    assert bins[:, 1].sum() == np.trace(ensemble["confusion"])
    gap = np.abs(bins[:, 1] - bins[:, 2]).sum() / len(target)
    assert figures["ece"]["ensemble"]["value"] == pytest.approx(gap)


def test_a_list_of_runs_is_measured_as_a_sweep(found, swept, cardiax, tmp_path):
    status, out, error = cardiax("evaluate", *sorted(swept.glob(f"{ROW}-*")), "--out", tmp_path)
    assert status == 0, error
    assert json.loads((tmp_path / "ensemble.json").read_text()) == {ROW: found[ROW]}
    assert "; ± and [ ] are 95 % t and bootstrap intervals\n" in out
    line = next(line for line in out.splitlines() if line.startswith("macro_f1"))
    one = found[ROW]["figures"]["macro_f1"]
    assert f"{one['members']['mean']:.4f} ± {one['members']['half_width']:.4f}" in line
    assert f"{one['ensemble']['value']:.4f} [{one['ensemble']['low']:.4f}, " in line


def test_by_patient_the_metrics_without_each_dominant_record_are_beside_the_others():
    def result(value):
        return {"accuracy": {"value": value, "low": 0.0, "high": 1.0}}

    def joined(value):
        parts = {"a/b": result(value / 2) | {"without_record": {"record": 232} | result(value / 4)}, "c": result(0.3)}
        return result(value) | {"datasets": parts}

    found = _figures([joined(0.4), joined(0.8)], joined(1.0))
    values = {name: (one["members"]["values"], one["ensemble"]["value"]) for name, one in found.items()}
    assert values == {
        "accuracy": ([0.4, 0.8], 1.0),
        "accuracy of a/b": ([0.2, 0.4], 0.5),
        "accuracy without 232 of a/b": ([0.1, 0.2], 0.25),
        "accuracy of c": ([0.3, 0.3], 0.3),
    }


@pytest.mark.slow
def test_trees_take_part(data_dir, tmp_path, cardiax):
    pytest.importorskip("xgboost")
    for seed in (0, 1):
        arguments = ("train", "heartbeat", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir)
        arguments += ("--model", "xgboost", "--model_args", "trees=3", "--seed", seed)
        assert cardiax(*arguments, "--workdir", tmp_path / f"seed{seed}")[0] == 0
    status, _, error = cardiax("evaluate", tmp_path / "seed0", tmp_path / "seed1", "--split", "validation")
    assert status == 0, error
    figures = json.loads((tmp_path / "ensemble_validation.json").read_text())["xgboost"]["figures"]
    assert figures["nll"]["ensemble"]["value"] <= figures["nll"]["members"]["mean"]


def fake_run(folder, seed, config=None, name=None):
    config = config or recipe("arrhythmia")
    path = folder / (name or f"mine-seed{seed}")
    write_json(path / "config.json", to_dict(with_overrides(config, {"seed": seed})))
    return path


def test_runs_are_grouped_by_experiment(tmp_path):
    other = with_overrides(recipe("arrhythmia"), {"ema": 0})
    paths = [fake_run(tmp_path, 1), fake_run(tmp_path, 0), fake_run(tmp_path, 0, other, "other"), fake_run(tmp_path, 2)]
    paths += [fake_run(tmp_path, 1, other, "another")]
    rows = group(find_runs([*paths, paths[0]]))
    assert {name: [one.path.name for one in row] for name, row in rows.items()} == {
        "mine": ["mine-seed0", "mine-seed1", "mine-seed2"],
        "other": ["other", "another"],
    }
    # Steps that --minutes measured differ from seed to seed; elsewhere they tell experiments apart.
    steps = [with_overrides(recipe("arrhythmia"), {"steps": number}) for number in (100, 110)]
    timed = [fake_run(tmp_path / "timed", seed, config) for seed, config in enumerate(steps)]
    assert len(group(find_runs(timed))) == 1
    apart = [fake_run(tmp_path / "apart", seed, config, "ab"[seed]) for seed, config in enumerate(steps)]
    assert list(group(find_runs(apart))) == ["a", "b"]
    with pytest.raises(InputError, match=r"found seed 0 in .*other and .*twin, expected each seed once"):
        group(find_runs([paths[2], fake_run(tmp_path, 0, other, "twin")]))
    with pytest.raises(InputError, match="folders of the same name"):
        group(find_runs([paths[0], fake_run(tmp_path / "elsewhere", 1, other)]))


def test_a_sweeps_folder_stands_for_what_is_done(tmp_path, capsys):
    done, unfinished = fake_run(tmp_path, 0), fake_run(tmp_path, 1)
    with pytest.raises(InputError, match="found no finished run"):
        find_runs([tmp_path])
    (done / "test.json").write_text("{}")
    fake_run(tmp_path, 2, name=".hidden")
    assert [run.path for run in find_runs([tmp_path])] == [done]
    assert f"note: {tmp_path}: left out, since they have not ended: {unfinished.name};" in capsys.readouterr().out
    (unfinished / "test.json").write_text("{}")
    assert len(find_runs([tmp_path])) == 2
    assert not capsys.readouterr().out


class Fake:
    """What `Evaluator` is to networks: knows the answer but for a constant."""

    def __init__(self, answers, inputs, off):
        self._answers = {one.tobytes(): answer for one, answer in zip(inputs, answers, strict=True)}
        self._off = off

    def predict(self, variables, inputs):
        return np.stack([self._answers[one.tobytes()] for one in inputs["leads"]]) + np.float32(self._off)


@pytest.mark.parametrize("task", ["activation", "transmembrane"])
def test_the_spread_of_sites(task, tmp_path, capsys):
    random = np.random.default_rng(0)
    cases = 70 if task == "activation" else 3  # a batch and a part
    inputs = random.normal(size=(cases, 500, 12)).astype(np.float32)
    if task == "activation":
        answers = random.uniform(0, 150, (cases, 75)).astype(np.float32)
    else:
        starts = random.uniform(20, 150, (cases, 1, 75))
        answers = np.where(np.arange(500)[:, None] < starts, -85, 20).astype(np.float32)
    target = answers.copy()
    if task == "activation":
        target[0, :5] = np.nan
    config = recipe(task)
    split = {"test": np.arange(cases)[::-1]}
    fields = {key: {} for key in ("model", "origin", "noises", "fingerprints")}
    examples = Examples(
        take=lambda indices: {"leads": inputs[indices], "target": target[indices]},
        shapes={"leads": (500, 12)},
        classes=np.empty((cases, 0), np.int32),
        example_bytes=0,
    )
    runs = []
    for seed, off in enumerate((1.0, 3.0)):
        experiment = Experiment(
            config=config,
            task=find_task(task),
            examples=examples,
            protocol="random",
            split=split,
            **fields,
        )
        runs.append(Run(Workdir(tmp_path / str(seed)), experiment, Fake(answers, inputs, off), None, 0))
    heading = {"task": task, "dataset": "made", "protocol": "random", "split": "test", "model": "m", "examples": cases}
    first = next(iter(find_task(task).units))
    names = [f"{quantity}_{figure}" for quantity in find_task(task).units for figure in ("mae", "rmse", "r2")]
    results = [heading | {"seed": seed} | {name: {"value": 1.0 + 2 * seed} for name in names} for seed in (0, 1)]
    found = measure_together("row", runs, results, "test", tmp_path)
    # Off by 1 and 3: the mean by 2, the standard deviation s is √2. 2 is 1.15 times s · √(1 + 1/2); with one degree of
    # freedom the quantiles of 50 and 80 % are 1 and 3.08.
    figure = found["figures"][f"{first}_mae"]
    assert figure["members"]["mean"] == 2.0
    assert figure["ensemble"]["value"] == pytest.approx(2.0, rel=1e-4)
    spread = found["spread"]
    assert spread["spread"] == pytest.approx(np.sqrt(2), rel=1e-4)
    assert spread["error"] == pytest.approx(2.0, rel=1e-4)
    assert [one["value"] for one in spread["coverage"].values()] == [0, 1, 1]
    assert "95% cover 100.0%" in capsys.readouterr().out
    assert (tmp_path / "figures" / "row_test_calibration.png").exists()


def test_seeds_that_drew_examples_of_their_own_have_no_ensemble(tmp_path):
    fields = {key: {} for key in ("model", "origin", "noises", "fingerprints", "examples")}
    runs = [
        Run(
            Workdir(tmp_path / str(seed)),
            Experiment(
                config=recipe("arrhythmia"),
                task=find_task("arrhythmia"),
                protocol="kaggle",
                split={"train": np.arange(3) + seed},
                **fields,
            ),
            *(None, None, 0),
        )
        for seed in (0, 1)
    ]
    with pytest.raises(InputError, match="found per_class"):
        measure_together("row", runs, [{}, {}], "train", tmp_path)


def test_a_run_on_other_data_is_refused(swept, tmp_path, cardiax):
    folders = [shutil.copytree(swept / f"{ROW}-seed{seed}", tmp_path / f"seed{seed}") for seed in (0, 1)]
    environment = json.loads((folders[1] / "environment.json").read_text())
    environment["fingerprints"]["split"] = "0" * 64
    write_json(folders[1] / "environment.json", environment)
    (folders[1] / ".sums.json").unlink()  # of an edited file
    assert "seed1/environment.json: found a split with SHA-256" in cardiax.mistake("evaluate", *folders)
