"""The heart from the beats of a recording: times count from the onset, however a beat was found."""

import csv
import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.ecg.leads import LEADS, SITE_NAMES, WALLS
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.launch.networks.trust import Trust
from cardiax.launch.page.prediction import part_of
from cardiax.launch.predictors.heart import BATCH, HeartPredictor
from cardiax.recipes import recipe
from cardiax.simulate.generic_leads import explained_leads


@pytest.fixture
def predictor():
    """A predictor whose network answers, for all sites, when lead I is highest; trained with a shift of 30 ms."""
    config = recipe("activation")
    config = dataclasses.replace(config, augmentation=dataclasses.replace(config.augmentation, shift=30))

    def network(inputs):
        assert inputs["leads"].shape == (BATCH, 500, 12)
        return np.repeat(inputs["leads"][:, :, 0].argmax(axis=1)[:, None], 75, axis=1).astype(np.float32)

    def gradient(inputs, weights):
        slope = np.zeros_like(inputs["leads"])
        slope[:, 10, 1] = 3 * weights[:, SITE_NAMES.index("AHA17")]  # site AHA17 is 3 ms later for each mV there
        return {"leads": slope}

    return HeartPredictor(
        SimpleNamespace(
            path=Path("net"),
            config=config,
            origin=f"trained on {config.dataset}",
            predictor=lambda: network,
            gradient=lambda: gradient,
            time_trust=lambda: None,
        )
    )


@pytest.fixture
def leads():
    """Twelve leads of 5 s, (5000, 12), mV, with R peaks 40 ms after 700, 1600, 2500 and 3400 ms."""
    one = sum(np.exp(-(((np.arange(5000) - at - 40) / 12) ** 2)) for at in (700, 1600, 2500, 3400))
    one = one + 0.002 * np.random.default_rng(0).normal(size=5000)
    return one[:, None] * np.array([1, 0.6, -0.4, -0.8, 0.7, 0.1, *np.linspace(0.55, 1.5, 6)])


def test_times_count_from_the_onset_that_is_found_or_given(predictor, leads):
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    assert found.lead_in == 15
    np.testing.assert_allclose(np.diff(found.onsets), 900, atol=1)
    np.testing.assert_allclose(found.onsets + found.times[0], np.array([740, 1640, 2540, 3440]), atol=2)
    given = predictor.predict(leads, sampling_rate=1000, leads=LEADS, start=float(found.onsets[1]))
    assert given.lead_in == 15
    np.testing.assert_allclose(given.times, found.beat_times[1], atol=1)
    assert (found.spread < 1).all()
    assert given.spread is None


def test_the_influence_of_a_sample_on_the_walls(predictor, leads):
    assert predictor.predict(leads, sampling_rate=1000, leads=LEADS).influence is None
    site = SITE_NAMES.index("AHA17")
    predictor._network = lambda inputs: 3 * inputs["leads"][:, 10, 1, None] * np.eye(75, dtype=np.float32)[site]
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS, explain=True)
    expected = np.zeros((len(WALLS), 500, 12))
    # The apex is AHA17 on three layers, of which a third of the mean is the endocardium.
    expected[list(WALLS).index("apex"), 10, 1] = found.leads[10, 1] * 3 / 3
    np.testing.assert_allclose(found.influence, expected, atol=1e-6)


def test_the_influence_of_a_sample_on_the_voltage_of_the_walls(predictor, leads):
    site = SITE_NAMES.index("AHA17")
    wave = np.where(np.arange(500) < 100, 60.0, 0.0).astype(np.float32)  # mV for each mV of sample 10 of lead II
    slope = np.outer(wave, np.eye(75)[site]).astype(np.float32)
    predictor._network = lambda inputs: inputs["leads"][:, 10, 1, None, None] * slope

    def gradient(inputs, weights):
        found = np.zeros_like(inputs["leads"])
        found[:, 10, 1] = (weights * slope).sum(axis=(1, 2))
        return {"leads": found}

    predictor._gradient = gradient
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS, explain=True)
    expected = np.zeros((len(WALLS), 500, 12))
    # Of the 150 ms after the onset, the wave lasts 100 ms less those before it; the site is a third of the apex.
    expected[list(WALLS).index("apex"), 10, 1] = found.leads[10, 1] * 60 * (100 - found.lead_in) / 150 / 3
    np.testing.assert_allclose(found.influence, expected, rtol=1e-5, atol=1e-6)


