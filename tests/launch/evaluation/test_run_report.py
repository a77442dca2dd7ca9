"""The results of a run: on disk before anything is drawn of them, with a calibration, and with noise."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from cardiax import datasets
from cardiax.catalog import find_dataset
from cardiax.ecg.leads import LEADS
from cardiax.ecg.recorded_noise import SNRS
from cardiax.launch.evaluation.run_report import Run, calibration, report
from cardiax.launch.run.experiment import load_experiment
from cardiax.launch.run.run_folder import Workdir
from cardiax.recipes import recipe
from cardiax.simulate.action_potential import action_potential
from cardiax.tasks.plain_report import Cases


class Constant:
    """An evaluator of a network that says N of every beat."""

    def __init__(self, experiment):
        self.experiment = experiment

    def __call__(self, variables, split):
        targets = self.experiment.examples.take(self.experiment.split[split])["target"]
        measured = self.experiment.task.measure(jnp.eye(5)[jnp.zeros_like(targets)], jnp.asarray(targets))
        return self.experiment.task.summarize({name: np.asarray(value) for name, value in measured.items()})

    def parameters(self, variables):
        return 0

    def predict(self, variables, inputs):
        return np.zeros((len(inputs), 5))


def fail(*_arguments, **_options):
    raise IndexError("index 7 is out of bounds\nfor axis 1")


@pytest.mark.parametrize(
    "broken", ["cardiax.plots.confusion_matrix.confusion_figure", "cardiax.tasks.class_report.ClassReport.plots"]
)
def test_a_plot_that_fails_loses_no_result(broken, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(broken, fail)
    config = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    experiment = load_experiment(config, data_dir, lambda line: None)
    report(Run(Workdir(tmp_path), experiment, Constant(experiment), {}, 0), "test")
    printed = capsys.readouterr()
    figures = tmp_path / "figures"
    plots = [figures / "test_beats.png", figures / "test_risk.png"] if "confusion" in broken else []
    failed = figures / "test_confusion" if "confusion" in broken else figures
    assert printed.err == (
        f"cardiax: warning: {failed}: not drawn (IndexError: index 7 is out of bounds for axis 1); the results are not "
        "affected\n"
    )
    assert sorted(figures.glob("*")) == plots
    assert f"wrote: {', '.join(map(str, [tmp_path / 'test.json', *plots]))}\n" in printed.out
    assert json.loads((tmp_path / "test.json").read_text())["examples"] == 140
    assert len((tmp_path / "test_cases.csv").read_text().splitlines()) == 1 + 140
    validation = json.loads((tmp_path / "calibration.json").read_text())["validation"]
    assert validation["examples"] == len(experiment.split["validation"])


def test_a_calibration_that_fails_loses_no_result(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("cardiax.launch.evaluation.run_report.calibration", fail)
    config = recipe("arrhythmia", "kaggle_heartbeat/mitbih")
    experiment = load_experiment(config, data_dir, lambda line: None)
    with pytest.raises(IndexError):
        report(Run(Workdir(tmp_path), experiment, Constant(experiment), {}, 0), "test")
    written = sorted(path.name for path in tmp_path.rglob("test*"))
    assert written == ["test.json", "test_beats.png", "test_cases.csv", "test_confusion.png", "test_risk.png"]


def cases(protocol, count):
    origin = {"record": np.arange(count) % 10, "label": np.zeros(count, int)}
    return Cases(find_dataset("physionet_mitbih/patient"), protocol, "validation", np.arange(count), origin, dict)


@pytest.fixture(scope="module")
def figures():
    """Probabilities (n, 5) of a network that is too sure by a temperature of 2."""
    random = np.random.default_rng(0)
    true = 2 * random.normal(size=(4_000, 5))
    target = np.argmax(true + random.gumbel(size=true.shape), axis=1)
    return {"probabilities": softmax(2 * true, axis=1).astype(np.float32), "target": target}


def test_a_calibration_is_fitted_by_record_where_the_split_is_by_patient(figures):
    found = calibration(cases("patient", 4_000), figures)
    assert found["temperature"] == pytest.approx(2, rel=0.05)
    assert found["source"] == "physionet_mitbih/patient, its validation split by patient"
    assert found["validation"]["groups"] == 10
    assert 0.05 <= found["usual_share"] < 0.1
    by_beat = calibration(cases("random", 4_000), figures)
    assert by_beat["temperature"] == pytest.approx(2, rel=0.05)
    assert (by_beat["validation"]["groups"], by_beat["usual_share"]) == (None, None)


def test_a_probability_of_zero_is_no_infinite_loss_of_a_calibration():
    certain = {"probabilities": np.eye(5, dtype=np.float32)[np.arange(100) % 5], "target": np.arange(100) % 5}
    found = calibration(cases("patient", 100), certain)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["validation"]["risk"] == 0


RATIOS = [str(snr) for snr in SNRS]


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    """A data folder with physionet_nstdb alone, from WFDB files."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    raw, folder = tmp_path_factory.mktemp("nstdb"), tmp_path_factory.mktemp("noises")
    for seed, name in enumerate(("bw", "em", "ma")):
        units = np.random.default_rng(seed).integers(-1000, 1000, (650_000, 2))
        about = {"fs": 360, "units": ["mV"] * 2, "sig_name": ["noise1", "noise2"], "fmt": ["212"] * 2}
        wfdb.wrsamp(name, d_signal=units, adc_gain=[200] * 2, baseline=[0] * 2, write_dir=str(raw), **about)
    datasets.prepare("physionet_nstdb", folder, raw)
    return folder / "physionet_nstdb"


