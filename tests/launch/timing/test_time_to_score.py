"""The time to a score, of processes whose scores are given here, and of a tiny network."""

import json
import sys
import time
from types import SimpleNamespace

import pytest

from cardiax.errors import InputError
from cardiax.launch.evaluation.results_page import table
from cardiax.launch.timing import pytorch_twin, time_to_score
from cardiax.launch.timing.time_to_score import PEER, measure, recipes_of, targets_of, timed

pytestmark = pytest.mark.usefixtures("small_products")

GOALS = {"accuracy": 0.9, "macro_f1": 0.8}

JOB = """
import json, sys, time
from pathlib import Path

folder, (status, rest, scores, test) = Path(sys.argv[1]), map(json.loads, sys.argv[2:])
folder.mkdir(exist_ok=True)
print("an epoch begins", flush=True)
with open(folder / "metrics.jsonl", "a") as file:
    for number, (accuracy, macro_f1) in enumerate(scores):
        print(json.dumps({"validation_accuracy": accuracy, "validation_macro_f1": macro_f1}), file=file, flush=True)
        print(f"epoch {number}", flush=True)
        time.sleep(0.2)
time.sleep(rest)
accuracy, macro_f1 = test
(folder / "test.json").write_text(json.dumps({"accuracy": {"value": accuracy}, "macro_f1": {"value": macro_f1}}))
sys.exit(status)
"""
"""A run with the scores of each evaluation, 0.2 s apart, and of the test, before which it rests."""


def job(folder, scores, test=(0.95, 0.85), status=0, rest=0):
    return [sys.executable, "-c", JOB, str(folder), *map(json.dumps, (status, rest, scores, test))]


def test_the_time_ends_with_the_evaluation_that_reaches_both_goals(tmp_path):
    start = time.perf_counter()
    found = timed(job(tmp_path, [(0.9, 0.7), (0.8, 0.9), (0.91, 0.81)], rest=2), tmp_path, GOALS, 60)
    assert 0.4 < found["seconds"] < time.perf_counter() - start - 1  # without the rest before the test
    assert found == {"seconds": found["seconds"], "validation": [0.91, 0.81], "test": [0.95, 0.85]}


def test_a_run_that_does_not_reach_the_goals_has_no_time_and_no_test(tmp_path):
    missed = timed(job(tmp_path, [(0.9, 0.7), (0.8, None)]), tmp_path, GOALS, 60)
    assert missed == {"seconds": None, "validation": [0.8, 0.0], "test": None}
    killed = timed(job(tmp_path / "slow", [(0.9, 0.7)] * 1000), tmp_path / "slow", GOALS, 0.01)
    assert killed == {"seconds": None, "validation": [0.9, 0.7], "test": None}
    assert not (tmp_path / "slow" / "test.json").exists()


def test_a_run_that_fails_is_told(tmp_path):
    with pytest.raises(InputError, match="found exit status 3, with the error above, of "):
        timed(job(tmp_path, [(0.9, 0.8)], status=3), tmp_path, GOALS, 60)


