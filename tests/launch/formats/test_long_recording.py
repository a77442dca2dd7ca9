"""Long recordings read in parts: the same samples, leads and units as in one piece."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import filtered
from cardiax.errors import InputError
from cardiax.launch.formats.long_recording import read_leads


@pytest.mark.parametrize("rate", [128.0, 250.0, 333.3, 360.0, 1000.0])
def test_parts_filtered_one_by_one_are_those_of_the_whole(rate):
    random = np.random.default_rng(0)
    signal = np.cumsum(random.normal(size=(round(200 * rate), 2)), 0) / 50
    recording = read_leads(signal, rate)
    whole = filtered(signal, rate)
    parts = list(recording.parts(45.0, 10.0))
    assert len(parts) == 4
    assert [first for first, *_ in parts[1:]] == [last for _, last, *_ in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, len(signal))
    for first, last, low, values in parts:
        np.testing.assert_array_equal(values, signal[low : low + len(values)])
        assert low <= max(first - 10 * rate, 0)
        assert low + len(values) >= min(last + 10 * rate, len(signal))
        start, stop = (round((at - low) * 180 / rate) for at in (first, last))
        base = round(low * 180 / rate)
        np.testing.assert_allclose(filtered(values, rate)[start:stop], whole[base + start : base + stop], atol=2e-3)


def test_leads_in_order_and_in_millivolts(tmp_path):
    header = "time_s,Resp,V1 (uV),-aVR (mV),ECG II (V)\n"
    rows = np.column_stack([np.arange(1000) / 250, np.ones(1000), np.full(1000, 500.0), np.ones(1000), np.ones(1000)])
    (tmp_path / "a.csv").write_text(header + "\n".join(",".join(map(str, row)) for row in rows))
    recording = read_leads(tmp_path / "a.csv")
    assert (recording.names, recording.rate, recording.samples) == (("II", "V1", "aVR"), 250.0, 1000)
    assert recording.notes == ("Resp left out: no ECG leads",)
    ((*_, values),) = recording.parts(60.0, 10.0)
    np.testing.assert_allclose(values, [[1000.0, 0.5, -1.0]] * 1000)


def test_one_column_and_missing_values():
    signal = np.ones(5000, np.float32)
    signal[[3, 4]] = np.nan, np.inf
    recording = read_leads(signal, 250.0, unit="uv")
    assert recording.names == ("channel 1",)
    ((*_, values),) = recording.parts(60.0, 10.0)
    assert np.isnan(values[3:5]).all()
    np.testing.assert_allclose(np.delete(values, [3, 4]), 1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 60.0}, r"^array: found a sampling rate of 60 Hz, expected 100 to 5000 Hz to find R peaks$"),
        ({}, r"^array: found 5000 samples and no sampling rate"),
        ({"rate": 250.0, "names": ["I"]}, r"^array: found 2 channels, expected the 1 of --leads$"),
        (
            {"rate": 250.0, "names": ["Resp", "II (mmHg)"]},
            r"^array: found no lead among the channels Resp, II \(mmhg\), expected one in V, mV or uV$",
        ),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(InputError, match=message):
        read_leads(np.zeros((5000, 2)), **arguments)


def table(path, header, rate=250, more=0):
    """A table of a time in s, so many more in ms, and a constant for each other column."""
    time = np.arange(500) / rate
    columns = [time, *[1000 * time] * more, *[np.ones(500)] * (header.count(",") - more)]
    np.savetxt(path, np.column_stack(columns), "%.6f", ",", header=header, comments="")
    return path


def test_a_gap_in_the_times_is_named(tmp_path):
    for count, told in ((1000, r"uneven times \(a step of 3 s after 2 s, where 0.004 s are usual\)"), (2, "2 times")):
        times = np.arange(count) * 0.004 + 2.996 * (np.arange(count) > 500)
        np.savetxt(tmp_path / "a.csv", np.stack([times, times], axis=1), "%.4f", ",", header="time_s,II", comments="")
        with pytest.raises(
            InputError, match=rf"found {told}, expected equal steps between all samples; split the file"
        ):
            read_leads(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["ECG", "Lead I (mV)", "my ECG"])
def test_a_table_of_one_column(tmp_path, name):
    np.savetxt(tmp_path / "a.csv", np.ones(500), header=name, comments="")
    recording = read_leads(tmp_path / "a.csv", 250.0)
    assert (recording.samples, recording.names) == (500, ("I" if "I" in name else name,))


def test_channels_of_one_name_are_told_apart(tmp_path):
    for names, found in (
        ("ECG,ECG,II,ecg 2", ("II", "ECG", "ECG 2", "ecg 2")),
        ("E,E,E 2,E", ("E", "E 3", "E 2", "E 4")),
    ):
        assert read_leads(table(tmp_path / "a.csv", f"time_s,{names}")).names == found


def test_what_is_told_twice_is_one_or_a_mistake(tmp_path):
    signal = np.ones((5000, 2))
    for names in (["II", "II"], ["II", "DII"], ["ECG", "ECG"]):
        with pytest.raises(InputError, match=f"^--leads: found {names[0]} twice, expected a name of its own"):
            read_leads(signal, 250.0, names)
    recording = read_leads(table(tmp_path / "a.csv", "time_s,time_ms,II", more=1))
    assert recording.notes == ("the times in 'time_ms' left out, those in 'time_s' read",)
    with pytest.raises(InputError, match=r"found the unit uV of II \(uV\) and --unit mV, expected one"):
        read_leads(table(tmp_path / "b.csv", "time_s,II (uV)"), unit="mv")
    rows = "".join(f"{index / 250},1\n" for index in range(500))
    (tmp_path / "c.csv").write_text(f"time,II (mV)\ns,uV\n{rows}")
    with pytest.raises(InputError, match=r"found the units mv in 'II \(mV\)' and uv in the line below, expected one"):
        read_leads(tmp_path / "c.csv")


@pytest.fixture
def record(tmp_path):
    """A record of two leads and 1000 samples, of which a header states the checksums."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    signal = np.random.default_rng(0).normal(size=(1000, 2))
    wfdb.wrsamp("a", 250, ["mV"] * 2, ["II", "V1"], signal, fmt=["16"] * 2, write_dir=str(tmp_path))
    return tmp_path / "a.hea"


