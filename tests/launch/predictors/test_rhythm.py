"""`cardiax predict` with a run of arrhythmia: drawn beats in, files out; the network is a rule of known answers."""

import csv
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from cardiax import InputError, load
from cardiax.config import to_dict
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.launch.predictors import rhythm, rhythm_files
from cardiax.launch.run.run_folder import write_json
from cardiax.recipes import recipe

SECONDS, RATE = 120.0, 250
TIMES = np.arange(0.7, SECONDS - 0.5, 0.8)
WIDE = np.isin(np.arange(len(TIMES)), [20, 40, 41, 60, 61, 62, 100])


def rule(inputs):
    """Logits (n, 5): V if a beat differs from the median beat, else N; it is told no label."""
    assert set(inputs) == {"leads", "deviation", "rr"}
    assert {name: values.shape[1:] for name, values in inputs.items()} == {
        "leads": (192, 2),
        "deviation": (192, 2),
        "rr": (22,),
    }
    differs = np.abs(inputs["deviation"]).mean(axis=(1, 2)) > 0.1
    return np.where(np.arange(5) == 2 * differs[:, None], 5.0, 0.0).astype(np.float32)


def slope(inputs, weights):
    """A gradient of 1 in the deviation of the first lead, for the sum of the weights."""
    factor = weights[:, 2].reshape(-1, 1)
    slopes = {name: np.zeros_like(values) for name, values in inputs.items()}
    slopes["deviation"][..., 0] = factor
    return slopes


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run whose network is `rule`."""
    monkeypatch.setattr(TrainedNetwork, "predictor", lambda network: rule)
    monkeypatch.setattr(TrainedNetwork, "gradient", lambda network: slope)
    write_json(tmp_path / "run" / "config.json", to_dict(recipe("arrhythmia", "physionet_mitbih/patient")))
    return tmp_path / "run"


@pytest.fixture
def leads(heartbeats):
    """Two leads (n, 2), mV, with beats at `TIMES`, those of `WIDE` wide."""
    lead = heartbeats(TIMES, RATE, SECONDS, WIDE)
    return np.stack([lead, -0.6 * lead], 1)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_record(folder, name, leads, symbols=None, times=TIMES):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    wfdb.wrsamp(name, RATE, ["mV", "mV"], ["V1", "MLII"], leads, fmt=["16", "16"], write_dir=str(folder))
    if symbols is not None:
        samples = np.rint(times * RATE).astype(int)
        wfdb.wrann(name, "atr", samples, list(symbols), fs=RATE, write_dir=str(folder))


def test_every_file_of_a_recording(cardiax, run, leads, tmp_path):
    np.save(tmp_path / "day.npy", leads)
    status, out, error = cardiax("predict", run, tmp_path / "day.npy", "--rate", RATE, "--leads", "V5,II")
    assert status == 0, error
    assert "day: 0:02:00 h, 149 beats, mean 75 /min, S 0 (0.0 %), V 7 (4.7 %)" in out
    folder = run / "predictions"
    beats = rows(folder / "day_beats.csv")
    assert list(beats[0]) == ["time_s", "rr_s", "class", "p_N", "p_S", "p_V", "p_F", "p_Q", "flag"]
    np.testing.assert_allclose([float(beat["time_s"]) for beat in beats], TIMES, atol=0.012)
    assert [beat["class"] for beat in beats] == np.where(WIDE, "V", "N").tolist()
    assert (beats[0]["rr_s"], {beat["flag"] for beat in beats}) == ("", {""})
    assert float(beats[20]["p_V"]) == pytest.approx(np.exp(5) / (np.exp(5) + 4), abs=1e-4)
    summary = json.loads((folder / "day_summary.json").read_text())
    assert summary["ectopic"]["V"] == {
        "beats": 7,
        "percent": pytest.approx(700 / 149),
        "couplets": 1,
        "runs": 1,
        "longest_run_beats": 3,
        "longest_run_at_s": pytest.approx(TIMES[60], abs=0.012),
    }
    assert summary["leads"] == ["II", "V5"]
    text = (folder / "day_summary.txt").read_text()
    assert "Research only, not a medical device." in text
    assert "3 beats at 0:00:48" in text
    for name in ("strips", "rr", "beats"):
        assert (folder / f"day_{name}.png").read_bytes().startswith(b"\x89PNG")
    # `cardiax predict` removes these of an earlier recording of that name.
    written = {path.name.removeprefix("day") for path in folder.iterdir()}
    assert written - {"_report.html"} <= set(rhythm.RhythmPredictor.outputs)
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    found = wfdb.rdann(str(folder / "day"), "cardiax")
    assert found.symbol == np.where(WIDE, "V", "N").tolist()
    np.testing.assert_allclose(found.sample / RATE, TIMES, atol=0.012)


def test_a_calibrated_network_says_which_beats_are_uncertain(cardiax, run, leads, tmp_path):
    """A temperature of 2.5 makes logits of 5 and 0 those of 2 and 0."""
    np.save(tmp_path / "day.npy", leads)
    options = ("--rate", RATE, "--leads", "V5,II", "--no-report")
    assert cardiax("predict", run, tmp_path / "day.npy", *options, "--out", tmp_path / "plain")[0] == 0
    assert "uncertain" not in json.loads((tmp_path / "plain" / "day_summary.json").read_text())
    text = (tmp_path / "plain" / "day_summary.txt").read_text()
    assert "is uncertain" not in text
    assert "flagged in day_beats.csv (noise or a lead unreadable)." in text
    note = f"no class is marked as uncertain, since the network has no calibration.json; `cardiax evaluate {run}` "
    assert note in text
    likely = np.exp(2) / (np.exp(2) + 4)
    fields = {"temperature": 2.5, "uncertain_below": likely + 0.01, "usual_share": 0.5}
    write_json(run / "calibration.json", fields)
    status, out, error = cardiax("predict", run, tmp_path / "day.npy", *options)
    assert status == 0, error
    assert "V 7 (4.7 %), 100.0 % uncertain" in out
    assert "100 % of the beats are uncertain, more than in any recording with which the network was" in error
    beats = rows(run / "predictions" / "day_beats.csv")
    assert [beat["class"] for beat in beats] == np.where(WIDE, "V", "N").tolist()
    assert float(beats[20]["p_V"]) == pytest.approx(likely, abs=1e-4)
    assert {beat["flag"] for beat in beats} == {"uncertain"}
    found = json.loads((run / "predictions" / "day_summary.json").read_text())["uncertain"]
    assert found == {"beats": 149, "percent": 100.0, "below": fields["uncertain_below"]}
    text = (run / "predictions" / "day_summary.txt").read_text()
    assert "flagged in day_beats.csv (an uncertain class, noise, or a lead unreadable)." in text
    assert "no class is marked" not in text
    assert "The class of 149 beats (100.0 %) is uncertain: its probability is below 0.66." in text
    write_json(run / "calibration.json", fields | {"uncertain_below": likely - 0.01})
    prediction = load(run).predict(leads, sampling_rate=RATE, leads=["V5", "II"])
    assert not prediction.uncertain.any()
    assert prediction.warnings == ()


def test_influences_are_of_calibrated_log_odds(run, leads, monkeypatch):
    def linear(inputs):
        return inputs["deviation"][..., 0].sum(axis=1)[:, None] * np.float32([0, 0, 1, 0, 0])

    monkeypatch.setattr(TrainedNetwork, "predictor", lambda network: linear)
    found = []
    for temperature in (1.0, 2.5):
        write_json(run / "calibration.json", {"temperature": temperature, "uncertain_below": 0.0, "usual_share": None})
        found.append(load(run).predict(leads, sampling_rate=RATE, explain=True).influences["V"].leads)
    assert np.abs(found[0]).max() > 0
    np.testing.assert_allclose(found[1], found[0] / 2.5, rtol=1e-4, atol=1e-6)


def test_the_same_from_python_in_parts_of_any_length(run, leads, monkeypatch):
    predictor = load(run)
    whole = predictor.predict(leads, sampling_rate=RATE, leads=["V5", "II"])
    assert (whole.leads, whole.warnings) == (("II", "V5"), ())
    np.testing.assert_allclose(whole.times, TIMES, atol=0.012)
    np.testing.assert_allclose(whole.rr[1:], np.diff(whole.times))
    assert {whole.median_beats[name].shape for name in "NV"} == {(192, 2)}
    assert whole.median_beats["N"][72, 0] == pytest.approx(-0.6, abs=0.1)  # of II, -0.6 of a lead that is 1 mV high
    low, high = whole.quartiles["N"]
    assert ((low <= whole.median_beats["N"]) & (whole.median_beats["N"] <= high)).all()
    assert len(repr(whole)) < 10_000
    assert "longest run (3 beats) of V" in whole.strips[0].caption
    monkeypatch.setattr(rhythm, "PART", 24.0)
    parts = predictor.predict(leads, sampling_rate=RATE, leads=["V5", "II"])
    np.testing.assert_allclose(parts.times, whole.times, atol=0.006)
    assert parts.names.tolist() == whole.names.tolist()
    micro = predictor.predict(1000 * leads[:, 0], sampling_rate=RATE, unit="µV")
    assert len(micro.times) == len(TIMES)
    assert "a single lead" in " ".join(micro.notes)


def test_a_table_of_the_beats(run, leads):
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    frame = load(run).predict(leads, sampling_rate=RATE).to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["time_s", "rr_s", "class", "p_N", "p_S", "p_V", "p_F", "p_Q", "flag"]
    assert len(frame) == len(TIMES)


def test_unreadable_stretches_are_left_out_and_told(run, leads, tmp_path, cardiax):
    leads[40 * RATE : 60 * RATE] = np.nan
    leads[80 * RATE : 90 * RATE, 0] = 0
    found = load(run).predict(leads, sampling_rate=RATE)
    assert found.unreadable.tolist() == [[40.0, 60.0]]
    assert found.reasons == ("missing",)
    assert not ((found.times > 40) & (found.times < 60)).any()
    assert found.summary.longest_rr_s < 1.0
    assert np.isnan(found.rr[np.searchsorted(found.times, 60)])
    flagged = found.times[found.flags == "channel_1_unreadable"]
    np.testing.assert_allclose(flagged, TIMES[(TIMES > 80) & (TIMES < 90)], atol=0.012)
    np.save(tmp_path / "a.npy", leads)
    assert cardiax("predict", run, tmp_path / "a.npy", "--rate", RATE)[0] == 0
    assert "0:00:40 to 0:01:00  missing" in (run / "predictions" / "a_summary.txt").read_text()


def test_values_that_no_ecg_has_change_no_beat(run, leads):
    """A converter's largest count, now and then."""
    bad = leads.copy()
    bad[700::3000] = 163.8
    expected, found = (load(run).predict(one, sampling_rate=RATE) for one in (leads, bad))
    np.testing.assert_allclose(found.times, expected.times, atol=0.02)
    assert found.names.tolist() == expected.names.tolist()
    count = bad[700::3000].size
    assert f"samples taken for missing, since they are more than 30 mV from the median: {count}" in found.notes


