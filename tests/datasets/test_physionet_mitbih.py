"""MIT-BIH records to rows, by hand; whose beats lie on which side; and what is told when files are wrong."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import DATASETS
from cardiax.datasets.physionet_mitbih import mitbih_records
from cardiax.datasets.physionet_mitbih.kaggle_rows import kaggle_test_rows, rows
from cardiax.datasets.physionet_mitbih.mitbih_records import RECORDS
from cardiax.datasets.storage.wfdb_beats import Record, windows
from cardiax.ecg.beat_windows import CLASS_OF
from cardiax.ecg.rr_features import against_median_beat, rr_features
from cardiax.errors import InputError
from cardiax.recipes import recipe
from cardiax.simulate.rhythms import of_records
from cardiax.tasks import TASKS
from cardiax.training.step import inputs_of


def record(samples, symbols, signal=None, number=100):
    signals = np.zeros((650_000, 2), np.int16)
    signals[:, 0] = np.arange(650_000) % 1000 if signal is None else signal
    gains, baselines = np.full(2, 200.0), np.full(2, 1024.0)
    return Record(number, 360.0, signals, ("MLII", "V1"), gains, baselines, np.asarray(samples), tuple(symbols))


def test_rows_by_hand():
    # A rhythm annotation at 10, beats at 100, 400 and 700: the first runs to 400 + 0.2 · 300 = 460, 120 samples of 360.
    first, second = rows(record([10, 100, 400, 700], "+NVN"))
    assert (first.label, second.label) == (CLASS_OF["N"], CLASS_OF["V"]) == (0, 2)
    assert (first.annotation_index, first.sample, first.symbol, first.record) == (1, 100, "N", 100)
    np.testing.assert_array_equal(
        first.beat[:120], ((np.arange(100, 460, 3) - 100) / np.float64(357)).astype(np.float32)
    )
    np.testing.assert_array_equal(first.beat[120:], 0)
    # After the second there is no annotation but one: the record's end takes its place, and 187 samples cut it.
    segment = np.arange(400, int(700 + 0.2 * (650_000 - 700)), 3) % 1000
    np.testing.assert_array_equal(second.beat, (segment[:187] / np.float64(segment.max())).astype(np.float32))
    assert second.beat.dtype == np.float32


def test_an_annotation_that_was_moved_is_moved_back():
    samples = np.where(np.arange(2000) < 1991, 296 * np.arange(2000), 590_262 + 300 * (np.arange(2000) - 1991))
    signal = np.arange(650_000) % 7
    signal[590_296] = 9
    found = {row.annotation_index: row for row in rows(record(samples, "N" * 2000, signal, number=102))}
    assert found[1991].sample == 590_296
    assert found[1991].beat[0] == 1


def test_windows_by_hand():
    # Beats a second apart, each a bump of 1 mV about its annotation, upside down in the second lead.
    samples = 1000 + 360 * np.arange(40)
    time = np.arange(650_000)
    bump = sum(np.exp(-(((time - sample) / 8.0) ** 2)) for sample in samples)
    one = record(samples, "NNV" + "N" * 37)
    one.signals[:] = 1024 + np.round(200 * np.stack([-bump, bump], axis=1)).astype(np.int16)
    one = dataclasses.replace(one, leads=("V5", "MLII"))
    beats = list(windows(one))
    assert [beat.label for beat in beats[:3]] == [0, 0, 2]
    assert (beats[2].sample, beats[2].annotation_index, beats[2].symbol) == (1720, 2, "V")
    signal = beats[20].signal
    assert signal.shape == (192, 2)
    assert signal.dtype == np.float32
    assert signal[:, 0].argmax() == signal[:, 1].argmin() == 72  # MLII first, its peak 0.4 s from the start
    assert 0.9 < signal[72, 0] < 1.05
    assert abs(signal[:, 0].mean()) < 0.05  # no baseline
    np.testing.assert_allclose(beats[20].intervals, 1.0, rtol=1e-6)


def test_a_simulated_rhythm_has_the_features_of_a_record_with_the_same_beats():
    samples = 1000 + np.cumsum(np.random.default_rng(0).integers(150, 500, 200))
    features = [beat.intervals for beat in windows(record(samples, "N" * 200))]
    expected = rr_features(np.stack(features), np.full(200, 100))
    found = of_records(samples[None] / 360.0, np.zeros((1, 200), bool)).features
    np.testing.assert_array_equal(found, expected)


def test_signals_against_the_median_beat_and_the_rhythm_are_the_input():
    random = np.random.default_rng(0)
    signal, spans = random.normal(size=(4, 192, 2)).astype(np.float32), random.uniform(0.5, 1.5, (4, 3))
    examples = {
        "signal": signal,
        "intervals": spans.astype(np.float32),
        "label": np.array([0, 2, 1, 3]),
        "record": np.array([100, 100, 100, 101]),
    }
    task = TASKS["arrhythmia"]
    arrays = task.arrays(examples, DATASETS["physionet_mitbih/patient"])
    beats = inputs_of(arrays)
    leads, deviation = against_median_beat(signal, examples["record"])
    expected = {"leads": leads, "deviation": deviation, "rr": rr_features(examples["intervals"], examples["record"])}
    chex.assert_trees_all_equal(beats, expected)
    assert {array.dtype for array in beats.values()} == {np.dtype(np.float32)}
    config = recipe("arrhythmia").augmentation
    one = {name: jnp.asarray(array[1]) for name, array in beats.items()}
    changed, label = task.augment(jax.random.key(0), one, jnp.int32(2), config)
    assert label == 2
    np.testing.assert_array_equal(changed["rr"], one["rr"])
    assert 0.001 < np.abs(changed["leads"] - one["leads"]).max() < 2
    # The same gain and the same noise for the beat and for what is left of it: their difference, the median, is warped.
    still = dataclasses.replace(config, warp=0.0)
    noisy, _ = task.augment(jax.random.key(0), one, jnp.int32(2), still)
    before, after = (inputs["leads"] - inputs["deviation"] for inputs in (one, noisy))
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_kaggles_test_rows():
    table = kaggle_test_rows()
    assert len(table) == len(set(table)) == 21_892
    assert {number for number, _ in table} == set(RECORDS)


def test_missing_and_damaged_records_are_told(tmp_path, cardiax):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    (tmp_path / "100.hea").write_text("100")
    command = ("prepare", "physionet_mitbih/kaggle", "--manual-dir", tmp_path, "--data-dir", tmp_path / "data")
    message = cardiax.mistake(*command)
    assert (
        "found no 100.dat and 142 more files missing (of 48 records: 100, 101, 102, 103, 104, …), expected" in message
    )
    for name in mitbih_records.DATABASE.files:
        (tmp_path / name).write_text(name)
    message = cardiax.mistake(*command)
    assert "100: found a record that cannot be read" in message
    assert message.endswith("expected a complete one; fetch https://physionet.org/content/mitdb/1.0.0/ again")


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    asked = []

    def refuse(database, folder, files):
        asked.append((database, folder, len(files)))
        raise ConnectionError("no network")

    monkeypatch.setattr(wfdb, "dl_files", refuse)
    with pytest.raises(InputError, match=r"found a failed download \(no network\), expected 144 files"):
        mitbih_records.DATABASE.download(tmp_path)
    assert asked == [("mitdb", str(tmp_path), 144)]
    for name in mitbih_records.DATABASE.files:
        (tmp_path / name).touch()
    assert mitbih_records.DATABASE.download(tmp_path) == tmp_path  # nothing to fetch