def test_the_onset_and_the_times_of_each_beat_are_written(predictor, leads, tmp_path):
    many = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    list(predictor.write(tmp_path, "ecg", many))
    with (tmp_path / "ecg_beats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["onset_ms"]) for row in rows] == many.onsets.tolist()
    assert float(rows[0][f"{SITE_NAMES[3]}_ms"]) == pytest.approx(many.beat_times[0, 3], abs=0.01)
    single = predictor.predict(leads, sampling_rate=1000, leads=LEADS, start=700.0)
    list(predictor.write(tmp_path, "one", single))
    assert not (tmp_path / "one_beats.csv").exists()
    assert (tmp_path / "one_activation.csv").read_text().splitlines()[0] == "site,activation_time_ms"


@pytest.mark.parametrize("predicts_voltage", [False, True])
def test_every_output_is_listed(predictor, leads, predicts_voltage, tmp_path):
    """`cardiax predict` removes the listed ones of an earlier recording of that name."""
    if predicts_voltage:
        predictor._network = lambda inputs: np.full((BATCH, 500, 75), -80, np.float32)
    found = predictor.predict(np.tile(leads, (3, 1)), sampling_rate=1000, leads=LEADS)
    list(predictor.write(tmp_path, "ecg", found))
    written = {path.name.removeprefix("ecg") for path in tmp_path.iterdir()}
    assert written >= {"_activation.csv", "_beats.csv", "_notes.txt"}
    assert ("_voltage.csv" in written) == predicts_voltage
    found = dataclasses.replace(found, influence=np.zeros((len(WALLS), 500, 12)))
    drawn = {f"_{name}.{'gif' if name == 'heart' else 'png'}" for name in predictor.plots("ecg", found)}
    assert drawn >= {"_ecg.png", "_activation.png", "_influence.png", "_paper.png"}
    assert written | drawn <= set(predictor.outputs)


def test_imported_weights_are_not_said_to_be_trained_on_data_that_are_not_known(predictor, leads):
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    for imported, told in (("", "trained on sim"), ("a.pth", "imported from a.pth; the training data are not known")):
        predictor.network = TrainedNetwork(Path("net"), predictor.config, Path("out"), dict, imported=imported)
        title = predictor.plots("ecg", found)["ecg"].args[1]
        remarks = " ".join(part_of("ecg", found, predictor.network)["remarks"])
        for text in (title, remarks):
            assert told in text
            assert ("trained on" in text) == (not imported)


def test_a_warning_counts_times_from_the_onset_as_the_prediction_does(predictor, leads):
    predictor._network = lambda inputs: np.full((BATCH, 75), -3.0, np.float32)  # before what the network was shown
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    np.testing.assert_allclose(found.times, -18)  # 15 ms lie before the onset
    assert any("75 of 75 times lie outside -15 to 485 ms, from -18 to -18 ms" in one for one in found.warnings)


def test_intervals_and_the_difference_from_training(predictor, leads, tmp_path):
    plain = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    assert plain.half_width is None
    assert any("no trust.safetensors" in note for note in plain.notes)
    half_width = np.where(np.arange(75) == 4, np.inf, 5).astype(np.float32)
    known = np.zeros((3, 75)) + np.arange(75)  # a wave along the sites; the network answers one time for all
    trust = Trust(half_width, 0.9, "12 cases", 0.8, "13 others", known, 25.0, "14 more")
    predictor.trust = trust
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    np.testing.assert_array_equal(found.times, plain.times)
    assert found.difference == pytest.approx(np.arange(75).std())  # 21.6 ms
    assert found.warnings == plain.warnings
    assert any("held 80 % of the times of 13 others" in note for note in found.notes)
    lines = list(predictor.write(tmp_path, "ecg", found))
    assert any("± 5.0 ms (median site; see the note)" in line for line, _ in lines)
    for some in (40, 75):  # sites without a half width
        wide = dataclasses.replace(found, half_width=np.where(np.arange(75) < some, np.inf, 5.0))
        told = "\n".join(line for line, _ in predictor.write(tmp_path, "wide", wide))
        assert "inf" not in told
        assert ("± 5.0 ms" in told) == (some < 75)
    with (tmp_path / "ecg_activation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[3]["low_ms"]) == pytest.approx(found.times[3] - 5, abs=0.01)
    assert float(rows[3]["high_ms"]) == pytest.approx(found.times[3] + 5, abs=0.01)
    assert rows[4]["low_ms"] == ""
    assert not any("before an exact onset" in note for note in found.notes)
    given = predictor.predict(leads[690:], sampling_rate=1000, leads=LEADS, start=10.0)
    whole = predictor.predict(leads[700:1200], sampling_rate=1000, leads=LEADS)
    for one in (given, whole):
        assert any("from 15 ms before an exact onset on, this one is shown from 0 ms" in note for note in one.notes)
    predictor.trust = dataclasses.replace(trust, limit=20.0)
    (warning,) = set(predictor.predict(leads, sampling_rate=1000, leads=LEADS).warnings) - {*plain.warnings}
    assert warning.startswith("unlike the ECGs that the network was trained on: the times differ by 21.6 ms")
    assert "by less than 20.0 ms; do not trust them" in warning


def test_the_leads_that_the_times_explain_are_shown_and_warned_of(predictor, leads, tmp_path):
    """All sites at once are a heart without a wave, whose leads do not vary as the recorded ones do."""
    known = np.zeros((3, 75)) + np.arange(75)
    trust = Trust(np.full(75, 5.0), 0.9, "12 cases", 0.8, "13 others", known, 25.0, "14 more")
    predictor.trust = trust
    found = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
    expected = explained_leads(found.times + 15, None, found.leads)
    assert found.explained.share == expected.share < 0.5
    np.testing.assert_array_equal(found.explained.leads, expected.leads)
    told = f"explain {100 * expected.share:.0f} % of the recorded ones"
    assert any(note.endswith(told) for note in found.notes)
    assert not any(told in one for one in found.warnings)  # of an older trust.safetensors nothing is known
    lines = [line for line, _ in predictor.write(tmp_path, "ecg", found)]
    assert any(f"explain {100 * expected.share:.0f} % of the leads" in line for line in lines)
    row = predictor.row(found)
    assert (row["first_ms"], row["last_ms"]) == (found.times.min(), found.times.max())
    assert (row["sites_that_activate"], row["explained_percent"]) == (75, 100 * expected.share)
    assert row["warnings"] == "; ".join(found.warnings)
    for least, warned in ((expected.share, False), (expected.share + 0.01, True)):
        predictor.trust = dataclasses.replace(trust, least_share=least, true_share=0.75)
        again = predictor.predict(leads, sampling_rate=1000, leads=LEADS)
        assert any(told in one and "does not fit the recording" in one for one in again.warnings) == warned
        assert sum("and the true values 75 % (median)" in one for one in (*again.notes, *again.warnings)) == 1


@pytest.mark.parametrize("limit", [25.0, np.inf])  # infinite if too few sites activate in validation cases too
def test_a_prediction_with_few_active_sites_is_warned_of(predictor, leads, limit):
    known = np.zeros((3, 75)) + np.arange(75)
    predictor.trust = Trust(np.full(75, 5.0), 0.9, "12 cases", 0.8, "13 others", known, limit, "14 more")
    for active, warned in ((1, True), (37, True), (38, False), (75, False)):
        fired = (np.arange(500)[:, None] >= np.arange(75) + 15) & (np.arange(75) < active)
        voltage = np.tile(np.where(fired, 20, -80).astype(np.float32), (BATCH, 1, 1))
        predictor._network = lambda inputs, voltage=voltage: voltage
        warnings = predictor.predict(leads, sampling_rate=1000, leads=LEADS).warnings
        assert any("fewer than half as many sites activate" in one for one in warnings) == warned, active
        assert not any("inf ms" in one for one in warnings)