def test_parts_that_read_other_leads_are_not_mixed(run, leads, monkeypatch):
    monkeypatch.setattr(rhythm, "PART", 24.0)
    three = np.stack([leads[:, 0], 0.5 * leads[:, 0], 0.25 * leads[:, 0]], 1)
    three[72 * RATE :, 0] = np.nan
    found = load(run).predict(three, sampling_rate=RATE, leads=["II", "V1", "V5"])
    assert found.leads == ("II", "V1", "V5")
    for beat in (*found.quartiles["N"], found.median_beats["N"]):
        np.testing.assert_allclose(np.log2(beat[69:76].max(axis=0)), [0, -1], atol=0.3)
    two = leads.copy()
    two[72 * RATE :, 1] = np.nan
    found = load(run).predict(two, sampling_rate=RATE)
    assert np.ptp(found.median_beats["N"], axis=0).min() > 0.4
    assert "a single lead" not in " ".join(found.notes)


def test_a_copy_of_a_lead_is_no_second_lead(run, leads):
    found = load(run).predict(leads[:, [0, 0, 1]], sampling_rate=RATE)
    assert found.leads == ("channel 1", "channel 3")
    found = load(run).predict(leads[:, [0, 0]], sampling_rate=RATE)
    assert found.leads == ("channel 1",)
    assert "channel 1 read, channel 2 not" in found.notes
    assert "a single lead; the network was trained on two" in found.notes