@pytest.fixture(scope="module")
def both(noises, data_dir, tmp_path_factory):
    """A data folder with Kaggle's beats and the noises."""
    folder = tmp_path_factory.mktemp("both")
    shutil.copytree(data_dir / "kaggle_heartbeat", folder / "kaggle_heartbeat")
    shutil.copytree(noises, folder / "physionet_nstdb")
    return folder


def measured(figure):
    return figure["low"] <= figure["value"] <= figure["high"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet1d", "xgboost"])
def test_noise_where_it_is_the_protocol_of_a_run_and_where_it_is_evaluated_after(
    cardiax, small_run, both, tmp_path, model
):
    own = ("--steps", "2", "--model_args", "widths=(8,16),blocks=1")  # a smaller one gives every beat the same class
    command = [*small_run[:-2], "--data-dir", both, *own]
    if model == "xgboost":
        pytest.importorskip("xgboost", reason="needs the extra cardiax[baselines]")
        command = [*small_run[:4], "--data-dir", both, "--model", "xgboost", "--model_args", "trees=5,depth=2"]
    status, out, err = cardiax(*command, "--protocol", "noise", "--workdir", tmp_path / "a")
    assert status == 0, err
    assert json.loads((tmp_path / "a" / "config.json").read_text())["protocol"] == "noise"
    clean = json.loads((tmp_path / "a" / "test.json").read_text())
    result = json.loads((tmp_path / "a" / "test_noise.json").read_text())
    assert result["protocol"] == clean["protocol"] == "kaggle"
    assert result["clean"]["accuracy"] == clean["accuracy"]
    assert result["clean"]["recall_V"] == clean["classes"]["V"]["recall"]
    assert list(result["noises"]) == ["bw", "em", "ma"]
    rows = [row for at in result["noises"].values() for row in at.values()]
    for at in result["noises"].values():
        assert list(at) == RATIOS
        assert all(measured(figure) for row in at.values() for figure in row.values())
        assert list(at["0"]) == ["macro_f1", "accuracy", *(f"recall_{name}" for name in "NSVFQ")]
    assert len({json.dumps(row) for row in rows}) > 3  # noise does reach the model
    assert "missing" not in result
    assert (tmp_path / "a" / "figures" / "test_noise.png").read_bytes().startswith(b"\x89PNG")
    assert "em -6 dB" in out

    # The default protocol draws the same split, and so gives the same model and the same figures.
    assert cardiax(*command, "--workdir", tmp_path / "b")[0] == 0
    assert not (tmp_path / "b" / "test_noise.json").exists()
    assert cardiax("evaluate", tmp_path / "b", "--protocol", "noise")[0] == 0
    assert (tmp_path / "b" / "test_noise.json").read_bytes() == (tmp_path / "a" / "test_noise.json").read_bytes()
    assert (tmp_path / "b" / "test.json").read_bytes() == (tmp_path / "a" / "test.json").read_bytes()
    assert cardiax("evaluate", tmp_path / "b", "--protocol", "noise", "--split", "validation")[0] == 0
    assert json.loads((tmp_path / "b" / "validation_noise.json").read_text())["examples"] == 60


@pytest.mark.slow
def test_mistakes_about_noise_are_told_before_any_work(cardiax, small_run, data_dir, tmp_path):
    told = cardiax.mistake(*small_run, "--protocol", "noise", "--workdir", tmp_path / "run")
    assert "physionet_nstdb is not prepared in" in told
    assert f"run `cardiax prepare physionet_nstdb --data-dir {data_dir}`" in told
    assert not (tmp_path / "run").exists()
    assert cardiax(*small_run[:-2], "--steps", "2", "--workdir", tmp_path / "run")[0] == 0
    (tmp_path / "run" / "test.json").unlink()
    assert "cardiax prepare physionet_nstdb" in cardiax.mistake("evaluate", tmp_path / "run", "--protocol", "noise")
    assert not (tmp_path / "run" / "test.json").exists()
    told = cardiax.mistake("evaluate", tmp_path / "run", "--protocol", "noises")
    assert "unknown protocol 'noises': did you mean 'noise'" in told
    told = cardiax.mistake("evaluate", tmp_path / "run", "--protocol", "noise", "--noise", "12")
    assert "found --protocol noise with --noise or --drop-lead, expected only one" in told


@pytest.mark.slow
def test_twelve_leads_with_noise_and_without_each_lead(cardiax, noises, tmp_path):
    raw, folder = tmp_path / "raw", tmp_path / "data"
    raw.mkdir()
    random = np.random.default_rng(0)
    for number in range(20):
        times = random.uniform(5, 150, 75)
        voltage = np.array(action_potential(np.arange(500.0)[:, None] - times, np.full(75, 250.0)))
        tail = f"hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.{number}.volunteer.v{number % 8 + 1}"
        np.save(raw / f"pECGData_{tail}.npy", voltage @ random.normal(size=(75, 10)) / 500)
        np.save(raw / f"VmData_{tail}.npy", voltage)
    datasets.prepare("ucsd_intracardiac", folder, raw, folder / "downloads")
    shutil.copytree(noises, folder / "physionet_nstdb")
    where = ("--dataset", "ucsd_intracardiac", "--data-dir", folder, "--workdir", tmp_path / "run")
    small = ("--model_args", "widths=(8,8),blocks=1,hidden=8", "--batch_size", "8", "--steps", "2")
    small += ("--augmentation.stretch", "0", "--augmentation.noise", "0")
    status, out, err = cardiax("train", "activation", *where, *small, "--protocol", "noise")
    assert status == 0, err
    clean = json.loads((tmp_path / "run" / "test.json").read_text())
    result = json.loads((tmp_path / "run" / "test_noise.json").read_text())
    assert clean["protocol"] == "random"
    assert result["clean"] == {"activation_mae": clean["activation_mae"]}
    assert list(result["missing"]) == list(LEADS)
    assert [list(at) for at in result["noises"].values()] == [RATIOS] * 3
    rows = [*result["missing"].values(), *(row for at in result["noises"].values() for row in at.values())]
    assert all(measured(row["activation_mae"]) for row in rows)
    assert len({row["activation_mae"]["value"] for row in rows}) == len(rows)
    assert "without aVR" in out
    # With the harm of a flag the files of the clean leads and of the protocol stay as they are.
    before = (tmp_path / "run" / "test_noise.json").read_bytes()
    assert cardiax("evaluate", tmp_path / "run", "--drop-lead")[0] == 0
    assert (tmp_path / "run" / "test_noise.json").read_bytes() == before
