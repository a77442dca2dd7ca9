"""MIT-BIH records to rows, by hand; whose beats lie on which side; and what is told when files are wrong."""

import numpy as np
import pytest

from cardiax.datasets.physionet_mitbih import records
from cardiax.datasets.physionet_mitbih.kaggle_rows import kaggle_test_rows, rows
from cardiax.datasets.physionet_mitbih.records import CLASS_OF, RECORDS, Record
from cardiax.errors import InputError
from cardiax.splits import DS1, DS2, SAME_SUBJECT, draw_split


def record(samples, symbols, signal=None, number=100):
    signals = np.zeros((650_000, 2), np.int16)
    signals[:, 0] = np.arange(650_000) % 1000 if signal is None else signal
    return Record(number, signals, np.full(2, 200.0), np.full(2, 1024.0), np.asarray(samples), tuple(symbols))


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


def test_kaggles_test_rows():
    table = kaggle_test_rows()
    assert len(table) == len(set(table)) == 21_892
    assert {number for number, _ in table} == set(RECORDS)


def test_aami_classes_of_symbols():
    assert {symbol: "NSVFQ"[index] for symbol, index in CLASS_OF.items()} == {
        **dict.fromkeys("NLRej", "N"),
        **dict.fromkeys("AaJS", "S"),
        **dict.fromkeys("VE", "V"),
        "F": "F",
        **dict.fromkeys("/fQ", "Q"),
    }


def test_no_subject_lies_on_two_sides():
    assert len({*DS1, *DS2, 102, 104, 107, 217}) == len(RECORDS) == 48
    numbers, labels = np.repeat(RECORDS, 5), np.tile(np.arange(5), 48)
    beats = {"record": numbers, "label": labels, "beat": np.random.default_rng(0).random((240, 187))}
    split = draw_split("beat", "patient", beats, {"train": 100, "test": 140})
    subjects = {side: set(np.where(numbers[rows] == SAME_SUBJECT, 202, numbers[rows])) for side, rows in split.items()}
    assert not subjects["train"] & subjects["test"]
    assert not subjects["train"] & subjects["validation"]
    assert not subjects["validation"] & subjects["test"]
    assert subjects["test"] == set(DS2)
    assert subjects["train"] | subjects["validation"] == set(DS1) - {SAME_SUBJECT}
    for rows_of_side in split.values():
        assert set(labels[rows_of_side]) == {0, 1, 2, 3}


def test_missing_and_damaged_records_are_told(tmp_path, cardiax):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    (tmp_path / "100.hea").touch()
    command = ("prepare", "physionet_mitbih/kaggle", "--manual-dir", tmp_path, "--data-dir", tmp_path / "data")
    message = cardiax.mistake(*command)
    assert "found no 100.dat and 142 more files missing, wanted .hea, .dat and .atr of 48 records" in message
    for name in records.FILES:
        (tmp_path / name).touch()
    assert "100: found a record that cannot be read" in cardiax.mistake(*command)


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    asked = []

    def refuse(database, folder, files):
        asked.append((database, folder, len(files)))
        raise ConnectionError("no network")

    monkeypatch.setattr(wfdb, "dl_files", refuse)
    with pytest.raises(InputError, match=r"found no way to fetch it \(no network\), wanted 144 files"):
        records.download(tmp_path)
    assert asked == [("mitdb", str(tmp_path), 144)]
    for name in records.FILES:
        (tmp_path / name).touch()
    assert records.download(tmp_path) == tmp_path  # nothing to fetch