def test_two_channels_of_one_name_are_two_leads(run, leads, tmp_path):
    np.savetxt(tmp_path / "a.csv", leads, "%.4f", ",", header="ECG,ECG", comments="")
    found = load(run).predict(tmp_path / "a.csv", sampling_rate=RATE)
    assert found.leads == ("ECG", "ECG 2")
    assert "a single lead" not in " ".join(found.notes)
    labels = [axes.get_ylabel() for axes in rhythm_files.plots("a", found)["beats"]().axes]
    assert [label for label in labels if label] == ["ECG (mV)", "ECG 2 (mV)"]


def test_paced_beats_alone_are_shown(cardiax, run, leads, tmp_path, monkeypatch):
    monkeypatch.setattr(
        TrainedNetwork, "predictor", lambda network: lambda inputs: 5 * np.eye(5)[[4] * len(inputs["rr"])]
    )
    unknown = {"N": {"recall": {"value": None}, "precision": {"value": None}}}
    write_json(run / "test.json", {"classes": unknown})
    np.save(tmp_path / "a.npy", leads)
    status, _, error = cardiax("predict", run, tmp_path / "a.npy", "--rate", RATE)
    assert status == 0, error
    assert (run / "predictions" / "a_strips.png").is_file()
    text = (run / "predictions" / "a_summary.txt").read_text()
    assert "On test patients" not in text
    assert "  .\n" not in text


