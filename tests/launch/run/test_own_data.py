"""Your own beats all the way: from a table and a folder of records to a run, a prediction, a page and a bundle."""

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

import cardiax as library
from cardiax.datasets.own_beats.own_beats_dataset_builder import READ
from cardiax.errors import InputError
from cardiax.launch.run.own_data import settle

pytestmark = pytest.mark.usefixtures("without_plots")

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")

SMALL = ("--model_args", "widths=(8,),blocks=1", "--epochs", "1", "--batch_size", "64")
KINDS = ("broad one", "narrow")


def write_table(path, people=12):
    """Bumps of two widths, ten beats of each of 12 people, 40 samples of two decimals."""
    random, rows = np.random.default_rng(0), []
    for index in range(10 * people):
        kind = index % 2
        bump = np.exp(-(((np.arange(40) - 15 - random.normal()) / (2 + 6 * (1 - kind))) ** 2))
        cells = "{:.2f}," * 40
        rows.append(cells.format(*(800 + 300 * bump)) + f"{KINDS[kind]},p{index // 10}")
    path.write_text("\n".join([",".join([*(f"x{i}" for i in range(40)), "kind", "patient"]), *rows]))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a table, its run and the data folder of that."""
    place = tmp_path_factory.mktemp("lab")
    write_table(place / "beats.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        model = {"widths": (8,), "blocks": 1}
        run = library.train(
            "arrhythmia", dataset="beats.csv", labels="kind", data_dir="data", workdir="run", model_args=model,
            epochs=1, batch_size=64, quiet=True,
        )  # fmt: skip
    assert run.metrics["protocol"] == "group"
    assert list(run.metrics["classes"]) == [*KINDS]
    assert "over groups" in run.metrics["interval"]
    return place


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


def test_no_patient_is_in_two_splits_and_the_run_says_what_it_learnt_from(here):
    fields = json.loads((here / "run" / "config.json").read_text())
    assert fields["own_dataset"]["name"] == fields["dataset"]
    assert fields["own_dataset"]["classes"] == [*KINDS]
    assert fields["own_dataset"]["made_by"] == "beats.csv --labels kind"
    assert str(here) not in json.dumps(fields)
    with (here / "run" / "test_cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {*KINDS}
    people = {row["group"] for row in rows}
    assert len(rows) == 10 * len(people)  # whole people


@pytest.mark.slow
def test_workers_of_a_sweep_know_the_dataset(here, cardiax):
    data = ("--dataset", "beats.csv", "--labels", "kind", "--data-dir", "data")
    status, _, error = cardiax("sweep", "arrhythmia", *data, *SMALL, "--seeds", 2, "--workers", 2, "--workdir", "both")
    assert status == 0, error
    alone, one = (json.loads((here / run / "test.json").read_text()) for run in ("run", "both/resnet1d-group-seed0"))
    assert one == alone


def test_the_same_command_is_the_same_run_and_a_changed_table_is_not(here, cardiax):
    before = (here / "run" / "test.json").read_bytes()
    train = ("train", "arrhythmia", "--dataset", "beats.csv", "--labels", "kind", "--data-dir", "data", *SMALL)
    status, out, _ = cardiax(*train, "--workdir", "run")
    assert status == 0
    assert "data: beats.csv is own_beats/beats-" in out
    assert (here / "run" / "test.json").read_bytes() == before
    changed = here / "changed"
    changed.mkdir(exist_ok=True)
    header, rows = (here / "beats.csv").read_text().split("\n", 1)
    (changed / "beats.csv").write_text(header + "\n" + rows.replace("8", "9", 1))
    error = cardiax.mistake(*(train[:3]), "changed/beats.csv", *train[4:], "--workdir", "run")
    assert "run: found a run of another configuration (dataset: expected 'own_beats/beats-" in error
    error = cardiax.mistake("train", "arrhythmia", "--dataset", "beats.csv", "--workdir", "run", "--data-dir", "data")
    assert "beats.csv: found no column named label or class, expected the class of each beat" in error


def test_a_run_is_repeated_from_its_config_and_its_data_by_name(here, cardiax):
    status, _, error = cardiax("train", "--config", "run/config.json", "--workdir", "again", "--data-dir", "data")
    assert status == 0, error
    assert (here / "again" / "test.json").read_bytes() == (here / "run" / "test.json").read_bytes()
    error = cardiax.mistake("train", "--config", "run/config.json", "--workdir", "other", "--data-dir", "elsewhere")
    assert "is not prepared in elsewhere: run `cardiax prepare beats.csv --labels kind --data-dir elsewhere`" in error
    name = json.loads((here / "run" / "config.json").read_text())["dataset"]
    status, out, _ = cardiax("prepare", name, "--data-dir", "data")
    assert status == 0
    assert f"120 beats ({KINDS[0]} 60, {KINDS[1]} 60)" in out
    error = cardiax.mistake("prepare", name, "--again", "--data-dir", "data")
    assert error.startswith(f"--again: found the name {name}, expected the path of its files")
    assert "run `cardiax prepare beats.csv --labels kind --data-dir data --again`" in error
    assert cardiax.mistake("prepare", "own_beats/none-0", "--data-dir", "data").startswith("own_beats/none-0: found no")


def test_a_table_of_such_beats_is_predicted_by_run_and_bundle_without_the_data(here, cardiax, tmp_path):
    status, _, error = cardiax("export", "run", "--out", tmp_path / "bundle", "--no-stablehlo")
    assert status == 0, error
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "classes: broad one | narrow" in card
    assert "Made by `cardiax prepare beats.csv --labels kind`" in card
    steps = json.loads((tmp_path / "bundle" / "preprocessor.json").read_text())["steps"]
    assert "40 samples of each of 1 leads" in steps[0]
    shutil.copytree("run", tmp_path / "run")
    text = (here / "beats.csv").read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join(line.rsplit(",", 2)[0] for line in text[:5]))  # without labels
    shutil.copy(tmp_path / "new.csv", tmp_path / "old.csv")
    files = (tmp_path / "new.csv", tmp_path / "old.csv")
    status, _, error = cardiax("predict", tmp_path / "run", *files, "--out", tmp_path / "run")
    assert status == 0, error
    with (tmp_path / "run" / "new_classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    samples = np.array([line.split(",")[:40] for line in text[1:5]], float)
    found = library.load(tmp_path / "bundle").predict(samples)
    assert [row["class"] for row in rows] == found.names.tolist()
    counts = [str((found.names == name).sum()) for name in KINDS]
    with (tmp_path / "run" / "predictions.csv").open() as file:
        table = [[row["beats"], *(row[f"beats_{name}"] for name in KINDS)] for row in csv.DictReader(file)]
    assert table == [["4", *counts]] * 2
    odds = [[float(row[f"p_{name}"]) for name in KINDS] for row in rows]
    np.testing.assert_allclose(odds, found.probabilities, atol=1e-4)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    with pytest.raises(InputError, match=r"found an array \(4, 39\), expected finite numbers \(n, 40 × 1\)"):
        library.load("run").predict(samples[:, 1:])
    np.save(tmp_path / "ecg.npy", samples)
    assert "does not tell how a beat is cut out of a recording" in cardiax.mistake(
        "predict", "run", tmp_path / "ecg.npy"
    )
    error = cardiax.mistake("predict", "run", tmp_path / "new.csv", "--rate", "100")
    assert error.startswith("--rate: found 100.0, which does not apply")


def test_beats_are_not_kept_in_memory_after_a_failure(tmp_path, monkeypatch):
    write_table(tmp_path / "beats.csv", 3)

    def fail(*arguments, **more):
        raise InputError("full: found no space, expected some")

    monkeypatch.setattr("cardiax.datasets.prepare", fail)
    options = SimpleNamespace(dataset=str(tmp_path / "beats.csv"), labels="kind", data_dir=tmp_path / "data")
    with pytest.raises(InputError, match="no space"):
        settle(options)
    assert READ == {}


def test_the_page_names_the_classes_and_the_groups(here, cardiax, tmp_path):
    status, _, error = cardiax("report", "run", "--out", tmp_path / "run.html")
    assert status == 0, error
    page = (tmp_path / "run.html").read_text()
    for text in (
        *KINDS,
        "no group, e.g. a patient, is in two of training",
        "from beats.csv --labels kind",
        '"samples"',
    ):
        assert text in page, text


def test_what_is_neither_a_name_nor_a_path_is_one_line(here, cardiax):
    train = ("train", "arrhythmia", "--dataset")
    assert "none.csv: found no such file or folder" in cardiax.mistake(*train, "none.csv")
    assert "did you mean 'simulated_heartbeat'" in cardiax.mistake(*train, "simulated_heartbeet")
    assert "found a file of another kind" in cardiax.mistake(*train, "run/config.json")
    error = cardiax.mistake(*train, "simulated_heartbeat", "--groups", "patient")
    assert error == "--groups: found patient, which applies to your own files alone; give --dataset PATH"
    error = cardiax.mistake("train", "activation", "--dataset", "beats.csv", "--labels", "kind", "--data-dir", "data")
    assert "'activation' cannot learn from" in error
    error = cardiax.mistake(*train, "beats.csv", "--labels", "kind", "--data-dir", "data", "--protocol", "patient")
    assert "unknown protocol of own_beats/" in error


@pytest.fixture(scope="module")
def records(tmp_path_factory, heartbeats):
    """Six records of 40 s at 200 Hz, every fifth beat of a record wide and marked V."""
    folder = tmp_path_factory.mktemp("holter") / "records"
    folder.mkdir()
    times = 0.5 + np.arange(48) * 0.8
    for index in range(6):
        wide = np.arange(48) % 5 == index % 5
        lead = heartbeats(times, 200.0, 40.0, wide)
        name, symbols = f"r{index}", np.where(wide, "V", "N").tolist()
        kind = {"fmt": ["16"], "adc_gain": [1000.0], "baseline": [0], "write_dir": str(folder)}
        wfdb.wrsamp(name, 200, ["mV"], ["II"], p_signal=lead[:, None], **kind)
        wfdb.wrann(name, "atr", np.round(times * 200).astype(int), symbols, write_dir=str(folder))
    (folder.parent / "classes.csv").write_text("N,sinus\nV,wide\n")
    return folder


@pytest.mark.slow
def test_a_folder_of_records_is_learnt_and_recordings_are_predicted_in_its_classes(records, cardiax, monkeypatch):
    monkeypatch.chdir(records.parent)
    small = ("--steps", "3", "--batch_size", "64", "--model_args", "widths=(8,),blocks=1", "--data-dir", "data")
    train = ("train", "arrhythmia", "--dataset", "records", "--classes", "classes.csv", "--workdir", "run", *small)
    assert "augmentation.fibrillation: found 0.5, which has no effect: a simulated rhythm has" in cardiax.mistake(
        *train, "--augmentation.fibrillation", "0.5"
    )
    status, _, error = cardiax(*train, "--protocol", "fold_3")
    assert status == 0, error
    test = json.loads((records.parent / "run" / "test.json").read_text())
    assert list(test["classes"]) == ["sinus", "wide"]
    status, _, error = cardiax("predict", "run", "records/r2.hea", "--out", "out", "--compare", "atr", "--no-report")
    assert status == 0, error
    with (records.parent / "out" / "r2_beats.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time_s", "rr_s", "class", "p_sinus", "p_wide", "flag"]
    compared = json.loads((records.parent / "out" / "comparison.json").read_text())["gross"]
    assert list(compared["classes"]) == ["sinus", "wide"]
    marks = wfdb.rdann(str(records.parent / "out" / "r2"), "cardiax").symbol
    assert marks == [{"sinus": "N", "wide": "V"}[row["class"]] for row in rows]
    assert json.loads((records.parent / "out" / "r2_summary.json").read_text())["ectopic"] == {}
