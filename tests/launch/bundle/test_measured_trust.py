"""How far activation times can be trusted: measured on cases that training has not seen, kept in a bundle, told."""

import csv
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cardiax import datasets, load
from cardiax.config import with_overrides
from cardiax.ecg.leads import SITE_NAMES
from cardiax.errors import InputError
from cardiax.launch.bundle import measured_trust
from cardiax.launch.bundle.measured_trust import TASKS, calibrated, measure_trust, section, with_section
from cardiax.launch.networks.trust import TRUST, read_trust, trust_file
from cardiax.recipes import recipe
from cardiax.simulate.action_potential import action_potential
from cardiax.simulate.generic_leads import generic_heart, generic_leads

pytestmark = pytest.mark.usefixtures("without_plots")

SPLIT = {"train": np.arange(100), "validation": np.arange(100, 300), "test": np.arange(300, 500)}


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch):
    """Compare the leads of few cases, since each takes some 10 ms."""
    monkeypatch.setattr(measured_trust, "COMPARED", 40)


def network(inputs):
    """Predict for all sites, site 2 apart, when lead I is highest, counted from the first sample."""
    times = np.repeat(inputs["leads"][:, :, 0].argmax(axis=1)[:, None], 75, axis=1).astype(np.float32)
    times[:, 2] = np.nan
    return times