def test_beats_of_an_annotation_file_and_comparison(cardiax, run, leads, tmp_path):
    kept = np.delete(np.arange(len(TIMES)), [10, 60])
    symbols = np.where(WIDE, "V", "N")
    symbols[30] = "V"
    (tmp_path / "in").mkdir()
    write_record(tmp_path / "in", "a", leads, symbols)
    write_record(tmp_path / "in", "b", leads, symbols[kept], TIMES[kept])
    status, _, error = cardiax("predict", run, tmp_path / "in", "--compare", "atr", "--out", tmp_path / "out")
    assert status == 0, error
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert found["gross"]["detection"] == {
        "sensitivity": 1.0,
        "positive_predictivity": pytest.approx(296 / 298),
        "true_positives": 296,
        "false_negatives": 0,
        "false_positives": 2,
    }
    assert found["records"]["a"]["classes"]["V"]["sensitivity"] == 7 / 8
    table = rows(tmp_path / "out" / "predictions.csv")
    assert [(row["recording"], row["refused"], row["beats"], row["beats_V"]) for row in table] == [
        (name, "", "149", "7") for name in "ab"
    ]
    assert table[0]["rate_mean_per_min"] == "75.000"
    assert found["records"]["b"]["classes"]["V"]["positive_predictivity"] == 6 / 7
    assert found["average"]["classes"]["V"]["sensitivity"] == pytest.approx((7 / 8 + 6 / 7) / 2)
    given = load(run).predict(tmp_path / "in" / "b.hea", beats="atr")
    np.testing.assert_allclose(given.times, TIMES[kept], atol=0.5 / RATE)
    assert given.names.tolist() == np.where(WIDE, "V", "N")[kept].tolist()
    by_time = load(run).predict(tmp_path / "in" / "b", beats=TIMES[kept])
    assert by_time.names.tolist() == given.names.tolist()
    with pytest.raises(InputError, match=r"b\.qrs: found no such file"):
        load(run).predict(tmp_path / "in" / "b", compare="qrs")
    for wrong in ([3.0, 2.0], [], [-1.0, 2.0], [1.0, 120.0], [np.nan]):
        with pytest.raises(InputError, match="beats: found times that do not increase within the 120 s"):
            load(run).predict(leads, sampling_rate=RATE, beats=wrong)
    with pytest.raises(TypeError):
        load(run).predict(leads, RATE)


def loose_wire(random):
    """Bursts of noise, 75 a minute, in 20 s."""
    return (0.3 * random.normal(size=5000) * (np.arange(5000) % 200 < 20))[:, None]


@pytest.mark.parametrize("rate", [200, 290])
def test_a_fast_rhythm_is_answered_with_a_warning(run, heartbeats, rate):
    times = np.arange(0.7, SECONDS - 0.5, 60 / rate)
    at = np.arange(round(SECONDS * RATE)) / RATE
    lead = np.interp(at % (60 / rate), [0, 0.02, 0.04, 0.06, 0.08, 1], [0, 1.0, -0.3, 0, 0, 0])
    found = load(run).predict(lead + 0.01 * np.random.default_rng(0).normal(size=len(at)), sampling_rate=RATE)
    assert found.summary.rate_mean_per_min == pytest.approx(rate, rel=0.02)
    assert len(found.times) == pytest.approx(len(times), abs=6)
    (warning,) = found.warnings
    assert warning == f"a mean heart rate of {rate} /min is unlike the training data: do not trust the beats"


def test_no_answer_where_none_can_be_trusted(run, leads):
    predictor, random = load(run), np.random.default_rng(0)
    for signal, message in (
        (np.zeros((5000, 2)), r"found 20 of 20 s that cannot be read \(mostly flat\)"),
        (0.3 * random.normal(size=(5000, 2)), r"found 20 of 20 s that cannot be read \(mostly noise\)"),
        (np.full((5000, 1), np.nan), r"found 20 of 20 s that cannot be read \(mostly missing\)"),
        (200 * leads, r"found a lead whose 5 s have a range of \d+.*, expected mV, at most 30; ADC counts"),
        (leads / 1000, r"found leads of at most 0\.00\d+ from their lowest to their highest sample.*volts need --unit"),
        (np.arange(15_000)[:, None] / RATE % 0.8, "found a wave without QRS complexes that stand out"),
        (loose_wire(random), r"found beats that are unlike each other \(correlation 0\.\d+ with their median\)"),
        (leads[:400], r"found 1.6 s, expected 5 s or more"),
        (leads[:1300] * (np.arange(1300) < 300)[:, None], "found 5 of 5 s that cannot be read"),
    ):
        with pytest.raises(InputError, match=f"^array: {message}"):
            predictor.predict(signal, sampling_rate=RATE)


