"""What a lab adds from outside of the package: each in a module of under 40 lines, used by `--import my_lab`."""

import csv
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cardiax.baselines import SYSTEMS
from cardiax.catalog import DATASETS, Dataset
from cardiax.catalog import register as register_dataset
from cardiax.ecg.augmentation import EXTRA
from cardiax.ecg.augmentation import register as register_augmentation
from cardiax.models import MODELS, READS, TREES
from cardiax.models import register as register_model
from cardiax.recipes import RECIPES
from cardiax.stats.classification import METRICS
from cardiax.stats.classification import register as register_metric
from cardiax.tasks import TASKS, Task
from cardiax.tasks import register as register_task
from cardiax.tasks.plain_report import Report
from cardiax.training.optimizer import OPTIMIZERS
from cardiax.training.optimizer import register as register_optimizer

pytestmark = pytest.mark.usefixtures("without_plots")

MODEL = """
import flax.linen as nn
from cardiax.models import register


class Perceptron(nn.Module):
    outputs: int
    axis_name: str | None = None
    widths: tuple[int, ...] = (16,)
    blocks: int = 1

    @nn.compact
    def __call__(self, leads, train):
        x = leads.reshape(len(leads), -1)
        for width in self.widths * self.blocks:
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(self.outputs)(x)


register("perceptron", Perceptron, reads=("beat",))
"""

DATASET = """
from cardiax.catalog import AAMI_CLASSES, Dataset, register
from cardiax.datasets.storage.wfdb_beats import WfdbBeats
from cardiax.datasets.storage.wfdb_database import Database


class OurBeats(WfdbBeats):
    DATABASE = Database(name="ourdb", homepage="https://our.lab/ourdb", records=("p1", "p2", "p3", "p4", "p5"))


protocols = ("group", "noise")
register(Dataset("our_beats", "beat", rate=180.0, protocols=protocols, classes=AAMI_CLASSES, by_record=True))
"""

AUGMENTATION = """
import jax
from cardiax.ecg.augmentation import register


def offset(key, inputs, target, strength):
    return inputs | {"leads": inputs["leads"] + strength * jax.random.normal(key)}, target


register("offset", offset)
"""

METRIC = """
import numpy as np
from cardiax.stats.classification import register


def balanced_accuracy(confusion):
    true = confusion.sum(axis=-1)
    recall = np.diagonal(confusion, axis1=-2, axis2=-1) / np.where(true > 0, true, np.nan)
    return np.nanmean(recall, axis=-1)


register("balanced_accuracy", balanced_accuracy)
"""

OPTIMIZER = """
import optax
from cardiax.training.optimizer import register

register("lion", lambda rate, config: optax.lion(rate, weight_decay=config.weight_decay))
"""

TASK = """
import jax
from cardiax.catalog import AAMI_CLASSES
from cardiax.tasks import register
from cardiax.tasks.beat_classification import Classification


class Focal(Classification):
    def training_loss(self, config, targets):
        cross_entropy = super().training_loss(config, targets)

        def loss(logits, target):
            likely = jax.nn.softmax(logits)[jax.numpy.arange(len(target)), target]
            return (1 - likely) ** 2 * cross_entropy(logits, target)

        return loss


other_or_v = {AAMI_CLASSES: ("other", "other", "V", "other", "other")}
register(Focal("ventricular", "ventricular beat or not", ("other", "V"), "other", "other", other_or_v))
"""

NEW_TASK = """
import jax.numpy as jnp
import numpy as np
from cardiax.baselines import System
from cardiax.config import Config
from cardiax.tasks import Task, register
from cardiax.tasks.plain_report import Report


class Length(Task):
    name, summary, kind = "length", "length of a beat, s", "beat"
    outputs, selection, report = 1, "error", Report({"error": "s"})

    def shapes(self, dataset):
        return {"leads": dataset.shape}

    def arrays(self, examples, dataset):
        seconds = np.count_nonzero(examples["beat"], axis=1) / dataset.rate
        return {"leads": examples["beat"][..., None], "target": seconds.astype(np.float32)}

    def training_loss(self, config, targets):
        return lambda outputs, target: (outputs[:, 0] - target) ** 2

    def measure(self, outputs, target):
        error = jnp.abs(outputs[:, 0] - target)
        return {"loss": error**2, "error": error}


recipe = Config(dataset="kaggle_heartbeat/mitbih", batch_size=64, steps=2, model_args={"widths": (8,), "blocks": 1})
register(Length(), recipe, {"constant": System("no training", {"optimizer.learning_rate": 0.0})})
"""

QUICK = [word for name in ("mixup", "stretch", "warp", "noise") for word in (f"--augmentation.{name}", "0")]
"""Settings whose programs compile in half the time."""

TABLES = (DATASETS, EXTRA, METRICS, MODELS, OPTIMIZERS, READS, RECIPES, SYSTEMS, TASKS)


