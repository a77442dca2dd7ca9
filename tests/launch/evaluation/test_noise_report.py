"""The protocol `noise` from the command line: trained by it, or evaluated afterwards; networks, trees, twelve leads."""

import json
import shutil
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax import datasets
from cardiax.catalog import DATASETS
from cardiax.ecg.leads import LEADS
from cardiax.ecg.recorded_noise import SNRS
from cardiax.plots.curves import noise_figure
from cardiax.protocols import PROTOCOLS
from cardiax.simulate.action_potential import action_potential
from cardiax.tasks import TASKS

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


def test_every_dataset_to_learn_from_has_the_protocol_and_none_as_its_default():
    for dataset in DATASETS.values():
        if dataset.name.startswith("own_beats/"):  # of another test of this process
            continue
        if dataset.kind == "noise":
            assert dataset.protocols == ()
            continue
        assert dataset.protocols[-1] == "noise" != dataset.protocols[0]
        assert set(dataset.protocols) - {"noise"} <= set(PROTOCOLS[dataset.kind])
        assert dataset.drawn_by("noise") == dataset.protocols[0]
        assert dataset.drawn_by("published") == "published"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet1d", "xgboost"])
def test_trained_by_the_protocol_and_evaluated_after(cardiax, small_run, both, tmp_path, model):
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
def test_mistakes_are_told_before_any_work(cardiax, small_run, data_dir, tmp_path):
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


def test_of_voltages_the_share_of_activations_found_is_followed_too():
    # Three cases, each site 2 mV too low; of the third no site is predicted to activate.
    true = np.array(action_potential(np.arange(500.0)[:, None] - np.full(75, 40.0), np.full(75, 250.0)), np.float32)
    voltage = np.stack([true - 2, true - 2, np.full_like(true, -80.0)])
    task = TASKS["transmembrane"]
    measures = task.measure(jnp.asarray(voltage), jnp.asarray(np.stack([true] * 3)))
    figures = task.summarize({name: np.asarray(value) for name, value in measures.items()})
    cases: Any = None  # errors of sites do not depend on them
    found = task.report.main_figures(cases, figures)
    assert list(found) == ["voltage_mae", "activation_mae", "apd90_mae", "activations_found"]
    assert found["activations_found"] == pytest.approx(2 / 3)
    assert found["voltage_mae"]["low"] == pytest.approx(2, rel=1e-4)


def test_missing_leads_have_a_panel_of_their_own():
    figure = noise_figure({"bw": [(1, 0, 2)] * 2}, (6, 0), (1, 0, 2), "MAE", "title", {"I": (3, 2, 4)})
    assert len(figure.axes) == 2
