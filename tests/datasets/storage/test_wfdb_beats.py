"""Windows of records of any rate, length and leads, against a bump of known place and height."""

import numpy as np
import pytest

from cardiax.datasets.storage.wfdb_beats import Record, read_records, windows
from cardiax.datasets.storage.wfdb_database import Database
from cardiax.errors import InputError

HEIGHTS = {"V1": -2.0, "V5": 0.5, "ECG2": 0.5, "II": 1.0, "MLII": 1.0, "ECG1": 1.0, "x": 1.0}
"""Lead → height of the bump, mV."""


def record(rate, leads, beats=40, symbols=None):
    """A bump of 25 ms at each of the beats, 1 s apart."""
    samples = np.round((1 + np.arange(beats)) * rate).astype(int)
    time = np.arange(round((beats + 1.5) * rate))[:, None] / rate
    bumps = sum(np.exp(-(((time - sample / rate) / 0.025) ** 2)) for sample in samples)
    signals = np.round(1000 * bumps * [HEIGHTS[lead] for lead in leads]).astype(np.int16) + 7
    gains, baselines = np.full(len(leads), 1000.0), np.full(len(leads), 7.0)
    return Record(5, rate, signals, leads, gains, baselines, samples, symbols or ("N",) * beats)


@pytest.mark.parametrize("rate", [128.0, 250.0, 257.0, 360.0, 1000.0, 333.3])
@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        (("ECG1", "ECG2"), (1.0, 0.5)),
        (("V5", "MLII"), (1.0, 0.5)),
        (("V1", "V5", "II"), (1.0, -2.0)),
        (("x",), (1.0, 0.0)),
    ],
)
def test_the_peak_is_where_it_should_be_in_the_leads_of_choice(rate, leads, expected):
    beats = list(windows(record(rate, leads)))
    assert len(beats) == 40
    for beat in beats[5:-5]:
        assert beat.signal.shape == (192, 2)
        assert beat.signal.dtype == np.float32
        assert abs(abs(beat.signal[:, 0]).argmax() - 72) <= 1
        np.testing.assert_allclose(beat.signal[72], expected, atol=0.12)
        np.testing.assert_allclose(beat.intervals, 1.0, atol=1 / rate)
    assert (beats[7].sample, beats[7].annotation_index, beats[7].record) == (round(8 * rate), 7, 5)


def test_other_annotations_are_not_beats_and_one_beat_alone_has_no_interval():
    one = record(250.0, ("x",), 4, ("+", "V", "|", "/"))
    assert [(beat.label, beat.annotation_index) for beat in windows(one)] == [(2, 1), (4, 3)]
    assert not list(windows(record(250.0, ("x",), 4, ("+", "V", "|", "~"))))


def test_beats_without_a_class_are_beats_of_the_intervals_of_the_others():
    beats = list(windows(record(250.0, ("x",), 5, ("N", "A", "N", "+", "N")), class_of={"N": 0}))
    assert [beat.annotation_index for beat in beats] == [0, 2, 4]
    np.testing.assert_allclose([beat.intervals[0] for beat in beats[1:]], [1.0, 2.0])  # "+" is no beat


def test_channels_of_other_units_are_left_out_and_microvolts_have_two_signs(tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    signals = np.round(1000 * np.sin(np.arange(1000) / 40))[:, None] * [1.0, 0.05, 1.0]
    kind = {"fmt": ["16"] * 3, "adc_gain": [1.0, 200.0, 1.0], "baseline": [0] * 3, "write_dir": str(tmp_path)}
    wfdb.wrsamp("a", 250, ["mmHg", "mV", "uV"], ["ABP", "II", "V5"], p_signal=signals, **kind)
    wfdb.wrann("a", "atr", np.array([300, 600]), ["N", "N"], write_dir=str(tmp_path))
    database = Database(name="a", homepage="https://a", records=("a",))
    header = (tmp_path / "a.hea").read_text()
    for sign, encoding in (("u", "ascii"), ("\u00b5", "latin-1"), ("\u00b5", "utf-8"), ("\u03bc", "utf-8")):
        (tmp_path / "a.hea").write_text(header.replace("/uV", f"/{sign}V"), encoding=encoding)
        (found,) = read_records(database, tmp_path, ["a"])
        assert found.leads == ("II", "V5")
        np.testing.assert_allclose(
            (found.signals - found.baselines) / found.gains, signals[:, 1:] * [1, 1e-3], atol=3e-3
        )
    (tmp_path / "a.hea").write_text(header.replace("mV", "bar").replace("uV", "mmHg"))
    with pytest.raises(InputError, match="a: found the units mmHg, bar, mmHg, expected a channel in mV, uV or V"):
        list(read_records(database, tmp_path, ["a"]))


def test_annotations_of_another_record_are_refused(tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    peaks = np.cumsum(np.random.default_rng(0).integers(150, 250, 40))
    signal = np.random.default_rng(1).normal(0, 0.02, peaks[-1] + 200)
    for offset, voltage in ((-6, -0.2), (0, 1.0), (6, -0.3)):
        signal[peaks + offset] += voltage
    wfdb.wrsamp("a", 250, ["mV"], ["II"], p_signal=signal[:, None], fmt=["16"], write_dir=str(tmp_path))
    database = Database(name="a", homepage="https://a", records=("a",))
    for shift, status in ((0, True), (75, False)):
        wfdb.wrann("a", "atr", peaks + shift, ["N"] * len(peaks), write_dir=str(tmp_path))
        if status:
            assert len(list(read_records(database, tmp_path, ["a"]))) == 1
        else:
            with pytest.raises(InputError, match=r"a\.atr: found beats where the signal is 0\.\d\d times as steep"):
                list(read_records(database, tmp_path, ["a"]))


@pytest.mark.parametrize(
    ("homepage", "advice"), [("https://a/b", "fetch https://a/b again"), ("/home/x", "copy the record again")]
)
def test_a_damaged_record_is_fetched_or_copied_again(homepage, advice, tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    kind = {"fmt": ["16"], "adc_gain": [200.0], "baseline": [0], "write_dir": str(tmp_path)}
    wfdb.wrsamp("a", 250, ["mV"], ["II"], p_signal=np.ones((1000, 1)), **kind)
    (tmp_path / "a.dat").write_bytes(b"\1" + (tmp_path / "a.dat").read_bytes()[1:])
    database = Database(name="a", homepage=homepage, records=("a",))
    with pytest.raises(InputError, match=f"found signals whose checksums differ .* {advice}"):
        database.read(tmp_path, "a")


def test_annotations_that_are_cut_off_or_have_a_strange_note_are_refused_before_wfdb_reads_them(tmp_path):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    kind = {"fmt": ["16"], "adc_gain": [200.0], "baseline": [0], "write_dir": str(tmp_path)}
    wfdb.wrsamp("a", 250, ["mV"], ["II"], p_signal=np.ones((1000, 1)), **kind)
    note = b"## strange"
    for content, fault in (
        (b"\5\4\5\4", "found no end of the annotations, expected two bytes 0"),
        (
            b"\5\4" + bytes([len(note), 0xFC]) + note + b"\0\0",
            "found a note that begins with ##, expected one of WFDB's",
        ),
    ):
        (tmp_path / "a.atr").write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.atr: {fault}"):
            Database(name="a", homepage="https://a", records=("a",)).read(tmp_path, "a", annotated=True)