def test_a_record_whose_signals_contradict_its_header(record):
    signals = record.with_suffix(".dat")
    content = signals.read_bytes()
    assert read_leads(record).notes == ()
    signals.write_bytes(content[:2000] + b"\1\1" + content[2002:])
    with pytest.raises(
        InputError, match=r"^\S+a\.hea: found other samples of signal 1 than those of its checksum -?\d+,"
    ):
        read_leads(record)
    signals.write_bytes(content[:-4])
    with pytest.raises(InputError, match=r"^\S+a\.hea: found 3,996 bytes of signals, expected 4,000 for its 1,000 sam"):
        read_leads(record)
    signals.write_bytes(content + content[:400])
    assert read_leads(record).notes == ("a.hea states 1,000 samples; the others up to 1,100 are left out",)
    record.write_text(record.read_text().replace("a.dat 16 ", "a.dat 17 "))
    with pytest.raises(InputError, match=r"^\S+a\.hea: found the format 17, expected one of 8, 16, 24"):
        read_leads(record)


def test_a_damaged_segment_is_found(record):
    whole = record.with_name("whole.hea")
    whole.write_text("whole/2 2 250 2000\na 1000\na 1000\n")
    assert read_leads(whole).samples == 2000
    record.with_suffix(".dat").write_bytes(b"\1\1" + record.with_suffix(".dat").read_bytes()[2:])
    with pytest.raises(InputError, match=r"a\.hea: found other samples of signal 1 than those of its checksum"):
        read_leads(whole)


def test_a_record_without_a_gain_is_read_as_wfdb_reads_it(record):
    """In 26 of the 52 records of SVDB at hand the gain is 0; header(5) says that 200 may then be assumed."""
    lines = record.read_text().splitlines()
    record.write_text("\n".join([lines[0], *(" ".join(["a.dat 16 0", *line.split()[3:]]) for line in lines[1:])]))
    found = read_leads(record)
    assert found.notes == ("no gain of II, V1 in the header: 200 ADC counts per mV assumed, as WFDB does",)
    ((*_, values),) = found.parts(60.0, 10.0)
    counts = np.frombuffer(record.with_suffix(".dat").read_bytes(), "<i2").reshape(-1, 2)
    np.testing.assert_allclose(values, counts / 200, atol=1e-9)


def test_values_that_are_no_voltages_are_missing(tmp_path):
    values = np.random.default_rng(0).normal(size=(2500, 1)).astype(np.float64)
    values[[3, 5, 7, 9], 0] = [1e308, -1e30, np.inf, 2.0**40]
    path = tmp_path / "a.npy"
    np.save(path, values)
    for unit, missing in (("V", [3, 5, 7, 9]), ("mV", [3, 5, 7, 9]), ("uV", [3, 5, 7])):
        ((*_, found),) = read_leads(path, rate=250.0, names=["II"], unit=unit.lower()).parts(60.0, 10.0)
        assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == missing