@pytest.fixture
def my_lab(tmp_path, monkeypatch):
    """Write my_lab.py into the current folder; without a text, forget all that it registered, as at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = [dict(table) for table in TABLES]

    def write(text=""):
        if text:
            assert text.strip().count("\n") + 1 < 40
            (tmp_path / "my_lab.py").write_text(text)
            return
        sys.modules.pop("my_lab", None)
        for table, entries in zip(TABLES, before, strict=True):
            table.clear()
            table.update(entries)

    yield write
    write()


@pytest.fixture
def train(cardiax, data_dir):
    """Train two steps with my_lab, and return what was printed."""

    def train(task, *more):
        where = ("--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--workdir", "run")
        where += ("--import", "my_lab", "--steps", 2, "--model_args", "widths=(8,),blocks=1", *QUICK)
        status, out, error = cardiax("train", task, *where, *more)
        assert status == 0, error
        return out

    return train


def written(name):
    with open(f"run/{name}", newline="") as file:
        return json.load(file) if name.endswith("json") else list(csv.DictReader(file))


def test_a_model(my_lab, train, cardiax, data_dir):
    my_lab(MODEL)
    train("arrhythmia", "--model", "perceptron")
    assert (written("config.json")["imports"], written("test.json")["model"]) == ("my_lab", "perceptron")
    assert written("test.json")["parameters"] == 187 * 8 + 8 + 8 * 5 + 5
    importlib.reload(sys.modules["my_lab"])
    assert "  perceptron\n" in cardiax("info", "--import", "my_lab")[1]
    my_lab()
    told = cardiax.mistake("train", "arrhythmia", "--data-dir", data_dir, "--model", "perceptron")
    assert "unknown model 'perceptron'" in told
    assert cardiax("evaluate", "run", "--data-dir", data_dir)[0] == 0


def test_a_dataset_of_beats(my_lab, cardiax, tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    rate, beats = 250, np.arange(200, 14_800, 200)  # one of 0.8 s, in a minute
    (tmp_path / "raw").mkdir()
    for number, leads in enumerate((["II"], ["V1", "II"], ["I", "II", "V1"], ["x", "y"])):
        time = np.arange(60 * rate)[:, None]
        signal = sum(np.exp(-(((time - beat) / 5.0) ** 2)) for beat in beats) * np.linspace(1, -1, len(leads))
        what = {"fs": rate, "units": ["mV"] * len(leads), "sig_name": leads, "fmt": ["16"] * len(leads)}
        wfdb.wrsamp(f"p{number + 1}", p_signal=signal, write_dir="raw", **what)
        symbols = ["V" if index % 5 == 4 else "N" for index in range(len(beats))]
        wfdb.wrann(f"p{number + 1}", "atr", np.append(beats, 14_900), [*symbols, "~"], write_dir="raw")
    my_lab(DATASET)
    data = ("--import", "my_lab", "--data-dir", "data")
    assert "our_beats (split by group, noise): missing" in cardiax("info", *data)[1]
    status, out, error = cardiax("prepare", "our_beats", *data, "--manual-dir", "raw")
    assert status == 0, error
    assert "beats: 292 beats (N 236, S 0, V 56, F 0, Q 0)" in out
    assert "note: 4 of the 5 records of https://our.lab/ourdb" in out
    assert "our_beats (split by group, noise): prepared" in cardiax("info", *data)[1]
    small = ("--steps", 2, "--batch_size", 32, "--model_args", "widths=(8,),blocks=1", "--workdir", "run")
    status, _, error = cardiax("train", "arrhythmia", "--dataset", "our_beats", *data, *small)
    assert status == 0, error
    assert written("test.json")["examples"] == 73
    assert len({case["record"] for case in written("test_cases.csv")}) == 1


def test_an_augmentation(my_lab, train, cardiax, data_dir):
    my_lab(AUGMENTATION)
    without_batch_norm = ("--model", "reference_cnn", "--model_args", "channels=(4,4,4),widths=(8,8)")
    train("arrhythmia", "--augmentation.extra", "offset=1000", *without_batch_norm)
    assert written("config.json")["augmentation.extra"] == {"offset": 1000}
    assert float(written("metrics.csv")[0]["train_loss"]) > 10
    told = cardiax.mistake("train", "arrhythmia", "--data-dir", data_dir, "--augmentation.extra", "ofset=1")
    assert told == "unknown augmentation.extra 'ofset': did you mean 'offset'? known: offset"
    importlib.reload(sys.modules["my_lab"])


def test_a_metric(my_lab, train):
    my_lab(METRIC)
    out = train("arrhythmia")
    result = written("test.json")
    recalls = [row["recall"]["value"] for row in result["classes"].values()]
    found = result["balanced_accuracy"]
    assert found["low"] <= found["value"] <= found["high"]
    assert found["value"] == pytest.approx(np.mean(recalls))
    assert f"balanced_accuracy  {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]\n" in out
    assert 0 <= float(written("metrics.csv")[0]["validation_balanced_accuracy"]) <= 1
    importlib.reload(sys.modules["my_lab"])


def test_an_optimizer(my_lab, train, cardiax, data_dir):
    my_lab(OPTIMIZER)
    train("arrhythmia", "--optimizer.name", "lion", "--optimizer.weight_decay", 0.1)
    assert written("config.json")["optimizer.name"] == "lion"
    told = cardiax.mistake("train", "arrhythmia", "--data-dir", data_dir, "--optimizer.name", "lyon")
    assert told == "unknown optimizer.name 'lyon': did you mean 'lion'? known: adam, adamw, lion, muon, sgd"
    told = cardiax.mistake("sweep", "arrhythmia", "--data-dir", data_dir, "--grid", "optimizer.name=lion,lyon")
    assert "unknown optimizer.name 'lyon'" in told
    importlib.reload(sys.modules["my_lab"])


def test_a_task(my_lab, train, cardiax):
    my_lab(TASK)
    train("ventricular")
    assert list(written("test.json")["classes"]) == ["other", "V"]
    assert "  ventricular: ventricular beat or not\n" in cardiax("info")[1]


def test_a_task_of_another_kind_of_answer(my_lab, cardiax, data_dir):
    my_lab(NEW_TASK)
    data = ("--data-dir", data_dir, "--import", "my_lab")
    told = cardiax.mistake("train", "length", *data, "--model", "xgboost")
    assert told == "model: found 'xgboost', which learns classes, and task 'length' without any; choose another"
    status, out, error = cardiax("train", "length", *data, "--workdir", "run")
    assert status == 0, error
    result, cases = written("test.json"), written("test_cases.csv")
    found = result["error"]
    assert found["low"] <= found["value"] <= found["high"]
    assert found["value"] == pytest.approx(np.mean([float(case["error"]) for case in cases]))
    assert f"error  {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}] s\n" in out
    importlib.reload(sys.modules["my_lab"])

    status, out, error = cardiax("sweep", "length", *data, "--systems", "constant", "--seeds", 2, "--workdir", "sweep")
    assert status == 0, error
    assert "| kaggle | constant |" in out
    my_lab()
    status, out, error = cardiax("evaluate", "sweep", "--data-dir", data_dir, "--out", ".")
    assert status == 0, error
    ensemble = json.loads(Path("ensemble.json").read_text())["constant-kaggle"]["figures"]["error"]
    members = ensemble["members"]["values"]
    assert ensemble["ensemble"]["value"] <= np.mean(members) + 1e-6  # as |mean of errors| ≤ mean of |errors|
    assert cardiax("report", "sweep", "--data-dir", data_dir, "--out", "page.html")[0] == 0
    told = cardiax.mistake("evaluate", "run", "--data-dir", data_dir, "--protocol", "noise")
    assert told == "protocol: found noise, with which the task 'length' is not tested; choose another"


@pytest.mark.parametrize(
    ("register", "arguments"),
    [
        (register_model, ("resnet1d", type("Other", (), {}), ("beat",))),
        (register_model, ("xgboost", TREES["xgboost"], ("beat",))),
        (register_dataset, (Dataset("physionet_nstdb", "beat", 360.0, ()),)),
        (register_metric, ("macro_f1", np.mean)),
        (register_optimizer, ("adam", lambda rate, config: None)),
        (register_task, (TASKS["heartbeat"].__class__("arrhythmia", "", (), "", "", {}),)),
    ],
)
def test_a_name_that_is_taken_is_refused(register, arguments):
    with pytest.raises(ValueError, match=r"found a .* already, expected a new name"):
        register(*arguments)


@pytest.mark.parametrize(
    ("units", "higher_is_better", "found"),
    [
        ({}, (), r"\[\]"),
        ({"hit": "", "error": "s"}, (), r"\[\('error', False\), \('hit', False\)\]"),
        ({"error": "s"}, ("error",), r"\[\('error', True\)\]"),
    ],
)
def test_a_task_whose_report_does_not_compare_by_what_selects_is_refused(units, higher_is_better, found):
    class Length(Task):
        name, selection, report = "length", "error", Report(units, higher_is_better)

    with pytest.raises(ValueError, match=f"task 'length': found a report with the merits {found}, expected .'error', "):
        register_task(Length())
    assert "length" not in TASKS


def test_an_augmentation_keeps_its_name(my_lab):
    register_augmentation("mine", lambda key, inputs, target, strength: (inputs, target))
    with pytest.raises(ValueError, match="found a registered augmentation 'mine' already"):
        register_augmentation("mine", np.negative)