@pytest.fixture
def scripted(monkeypatch, data_dir):
    """Runs of the class `Scripted`, on the data of `data_dir`; the goals of each that is started are in the list."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    monkeypatch.setattr(pytorch_twin, "check", lambda: "2.0")
    monkeypatch.setattr(time_to_score, "write_arrays", lambda path, config: path.touch())
    started = []

    def command(name, config, goals, folder):
        started.append((name, config.seed, *goals.values()))
        scores, test = [(0.8, 0.8), (0.9, 0.9)], ((0.92, 0.92), (0.88, 0.88))[config.seed]
        if name == PEER:
            scores, test = [*scores[:1] * 4, (0.85, 0.85)], (0.85, 0.85)
        end = next((n for n, one in enumerate(scores) if min(one) >= max(goals.values())), len(scores))
        return job(folder, scores[: end + 1], test)

    monkeypatch.setattr(time_to_score, "command", command)
    return started


def options(**changed):
    given = {"to_score": [[]], "targets": ".9/.9,.85/.85", "margin": (0, 0), "seeds": 2, "limit": 30, "no_peer": False}
    return SimpleNamespace(**given | changed)


def one_recipe():
    return {"default recipe": recipes_of([[]])["default recipe"]}


def machine():
    return {"processor": "a processor", "cores": 2, "versions": {"jax": "0.10"}}


def test_the_slowest_seed_counts_if_all_hold_the_target(scripted):
    found = measure(one_recipe(), options(), machine())
    assert [row["name"] for row in found["rows"]] == [
        f"{target}, {name}" for target in ("0.85/0.85", "0.9/0.9") for name in ("default recipe", PEER)
    ]
    ours, peer, below, never = (row["cells"] for row in found["rows"])
    seconds = {
        name: [run["seconds"] for run in found["runs"] if run["recipe"] == name and run["target"] == (0.85, 0.85)]
        for name in ("default recipe", PEER)
    }
    assert (ours[0], peer[0]) == (max(seconds["default recipe"]), max(seconds[PEER]))
    assert (ours[1], peer[1]) == (peer[0] / ours[0], 1)
    assert ours[2] == f"{seconds['default recipe'][0]:.1f} s, 0.9200/0.9200"
    assert below[:2] == never[:2] == ["not reached", None]
    assert below[2].endswith(" s, 0.9200/0.9200")
    assert below[3].endswith(" s, 0.8800/0.8800 (below the target)")
    assert never[2:] == ["not reached", "not reached"]
    assert "| 0.9/0.9, default recipe | not reached | |" in table(found)
    assert "PyTorch" not in found["command"][0]
    assert found["seeds"] == [0, 1]
    assert found["environment"]["versions"]["torch"] == "2.0"


def test_a_target_above_one_that_was_not_reached_is_not_tried(scripted):
    found = measure(one_recipe(), options(seeds=1, targets=".95/.95,.98/.98,.99/.9", no_peer=True), machine())
    assert [goals for *_, goals in scripted] == [0.95, 0.9]  # the last asks less of macro-F1
    assert [row["cells"][0] for row in found["rows"]] == ["not reached"] * 3


def test_the_margin_is_asked_of_validation_alone(scripted):
    given = options(targets=".85/.85", margin=(0.04, 0.05), seeds=1, no_peer=True)
    found = measure(one_recipe(), given, machine())
    assert scripted == [("default recipe", 0, pytest.approx(0.89), pytest.approx(0.9))]
    assert found["rows"][0]["cells"][0] == found["runs"][0]["seconds"]
    assert found["command"] == [
        "cardiax bench --to-score --targets .85/.85 --margin 0.04 0.05 --seeds 1 --limit 30 --no-peer"
    ]


def test_without_fields_the_default_and_the_fast_recipes_are_measured():
    found = recipes_of([[]])
    assert list(found) == ["default recipe", *time_to_score.FAST]
    assert [config.epochs for config in found.values()] == [20, 3, 8]
    assert found["default recipe"] == recipes_of([["epochs=20"]])["epochs=20"]
    assert list(recipes_of([["epochs=3"], []])) == ["epochs=3", "default recipe"]


def test_mistakes(cardiax, monkeypatch, tmp_path):
    assert targets_of(".989/.935,.985/.915") == [(0.985, 0.915), (0.989, 0.935)]
    for text in (".9", ".9/.9/.9", "1.1/.9", ".9/x", ""):
        assert f"--targets: found '{text}', expected ACCURACY/MACRO_F1" in cardiax.mistake(
            "bench", "--to-score", "--targets", text
        )
    for words, told in (
        (["epoch=3"], "unknown field 'epoch': did you mean 'epochs'"),
        (["epochs"], "epochs: found '', expected a whole number"),
        (["seed=3"], "found seed, expected other fields; see --seeds and --targets"),
        (["dataset=physionet_mitbih/patient"], "found the protocol patient, expected kaggle"),
        (["model=xgboost"], "the model xgboost is not trained in steps"),
        (["model=resnet"], "unknown model 'resnet': did you mean 'resnet1d'"),
        (["--peer", "torch"], "found --peer torch and --to-score, expected only one of them"),
        (["--model", "resnet1d"], "found --to-score and --model, expected only one of them"),
    ):
        assert told in cardiax.mistake("bench", "--to-score", *words)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert "kaggle_heartbeat/mitbih is not prepared" in cardiax.mistake("bench", "--to-score")


@pytest.mark.slow
def test_a_tiny_network_reaches_a_low_target_and_no_perfect_one(cardiax, data_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))

    def check():
        raise InputError("--peer torch: found no PyTorch")

    monkeypatch.setattr(pytorch_twin, "check", check)
    small = ("epochs=2", "batch_size=64", "model_args=widths=(8,),blocks=1", "augmentation.mixup=0")
    command = (
        "bench",
        "--to-score",
        *small,
        "--targets",
        ".01/.01,1/1",
        "--seeds",
        1,
        "--json",
        tmp_path / "found.json",
    )
    status, out, error = cardiax(*command)
    assert status == 0, error
    assert "PyTorch is left out: found no PyTorch" in out
    found = json.loads((tmp_path / "found.json").read_text())
    low, perfect = found["runs"]
    assert low["seconds"] == found["rows"][0]["cells"][0] > 0
    assert min(low["test"]) >= 0.01
    assert (perfect["seconds"], perfect["test"]) == (None, None)
    assert len(perfect["validation"]) == 2
    assert table(found) in out