@pytest.mark.parametrize(
    ("stated", "factor", "told"),
    [
        ("uV", 1, "the stated unit uV is probably wrong: the values are those of an ECG in mV; correct it"),
        ("mV", 1000, "the stated unit mV is probably wrong: the values are those of an ECG in uV; correct it"),
        ("mV", 1e-3, "the stated unit mV is probably wrong: the values are those of an ECG in V; correct it"),
        ("mV", 1e-9, "the stated unit mV is probably wrong; correct it"),
        (None, 1000, "µV need --unit uV"),
    ],
)
def test_a_unit_that_is_wrong_is_named(stated, factor, told, run, leads):
    names = [f"{name} ({stated})" if stated else name for name in ("II", "V1")]
    with pytest.raises(InputError, match=f"; {re.escape(told)}$"):
        load(run).predict(factor * leads, sampling_rate=RATE, leads=names)
    if stated:
        with pytest.raises(InputError, match=f"; {re.escape(told)}$"):
            load(run).predict(factor * leads, sampling_rate=RATE, unit=stated)


def test_a_file_that_is_wrong_has_no_outputs(cardiax, run, leads, tmp_path):
    np.save(tmp_path / "good.npy", leads)
    np.save(tmp_path / "flat.npy", np.zeros((5000, 2)))
    command = ("predict", run, "--rate", RATE, tmp_path / "good.npy")
    status, out, error = cardiax(*command, tmp_path / "flat.npy", "--out", tmp_path / "both")
    assert status == 2
    assert f"refused: {tmp_path / 'flat.npy'}: found 20 of 20 s that cannot be read" in error
    assert error.splitlines()[-1] == (
        f"cardiax: error: {tmp_path / 'flat.npy'}: 1 of 2 recordings was refused, for the reason above; the outputs of "
        f"the others are in {tmp_path / 'both'}"
    )
    assert out.startswith("good: ")
    assert {path.name.split("_")[0] for path in (tmp_path / "both").iterdir()} == {
        "good",
        "good.cardiax",
        "predictions.csv",
    }
    assert "missing.npy: found no such file" in cardiax.mistake(*command, tmp_path / "missing.npy")
    assert "--start: found 3.0, which does not apply to a network of the task arrhythmia" in cardiax.mistake(
        *command, "--start", 3
    )
    (tmp_path / "a file").touch()
    for wrong in ("a file", "a file/below"):
        message = cardiax.mistake("predict", run, tmp_path / "missing.npy", "--out", tmp_path / wrong)
        assert "a file: found a file, expected a folder for the outputs; choose another --out" in message
    message = cardiax.mistake("predict", run, tmp_path / "missing.npy", "--out", "/proc/outputs")
    assert "/proc/outputs: found a folder that cannot be written, expected one that can" in message
    for flag, value in (("--leads", "II,V1"), ("--rate", RATE)):
        assert f"found {flag} twice, expected it once" in cardiax.mistake(*command, flag, value, flag, value)
    assert not (run / "predictions").exists()


@pytest.mark.parametrize(("task", "dataset"), [("heartbeat", "kaggle_heartbeat/ptbdb"), ("arrhythmia", None)])
def test_runs_on_single_beats_are_told_what_to_train(cardiax, tmp_path, task, dataset):
    write_json(tmp_path / "run" / "config.json", to_dict(recipe(task, dataset) if dataset else recipe(task)))
    np.save(tmp_path / "a.npy", np.zeros((2000, 2)))
    message = cardiax.mistake("predict", tmp_path / "run", tmp_path / "a.npy")
    assert "a.npy: found a file of another kind, expected a table of beats of 187 × 1 samples" in message
    assert "train on physionet_mitbih/patient or a folder of WFDB records" in message


def test_a_class_that_joins_classes_of_aami_is_annotated_unclassified():
    config = recipe("heartbeat", "physionet_mitbih/patient")
    predictor = rhythm.RhythmPredictor(SimpleNamespace(config=config))
    assert predictor._symbols == {"normal": "N", "abnormal": "Q"}
    (note,) = predictor._marked()
    assert "beats of the class abnormal have the symbol Q" in note
    predictor = rhythm.RhythmPredictor(SimpleNamespace(config=recipe("arrhythmia", "physionet_mitbih/patient")))
    assert predictor._symbols == {name: name for name in "NSVFQ"}
    assert predictor._marked() == []