def experiment(errors, wide=1.0):
    """Return 500 cases in which lead I is highest at 60 to 99 ms, and all sites but site 1 err by `errors` (500,)."""
    peaks = np.arange(500) % 40 + 60
    leads = np.zeros((500, 500, 12), np.float32)
    leads[np.arange(500), peaks] = 1
    target = (peaks + errors)[:, None] * np.ones(75, np.float32) + wide * np.sin(np.arange(75))
    target[:, 1] = np.nan
    config = with_overrides(recipe("activation"), {"augmentation.shift": 30})
    return SimpleNamespace(
        config=config,
        protocol="volunteer",
        split=SPLIT,
        origin={"volunteer": np.arange(500) // 50},
        examples=SimpleNamespace(take=lambda rows: {"leads": leads[rows], "target": target[rows].astype(np.float32)}),
    )


def test_half_widths_are_those_of_validation_and_are_tried_on_test():
    errors = np.zeros(500)
    errors[SPLIT["train"]] = 1000
    errors[SPLIT["validation"]] = np.random.default_rng(0).permutation(200) + 1  # 1 … 200 ms
    errors[SPLIT["test"]] = np.where(np.arange(200) < 50, 300, 10)
    found = measure_trust(network, experiment(errors, 0.0), experiment(errors, 0.0))
    assert found.half_width[0] == 181  # ⌈201 · 0.9⌉, of the times after a lead-in of 15 ms
    assert found.half_width[1] == np.inf  # no case has this site
    assert found.half_width[2] == np.inf  # it is never found
    assert found.held == pytest.approx(0.75)  # without site 2, which an infinite interval would always hold
    assert "; 2 of 75 sites have none" in found.words
    text, *_ = section(found)
    assert "181.0 ms at the median site, 181.0 to 181.0 ms over the sites" in text
    assert "2 sites have no half width" in text
    assert found.calibrated_on.startswith("200 cases of 4 hearts (the validation split of ")
    assert found.tested_on.startswith("200 cases of 4 hearts (the test split of ")


def test_the_share_of_the_leads_is_measured_on_the_own_validation_split():
    """The leads are those of the true times, inverted in one or two of the 40 compared cases; the network knows."""
    height = generic_heart().sites[:, 2]
    times = 20 + 50 * (height - height.min()) / np.ptp(height)
    one = generic_leads(times)
    own = experiment(np.zeros(500))
    compared, signs = SPLIT["validation"][np.linspace(0, 199, 40).astype(int)], np.ones(500, np.float32)
    signs[compared[7]] = -1
    target = np.tile(times, (500, 1)).astype(np.float32)
    own.examples.take = lambda rows: {"leads": signs[rows, None, None] * one, "target": target[rows]}
    found = measure_trust(lambda inputs: np.tile(times + 15, (len(inputs["leads"]), 1)), own, own)
    assert found.true_share > 0.99
    assert found.least_share > 0.99
    signs[compared[9]] = -1
    found = measure_trust(lambda inputs: np.tile(times + 15, (len(inputs["leads"]), 1)), own, own)
    assert found.least_share == 0
    assert "explain less than 0 % of the variance" in " ".join(section(found))


def test_a_network_that_finds_no_site_has_no_intervals_and_says_so():
    def silent(inputs):
        return np.full((len(inputs["leads"]), 75), np.nan, np.float32)

    found = measure_trust(silent, experiment(np.zeros(500)), experiment(np.zeros(500)))
    assert np.isnan(found.held)
    assert "no intervals" in found.words
    assert not any(word in " ".join([found.words, *section(found)]) for word in ("inf", "nan"))


def test_the_limit_is_of_the_own_validation_split():
    own, other = experiment(np.zeros(500)), experiment(np.zeros(500), 7.0)
    found = measure_trust(network, own, other)
    sites = np.array([site for site in range(75) if site not in (1, 2)])
    assert found.limit == pytest.approx(np.sin(sites).std(), abs=0.05)  # 0.7 ms, in halves of a float
    assert found.training_times.shape == (100, 75)
    assert found.half_width[74] == pytest.approx(7 * abs(np.sin(74)), abs=0.01)
    flat, steep = np.where(np.arange(75) == 2, np.nan, 80.0), np.arange(75.0)
    assert found.difference(flat) <= found.limit < found.difference(steep)


@pytest.mark.parametrize("task", TASKS)  # voltages have activation times too, and that dataset has these alone
def test_intervals_may_be_of_another_dataset_of_hearts(monkeypatch, task):
    own, asked = experiment(np.zeros(500)), []

    def loaded(config, data_dir, say):
        asked.append((config.task, config.dataset, config.protocol, data_dir))
        other = experiment(np.full(500, 9.0))
        return SimpleNamespace(**vars(other) | {"config": config})

    monkeypatch.setattr(measured_trust, "load_experiment", loaded)
    source = SimpleNamespace(config=recipe(task), path=Path("runs/mine"), predictor=lambda: network)
    own.config = recipe(task)
    found = calibrated(source, own, Path("data"), "simulated_intracardiac/varied")
    assert asked == [("activation", "simulated_intracardiac/varied", "volunteer", Path("data"))]
    assert "validation split of simulated_intracardiac/varied" in found.calibrated_on
    assert "validation split of simulated_intracardiac by" in found.compared_with
    assert found.half_width[0] == 9
    assert calibrated(source, None, None, None) is None
    with pytest.raises(InputError, match="--calibrate: found runs/mine, expected a network of the task activation or"):
        calibrated(source, None, None, "simulated_intracardiac/varied")


def test_a_file_is_read_back_and_a_damaged_one_refused(tmp_path):
    trust = measure_trust(network, experiment(np.zeros(500)), experiment(np.zeros(500)))
    assert read_trust(tmp_path) is None
    (tmp_path / TRUST).write_bytes(trust_file(trust))
    found = read_trust(tmp_path)
    for name, value in vars(trust).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    content = (tmp_path / TRUST).read_bytes()
    for broken in (
        b"",
        content[:100],
        content.replace(b"half_width", b"half_wodth"),
        content.replace(b"limit", b"lomit"),
    ):
        (tmp_path / TRUST).write_bytes(broken)
        with pytest.raises(InputError, match=r"trust\.safetensors: found no valid file"):
            read_trust(tmp_path)


def test_a_file_of_another_number_of_sites_is_refused(tmp_path):
    trust = measure_trust(network, experiment(np.zeros(500)), experiment(np.zeros(500)))
    fewer = {"half_width": trust.half_width[:74], "training_times": trust.training_times[:, :74]}
    for changed in (fewer, {"half_width": trust.half_width[:74]}, {"training_times": trust.training_times[0]}):
        (tmp_path / TRUST).write_bytes(trust_file(replace(trust, **changed)))
        with pytest.raises(InputError, match=r"found half_width \(7[45],\) .*, expected \(75,\) and \(m, 75\)"):
            read_trust(tmp_path)


def test_the_section_of_the_card_is_replaced():
    trust = measure_trust(network, experiment(np.zeros(500)), experiment(np.zeros(500)))
    card = "# name\n\n- `golden.npz`: g\n- `sums.json`: s\n\n## Test\n\nvalues\n\n## Data\n\nhearts\n"
    once = with_section(card, section(trust))
    assert once.index("## Test") < once.index("## How far to trust a prediction") < once.index("## Data")
    line = "- `trust.safetensors`: how far activation times can be trusted, as below\n"
    card = card.replace("- `sums.json`", f"{line}- `sums.json`")
    assert with_section(once, ["else"]) == card.replace(
        "## Data", "## How far to trust a prediction\n\nelse\n\n## Data"
    )


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """A data folder with 100 recordings, of which the split `random` has ten each for validation and test."""
    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for number in range(100):
        times = random.uniform(5, 150, 75)
        voltage = np.array(action_potential(np.arange(500.0)[:, None] - times, np.full(75, 250.0)))
        electrodes = voltage @ random.normal(size=(75, 10)) / 500
        tail = f"hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.{number}.volunteer.v{number % 8 + 1}"
        for prefix, array in (("pECGData", electrodes), ("VmData", voltage)):
            np.save(raw / f"{prefix}_{tail}.npy", array)
    datasets.prepare("ucsd_intracardiac", folder, raw, folder / "downloads")
    return folder


@pytest.mark.slow
def test_a_run_is_exported_with_it_and_predicts_with_it(hearts, tmp_path, cardiax, one_beat):
    status, _, error = cardiax(
        *("train", "activation", "--dataset", "ucsd_intracardiac", "--protocol", "random", "--data-dir", hearts),
        *("--workdir", tmp_path / "run", "--model_args", "widths=(8,),blocks=1,hidden=8", "--steps", 3),
    )
    assert status == 0, error
    status, out, error = cardiax("export", tmp_path / "run", "--out", tmp_path / "bundle", "--no-stablehlo")
    assert status == 0, error
    trust = read_trust(tmp_path / "bundle")
    assert trust.calibrated_on.startswith("10 cases of ")
    assert np.isfinite(trust.half_width).all()
    assert "## How far to trust a prediction" in (tmp_path / "bundle" / "README.md").read_text()
    strict = with_trust_file(tmp_path / "bundle", tmp_path / "strict", trust_file(replace(trust, limit=0.0)))
    np.save(tmp_path / "beat.npy", one_beat)
    status, out, error = cardiax("predict", strict, tmp_path / "beat.npy", "--rate", 1000, "--out", tmp_path / "found")
    assert status == 0, error
    assert "ms (median site; see the note)" in out
    rows = list(csv.DictReader((tmp_path / "found" / "beat_activation.csv").read_text().splitlines()))
    found = load(tmp_path / "bundle").predict(one_beat, sampling_rate=1000)
    assert found.difference == pytest.approx(trust.difference(found.times))
    np.testing.assert_allclose([float(row["high_ms"]) for row in rows], found.times + trust.half_width, atol=0.01)
    assert [row["site"] for row in rows] == list(SITE_NAMES)
    for text in (error, *((tmp_path / "found" / f"beat_{end}").read_text() for end in ("notes.txt", "report.html"))):
        assert "unlike the ECGs that the network was trained on" in text
    old = with_trust_file(tmp_path / "bundle", tmp_path / "old", None)  # as bundles were
    plain = load(old).predict(one_beat, sampling_rate=1000)
    np.testing.assert_array_equal(plain.times, found.times)
    assert plain.half_width is None
    assert any("no trust.safetensors" in note for note in plain.notes)
    status, out, error = cardiax("export", old, "--out", tmp_path / "again", "--data-dir", hearts)
    assert status == 0, error
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "bundle")
    told = cardiax.mistake("export", old, "--out", tmp_path / "no", "--data-dir", tmp_path)
    assert "found a bundle whose golden.npz is not of ucsd_intracardiac as prepared here" in told


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "sums.json"}


def with_trust_file(bundle, folder, content):
    """Copy a bundle into a folder, with another trust.safetensors or without one; return the folder."""
    files = bytes_of(bundle) | {TRUST: content}
    folder.mkdir()
    files = {name: content for name, content in files.items() if content is not None}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "sums.json").write_text(
        json.dumps({name: sha256(content).hexdigest() for name, content in files.items()})
    )
    return folder
