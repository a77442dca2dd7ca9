"""A person's own recordings: every form gives the same leads, and what is wrong is told in one line."""

import errno
import gzip
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.ecg.leads import ELECTRODES, LEADS, twelve_leads
from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import open_recording
from cardiax.launch.formats.twelve_lead_beat import read_beat

TIME = np.arange(500)
SIZES = np.array([0.3, -0.4, 0.9, 0.0, -0.5, 0.6, 1.1, 1.3, 1.0, 0.8])
WIDTHS = np.array([14.0, 20, 26, 30, 16, 18, 20, 22, 24, 26])
ELECTRODE_VALUES = SIZES * np.exp(-(((TIME[:, None] - 90 - 5 * np.arange(10)) / WIDTHS) ** 2))
TWELVE = np.asarray(twelve_leads(ELECTRODE_VALUES))
WOBBLING = TWELVE + 0.05 * np.asarray(twelve_leads(np.sin(TIME[:, None] / (19 + np.arange(10)))))
"""The same on a baseline that never stands still."""


def saved(path, array):
    np.save(path, array)
    return path


def table(names=LEADS, columns=TWELVE, times=TIME, time="time_ms", mark=",", number="{:.5f}".format):
    """The text of a table with a column of times, unless that has no name."""
    rows = [[*([str(t)] if time else []), *map(number, row)] for t, row in zip(times, columns, strict=True)]
    return "\n".join(mark.join(row) for row in [[*([time] if time else []), *names], *rows]) + "\n"


def written(path, text, encoding="utf-8"):
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def refusal(path, **told):
    """The line that refuses a file, without its name."""
    with pytest.raises(InputError) as refused:
        read_beat(path, **told)
    return str(refused.value).removeprefix(f"{path}: ")


def record(folder, names=LEADS, values=TWELVE, unit="mV", gain="2000", rate=1000, name="beat", encoding="utf-8"):
    """A WFDB record of format 16."""
    np.round(2000 * values).astype("<i2").tofile(folder / f"{name}.dat")
    lines = [f"{name}.dat 16 {gain}(0)/{unit} 16 0 0 0 0 {one}".rstrip() for one in names]
    header = "\n".join([f"{name} {len(names)} {rate} {len(values)}", *lines]) + "\n"
    (folder / f"{name}.hea").write_bytes(header.encode(encoding))
    return folder / f"{name}.hea"


def test_arrays_of_electrodes_and_of_leads(tmp_path):
    found = read_beat(saved(tmp_path / "e.npy", ELECTRODE_VALUES), rate=1000).leads
    np.testing.assert_allclose(found, TWELVE, atol=1e-6)
    leads = read_beat(saved(tmp_path / "l.npy", TWELVE), rate=1000).leads
    assert leads.dtype == np.float32
    np.testing.assert_array_equal(leads, TWELVE.astype(np.float32))
    more = np.column_stack([ELECTRODE_VALUES, ELECTRODE_VALUES[:, 5]])
    beat = read_beat(saved(tmp_path / "m.npy", more), rate=1000, names=[*ELECTRODES, "V7"])
    assert beat.notes == ("V7 left out: none of the twelve leads",)


@pytest.mark.parametrize("rate", [250, 257, 360, 500, 2000])
@pytest.mark.parametrize("start", [None, 700.0, 700.4])
def test_other_rates_are_resampled(tmp_path, rate, start):
    def signal(ms):
        return np.asarray(twelve_leads(SIZES * np.exp(-(((ms[:, None] - 120 - 5 * np.arange(10)) / WIDTHS) ** 2))))

    length = 0.5 if start is None else 2.0
    slow = signal(np.arange(int(np.ceil(length * rate))) * 1000 / rate - (start or 0.0))
    found = read_beat(saved(tmp_path / "slow.npy", slow), rate=rate, start=start).leads
    np.testing.assert_allclose(found, signal(TIME.astype(float)), atol=0.01)


SPELLINGS = {
    "plain": LEADS,
    "lower case": [name.lower() for name in LEADS],
    "DI": ["DI", "DII", "DIII", *LEADS[3:]],
    "D1": ["D1", "D2", "D3", *LEADS[3:]],
    "C1": [*LEADS[:6], *(f"C{i}" for i in range(1, 7))],
    "unit": [f"{name} (mV)" for name in LEADS],
    "bracket": [f"{name} [mV]" for name in LEADS],
    "suffix": [f"{name}_mV" for name in LEADS],
    "MDC": [f"MDC_ECG_LEAD_{name}" for name in LEADS],
    "ECG": [f"ECG_{name}" for name in LEADS],
    "Lead": [f"Lead {name}" for name in LEADS],
    "ECG lead": [f"ECG lead {name}" for name in LEADS],
    "LeadI": [f"Lead{name}" for name in LEADS],
    "Kanal I": [f"Kanal {name}" for name in LEADS],
    "Ch1: I": [f"Ch{number}: {name}" for number, name in enumerate(LEADS, 1)],
    "EKG-I": [f"EKG{' ' if name == 'aVR' else '-'}{name}" for name in LEADS],
    "I raw": [f"{name} raw" for name in LEADS],
    "plural": [f"{name} (millivolts)" for name in LEADS],
    "quoted": [f"'{name}'" for name in LEADS],
}


@given(
    spelling=st.sampled_from(sorted(SPELLINGS)),
    order=st.permutations(range(12)),
    form=st.sampled_from(
        [("|", "csv"), (",", "csv"), (";", "csv"), (";", "txt"), ("\t", "tsv"), (",", "csv.gz"), (",", "CSV")]
    ),
    comma=st.booleans(),
    ends=st.sampled_from(["", "\n\n", ",end"]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_however_a_table_is_written(tmp_path_factory, spelling, order, form, comma, ends):
    (mark, ending), names = form, [SPELLINGS[spelling][i] for i in order]
    decimal = "," if comma and mark != "," else "."
    text = table(names, TWELVE[:, order], mark=mark, number=lambda x: f"{x:.5f}".replace(".", decimal))
    text = text.replace("\n", f"{mark}\n") if ends == ",end" else text + ends  # a mark at the end of each row
    text = f"sep=;\n{text}" if mark == ";" and comma else text
    path = written(tmp_path_factory.mktemp("table") / f"ecg.{ending}", text)
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("time", TIME / 1000),
        ("t", TIME / 1000),
        ("sec", TIME / 1000),
        ("Time (ms)", TIME),
        ("Time [s]", TIME / 1000),
        ("time_us", 1000 * TIME),
        ("timestamp", 10 + TIME / 1000),
        ("time", [f"2024-01-01 00:00:0{t / 1000:.3f}" for t in TIME]),
        ("Elapsed time", [f"'0:00.{t:03d}'" for t in TIME]),
        ("time", [f"23:59:59.{750 + t}" if t < 250 else f"00:00:00.{t - 250:03d}" for t in TIME]),
    ],
)
def test_columns_of_times(tmp_path, name, times):
    path = written(tmp_path / "ecg.csv", table(times=times, time=name))
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)


def dated(clock, date=None, title="Time"):
    """A table of which one column, or two, hold times of day; `clock` and `date` are functions of the ms."""
    rows = zip(TIME, table(time=None).splitlines()[1:], strict=True)
    lines = [",".join([*([date(t)] if date else []), clock(t), row]) for t, row in rows]
    return "\n".join([",".join([*(["Date"] if date else []), title, *LEADS]), *lines])


@pytest.mark.parametrize(
    "text",
    [
        dated("01:02:03.{:03d} PM".format),
        dated("5/1/2024 1:02:03.{:03d} p.m.".format),
        dated(lambda t: f"11:59:59.{750 + t} AM" if t < 250 else f"12:00:00.{t - 250:03d} PM"),
        dated(lambda t: f"11:59:59.{750 + t} PM" if t < 250 else f"12:00:00.{t - 250:03d} AM"),
        dated("10:00:00:{:03d}".format),
        dated("10:00:00.{:03d}".format, lambda t: "2024-05-01"),
        dated("10:00:00.{:03d}".format, lambda t: "20240501"),
        dated("1:00:00.{:03d} PM".format, lambda t: "5/1/2024"),
        dated(
            lambda t: f"23:59:59.{750 + t}" if t < 250 else f"00:00:00.{t - 250:03d}",
            lambda t: f"2024-05-0{1 + (t >= 250)}",
        ),
        dated(str, lambda t: "2024-05-01", title="time_ms"),
        dated(lambda t: str(1_000_000 * t), title="time_ns"),
        dated(lambda t: str(t / 1000), title="Time / s"),
        dated(lambda t: str(t / 1000), title="seconds_elapsed"),
    ],
)
def test_times_of_day_and_dates(tmp_path, text):
    np.testing.assert_allclose(read_beat(written(tmp_path / "ecg.csv", text)).leads, TWELVE, atol=1e-5)


def test_a_date_alone_is_no_time(tmp_path):
    path = written(tmp_path / "ecg.csv", dated(lambda t: "2024-05-01"))
    assert "no sampling rate, expected one; give --rate HZ" in refusal(path)
    np.testing.assert_allclose(read_beat(path, rate=1000).leads, TWELVE, atol=1e-5)
    coarse = written(tmp_path / "b.csv", dated(lambda t: f"00:00.{t // 100}"))
    assert "found uneven times" in refusal(coarse)
    back = written(tmp_path / "c.csv", table(times=TIME % 300))
    assert "missing or do not increase" in refusal(back)


@pytest.mark.parametrize(("mark", "ending"), [(",", "csv"), (";", "csv"), ("\t", "tsv"), (" ", "txt")])
@pytest.mark.parametrize("quoted", ["numbers", "all"])
def test_decimal_commas_in_quotation_marks(tmp_path, mark, ending, quoted):
    text = table(mark="|", number=lambda x: f'"{x:.5f}"'.replace(".", ","))
    if quoted == "all":
        text = "\n".join("|".join(f'"{cell.strip(chr(34))}"' for cell in row.split("|")) for row in text.splitlines())
    path = written(tmp_path / f"ecg.{ending}", text.replace("|", mark))
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)


def test_commas_and_points_that_are_no_decimal_marks(tmp_path):
    path = written(tmp_path / "a.csv", table(number=lambda x: f"{x:.5f}".replace(".", ",")))
    assert "separate the cells by semicolons if commas are decimal marks" in refusal(path)
    for number in ("{:,.2f}".format, "{:,.0f}".format, lambda x: f"{x:,.0f}".replace(",", ".")):
        text = table([f"{name} (uV)" for name in LEADS], 1000 * TWELVE, mark=";", number=number)
        assert "expected numbers without thousands separators" in refusal(written(tmp_path / "b.csv", text))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_text_without_a_byte_order_mark(tmp_path, encoding, ending):
    path = written(tmp_path / f"ecg.{ending}", table(), encoding)
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 1])
    assert "found" in refusal(path)


def test_arrays_in_archives(tmp_path):
    content = saved(tmp_path / "a.npy", TWELVE).read_bytes()
    leads = dict(zip(LEADS, TWELVE.T, strict=True))
    np.savez(tmp_path / "one.npz", ecg=TWELVE)
    np.savez_compressed(tmp_path / "leads.npz", **leads)
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress(content))
    (tmp_path / "named.csv").write_bytes(content)
    for name in ("one.npz", "leads.npz", "a.npy.gz", "named.csv"):
        np.testing.assert_allclose(read_beat(tmp_path / name, rate=1000).leads, TWELVE, atol=1e-6)
    columns = {name: lead[:, None] for name, lead in leads.items()}
    for name, arrays in {"matrix": {"ecg": TWELVE}, "leads": leads, "columns": columns}.items():
        np.savez(tmp_path / f"{name}.npz", **arrays, fs=1000)
        np.testing.assert_allclose(read_beat(tmp_path / f"{name}.npz").leads, TWELVE, atol=1e-6)
    assert "found 1000 Hz in the variable fs and --rate 500" in refusal(tmp_path / "matrix.npz", rate=500)
    for arrays in ({"ecg": TWELVE, "leads": np.array(LEADS)}, {"a": TWELVE, "b": TWELVE}, {"a": TWELVE, "gain": 200}):
        np.savez(tmp_path / "two.npz", **arrays)
        expected = f"found the arrays {', '.join(arrays)}, expected one of all channels, or a vector for each"
        assert expected in refusal(tmp_path / "two.npz")
    with zipfile.ZipFile(tmp_path / "two.npz", "w") as archive:
        for name in ("I", "fs"):
            archive.writestr(name, b"1000")
    assert "found the arrays I, fs, expected one" in refusal(tmp_path / "two.npz")
    np.savez(tmp_path / "two.npz", I=TWELVE[:, 0], II=TWELVE[1:, 1])
    assert "found vectors of different lengths" in refusal(tmp_path / "two.npz")
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress(content)[:3000])
    damaged = bytearray(gzip.compress(content))
    damaged[5000] ^= 1
    (tmp_path / "b.npy.gz").write_bytes(damaged)
    (tmp_path / "rubbish.npz").write_bytes(b"PK\x03\x04rubbish")
    np.savez(tmp_path / "object.npz", np.array([{}], dtype=object))
    for name in ("a.npy.gz", "b.npy.gz"):
        assert "found damaged or incomplete gzip" in refusal(tmp_path / name)
    for name in ("rubbish.npz", "object.npz"):
        assert "found no plain NumPy array" in refusal(tmp_path / name)
        assert "pickle" not in refusal(tmp_path / name)  # NumPy recommends to load it anyway


def test_arrays_of_records(tmp_path):
    def records(columns, names, kind="f8"):
        rows = [tuple(row) for row in columns]
        return saved(tmp_path / "a.npy", np.array(rows, [(name, kind) for name in names]))

    turned = records(1000 * TWELVE[:, ::-1], [f"{name}_uV" for name in LEADS[::-1]])
    np.testing.assert_allclose(read_beat(turned, rate=1000).leads, TWELVE, atol=1e-6)
    timed = records(np.column_stack([TIME, TIME / 1000, TWELVE]), ["index", "time_s", *LEADS])
    np.testing.assert_allclose(read_beat(timed).leads, TWELVE, atol=1e-6)
    assert "found 1000 Hz in the times in 'time_s' and --rate 500" in refusal(timed, rate=500)
    assert "found <U9" in refusal(records(TWELVE, LEADS, "U9"), rate=1000)
    assert "of which none are leads" in refusal(records(TWELVE, [f"x{i}" for i in range(12)]), rate=1000)


def test_headers_of_other_programs(tmp_path):
    np.savetxt(tmp_path / "numpy.txt", TWELVE, header=" ".join(LEADS))
    np.savetxt(tmp_path / "numpy.csv", TWELVE, header=",".join(LEADS), delimiter=",")
    lines = table(time=None).splitlines()
    rows = [",".join(f'"{name}"' for name in LEADS), *(f'"{i + 1}",{row}' for i, row in enumerate(lines[1:]))]
    written(tmp_path / "r.csv", "\n".join(rows))
    written(tmp_path / "r.txt", "\n".join(rows).replace(",", " "))
    written(tmp_path / "units.tsv", table([f'"{name}, mV"' for name in LEADS], mark="\t"))
    for name in ("numpy.txt", "numpy.csv", "r.csv", "r.txt", "units.tsv"):
        np.testing.assert_allclose(read_beat(tmp_path / name, rate=1000).leads, TWELVE, atol=1e-5)
    long = written(tmp_path / "a.csv", table(["I", "x" * 100_000]))
    assert len(refusal(long)) < 500


def test_leads_that_are_normalized_or_unrelated(tmp_path):
    for scale, measure in ((np.std, "standard deviation"), (np.ptp, "range")):
        values = (TWELVE - TWELVE.mean(axis=0)) / scale(TWELVE, axis=0)
        assert f"found the same {measure} in all leads" in refusal(saved(tmp_path / "a.npy", values), rate=1000)
    noise = np.random.default_rng(0).normal(size=(500, 12))
    assert "are inconsistent" in refusal(saved(tmp_path / "b.npy", noise), rate=1000)


def test_names_that_the_locale_lacks(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    good, flat = written(tmp_path / "ÉCG µV.csv", table()), written(tmp_path / "flach ä.csv", table(columns=0 * TWELVE))
    record(tmp_path, unit="µV", gain="2")
    program = """if True:
        import sys
        from pathlib import Path
        from cardiax.errors import InputError
        from cardiax.launch.formats.twelve_lead_beat import read_beat
        from cardiax.launch.system.shell_settings import own_settings
        own_settings()
        for path in map(Path, sys.argv[1:]):
            try:
                print(read_beat(path).leads.shape)
            except InputError as error:
                print(error)
    """
    shell = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}
    paths = [os.fsencode(path) for path in (good, tmp_path / "beat.hea", flat)]
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, env=os.environ | shell)
    first, second, third = done.stdout.splitlines()
    assert first == second == b"(500, 12)", done
    assert third.startswith(os.fsencode(flat) + b": found no signal in I, II"), done


@pytest.mark.parametrize("path", ["", ".", "/", "-", "a\0b.csv", "~/a.csv", "loop.csv"])
def test_paths_without_a_file(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    os.symlink("loop.csv", "loop.csv")
    with pytest.raises(InputError, match="found"):
        read_beat(Path(path))


@pytest.mark.parametrize("rate", [250, 257, 360, 512])
def test_times_that_are_rounded_to_milliseconds(tmp_path, rate):
    indices = np.arange(round(0.6 * rate)) * 1000 / rate
    slow = np.stack([np.interp(indices, TIME, lead, right=lead[-1]) for lead in TWELVE.T], axis=1)
    path = written(tmp_path / "ecg.csv", table(columns=slow, times=np.rint(indices).astype(int), time="time_ms"))
    np.testing.assert_allclose(read_beat(path, start=0).leads[:490], TWELVE[:490], atol=0.03)
    dates = [f"2024-05-01 10:00:00.{round(at):03d}" for at in indices]
    path = written(tmp_path / "date.csv", table(columns=slow, times=dates, time="date time"))
    np.testing.assert_allclose(read_beat(path, start=36e6).leads[:490], TWELVE[:490], atol=0.03)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_comments_units_and_encodings(tmp_path, encoding):
    unit = "µV" if encoding == "latin-1" else "uV"
    body = table(columns=1000 * TWELVE).splitlines()
    text = "\n".join(["# device: X, März", "# rate: 1000 Hz", body[0], ",".join(["ms", *[unit] * 12]), *body[1:]])
    np.testing.assert_allclose(read_beat(written(tmp_path / "a.csv", text, encoding)).leads, TWELVE, atol=1e-5)
    without = table(time="").replace("I,", "\ufeffI,", 1) if encoding == "utf-16" else table(time="")
    path = written(tmp_path / "b.csv", f"# sampling rate: 1 kHz\n{without}", encoding)
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)


def test_the_unit_in_a_name_is_used(tmp_path):
    names = [f"{name}_uV" if index % 2 else name for index, name in enumerate(LEADS)]
    path = written(tmp_path / "a.csv", table(names, TWELVE * np.where(np.arange(12) % 2, 1000.0, 1.0)))
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-5)
    np.testing.assert_allclose(
        read_beat(saved(tmp_path / "v.npy", TWELVE / 1000), rate=1000, unit="v").leads, TWELVE, atol=1e-6
    )


def test_leads_that_follow_from_others(tmp_path):
    columns = [0, 1, *range(6, 12)]
    beat = read_beat(written(tmp_path / "a.csv", table([LEADS[i] for i in columns], TWELVE[:, columns])))
    np.testing.assert_allclose(beat.leads, TWELVE, atol=2e-5)
    assert beat.notes == ("III, aVR, aVL, aVF computed from I and II",)
    cabrera = [4, 0, 3, 1, 5, 2, *range(6, 12)]
    names = [f"-{LEADS[i]}" if i == 3 else LEADS[i] for i in cabrera]
    text = table(names, TWELVE[:, cabrera] * np.where(np.array(cabrera) == 3, -1, 1))
    np.testing.assert_allclose(read_beat(written(tmp_path / "b.csv", text)).leads, TWELVE, atol=1e-5)
    iec = {"RA": "R", "LA": "L", "LL": "F", "RL": "N"} | {f"V{i}": f"C{i}" for i in range(1, 7)}
    text = table([iec[name] for name in ELECTRODES], ELECTRODE_VALUES)
    np.testing.assert_allclose(read_beat(written(tmp_path / "c.csv", text)).leads, TWELVE, atol=1e-4)
    both = table([*LEADS, "RA", "LA", "LL"], np.column_stack([TWELVE, ELECTRODE_VALUES[:, :3]]))
    np.testing.assert_allclose(read_beat(written(tmp_path / "d.csv", both)).leads, TWELVE, atol=1e-5)


def test_only_the_beat_is_judged(tmp_path):
    long = np.concatenate([TWELVE] * 4)
    gaps = long.copy()
    gaps[[400, 1600], 3] = np.nan, 1e6
    for rate, start in ((1000, 500), (500, 1000)):
        found = read_beat(saved(tmp_path / "a.npy", gaps), rate=rate, start=start).leads
        whole = read_beat(saved(tmp_path / "b.npy", long), rate=rate, start=start).leads
        np.testing.assert_allclose(found, whole, atol=1e-6)
    assert "found a missing value in aVR 400 ms" in refusal(saved(tmp_path / "a.npy", gaps), rate=1000, start=0)
    assert "found a missing value in aVR 300 ms" in refusal(tmp_path / "a.npy", rate=500, start=500)
    rows = table(columns=long, times=1000 + np.arange(2000)).splitlines()
    rows[100] = rows[100].rpartition(",")[0] + ",oops"
    rows[20:60] = []
    with_gap = written(tmp_path / "c.csv", "\n".join(rows))
    np.testing.assert_allclose(read_beat(with_gap, start=1500).leads, TWELVE, atol=1e-5)
    assert "expected 500 ms from 500 ms on" in refusal(saved(tmp_path / "d.npy", TWELVE), rate=1000, start=500)


@pytest.mark.parametrize(
    ("unit", "encoding", "gain"),
    [
        *[("mV", "utf-8", "2000"), ("µV", "utf-8", "2"), ("µV", "latin-1", "2"), ("uV", "utf-8", "2")],
        *[("microV", "utf-8", "2"), ("uVolt", "utf-8", "2")],
    ],
)
def test_units_of_wfdb_headers(tmp_path, unit, encoding, gain):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    path = record(tmp_path, unit=unit, gain=gain, encoding=encoding)
    for name in (path, path.with_suffix(".dat"), path.with_suffix("")):
        np.testing.assert_allclose(read_beat(name).leads, TWELVE, atol=1e-3)


def test_wfdb_records(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    long = np.concatenate([np.repeat(TWELVE[:1], 300, 0), TWELVE, np.repeat(TWELVE[-1:], 200, 0)])
    path = record(tmp_path, [*LEADS[::-1], "ABP"], np.column_stack([long[:, ::-1], long[:, :1]]))
    path.write_text(path.read_text().replace("/mV 16 0 0 0 0 ABP", "/mmHg 16 0 0 0 0 ABP"))
    found = read_beat(path, start=300)
    np.testing.assert_allclose(found.leads, TWELVE, atol=1e-3)
    assert found.notes == ("ABP left out: none of the twelve leads",)
    assert refusal(path).startswith("found 1000 ms, expected the 500 ms of one beat; give --start MS")
    assert refusal(path, start=501) == "found 0 to 1000 ms, expected 500 ms from 501 ms on"
    np.testing.assert_allclose(read_beat(record(tmp_path, name="patient1.v2")).leads, TWELVE, atol=1e-3)
    unnamed = record(tmp_path, [""] * 12, name="nn")
    assert "found 12 channels without names" in refusal(unnamed)
    np.testing.assert_allclose(read_beat(unnamed, names=LEADS).leads, TWELVE, atol=1e-3)
    assert "found no gain of I, II" in refusal(record(tmp_path, gain="0", name="adc"))
    unrated = record(tmp_path, name="unrated")
    for first in ("unrated 12", "unrated 12 -1000 500", "unrated 12 1000Hz 500"):
        unrated.write_text("\n".join([first, *unrated.read_text().splitlines()[1:]]))
        assert "found no sampling rate or number of samples" in refusal(unrated)
    cut = record(tmp_path, name="cut")
    cut.with_suffix(".dat").write_bytes(b"\0\0")
    assert "found 2 bytes of signals, expected 12,000 for its 500 samples" in refusal(cut)
    assert "found no nothing.hea" in refusal(tmp_path / "nothing")


CUT = np.clip(TWELVE, -10, 0.3 * TWELVE.max(axis=0))


@pytest.mark.parametrize(
    ("array", "told", "message"),
    [
        (TWELVE, {}, "found 500 samples and no sampling rate, expected one; give --rate HZ"),
        (TWELVE.T, {}, r"found shape \(12, 500\), expected time × leads; transpose it"),
        (TWELVE[:, :8], {"rate": 1000}, "found 8 channels without names, .* give --leads"),
        (TWELVE, {"rate": 1000, "names": ["I"]}, "found 12 channels, expected the 1 of --leads"),
        (
            np.where(np.arange(12) == 3, np.nan, TWELVE),
            {"rate": 1000},
            "found a missing value in aVR 0 ms into the beat",
        ),
        (1000 * TWELVE, {"rate": 1000}, "found values of up to .* in I, II, .*, expected mV, at most 30"),
        (TWELVE * np.where(np.arange(12) == 9, 1000, 1), {"rate": 1000}, "found values of up to .* in V4, expected mV"),
        (TWELVE[:0], {"rate": 1000}, r"found shape \(0, 12\), expected time × leads$"),
        (TWELVE + 8 * (TIME == 100)[:, None] * (np.arange(12) == 8), {"rate": 1000}, "found a spike in V3 "),
        (TWELVE + 8 * (TIME == 100)[:, None] * (np.arange(12) == 2), {"rate": 1000}, "found a spike in III "),
        (
            np.where((np.arange(12) == 4) & (abs(TIME - 150) < 50)[:, None], TWELVE[100], TWELVE),
            {"rate": 1000},
            "aVL breaks them: it differs from what the others give",
        ),
        (TWELVE * np.where(np.arange(12) == 5, 1.5, 1), {"rate": 1000}, "aVF breaks them: it differs from"),
        (TWELVE / 1000, {"rate": 1000}, "found leads of at most .*, expected mV, 0.05 or more; volts"),
        (0 * TWELVE, {"rate": 1000}, "found no signal in I, II, III, aVR"),
        (np.where(np.arange(12) == 8, 0.7, TWELVE), {"rate": 1000}, "found no signal in V3 "),
        (np.where(np.arange(12) == 8, CUT, TWELVE), {"rate": 1000}, "found V3 at a limit of the amplifier's range"),
        (TWELVE.astype(str), {"rate": 1000}, "found <U.*, expected one array of numbers, mV"),
        (TWELVE[:400], {"rate": 1000}, "found 0 to 400 ms, expected 500 ms from 0 ms on"),
        (TWELVE * np.where(np.arange(12) == 4, -1, 1), {"rate": 1000}, "aVL breaks them: its sign is inverted"),
        (TWELVE + np.where(np.arange(12) == 1, 0.4, 0), {"rate": 1000}, "II breaks them: it is off by 0.4 mV"),
        (
            TWELVE[:, [0, 1, 2, 3, 5, 4, *range(6, 12)]],
            {"rate": 1000},
            "aVL and aVF are swapped.*--leads",
        ),
    ],
)
def test_arrays_that_no_network_could_be_asked(tmp_path, array, told, message):
    assert re.match(f".*{message}", refusal(saved(tmp_path / "a.npy", array), **told))


@pytest.mark.parametrize(
    ("text", "told", "message"),
    [
        (table(LEADS[:11], TWELVE[:, :11]), {}, "of which .* are leads; expected also V6"),
        (table(["x", "y"], TWELVE[:, :2]), {}, "found the channels x, y, of which none are leads"),
        (table([*LEADS[:11], "V1"]), {}, "found several channels for V1, expected one"),
        (table(["lead I", *LEADS[:11]]), {}, "found several channels for I, expected one"),
        (table(time=""), {}, "no sampling rate, expected one; give --rate HZ or a column time_s or time_ms"),
        (table(times=TIME**1.1), {}, "found uneven times, expected equal steps"),
        (table(times=TIME), {"rate": 500}, "found 1000 Hz in the times in 'time_ms' and --rate 500, expected one"),
        (table(times=10**6 * TIME, time="time"), {}, "whose unit is not given; name the column time_s or time_ms"),
        (table(time="").partition("\n")[2], {}, "found 12 channels without names"),
        (table(["I (mmHg)", *LEADS[1:]]), {}, "found the unit 'mmhg' of I, expected one of V, mV, uV, nV"),
        (
            table([f"{name} (uV)" for name in LEADS]),
            {},
            "found leads of at most .*; the stated unit uV is probably wrong",
        ),
        (
            table(LEADS, 1e3 * TWELVE),
            {"unit": "mv"},
            ".* the stated unit mV .* wrong: the values are .* in uV; correct it",
        ),
        (table(LEADS, 1e3 * TWELVE), {}, ".*; µV need --unit uV"),
        (table() + "1,2\n", {}, "found 2 cells in line 502, expected 13"),
        (table().replace("0.", "0,", 1), {}, "found 14 cells in line 2, expected 13"),
        (table().replace("0.", "x.", 1), {}, r"found '-?x\..*' in line 2, expected a number"),
        ("", {}, "found an empty file"),
        ("<!DOCTYPE html><html>", {}, "found an HTML page"),
        ("version https://git-lfs.github.com/spec/v1\n", {}, "found a Git LFS pointer"),
        ("%PDF-1.4", {}, "found a PDF document"),
    ],
)
def test_tables_that_no_network_could_be_asked(tmp_path, text, told, message):
    assert re.match(f".*{message}", refusal(written(tmp_path / "a.csv", text), **told)), refusal(
        written(tmp_path / "a.csv", text), **told
    )


def test_pickles_and_rubbish_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "no plain NumPy array" in refusal(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00")
    assert "no plain NumPy array" in refusal(tmp_path / "a.npy")
    (tmp_path / "a.csv").write_bytes(b"I,II\0\x81")
    assert "found no text" in refusal(tmp_path / "a.csv")
    (tmp_path / "a.csv.gz").write_bytes(b"\x1f\x8b\x08rubbish")
    assert "found" in refusal(tmp_path / "a.csv.gz")
    assert "found no such file" in refusal(tmp_path / "a.edf")
    (tmp_path / "a.edf").write_bytes(b"0       ")
    assert "found a file ending in '.edf'" in refusal(tmp_path / "a.edf")
    assert "found a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("comment", "rate"),
    [
        ("# Sampling rate: 500 Hz", 500),
        ("# sampling rate 0,5 kHz", 500),
        ("# fs=500", 500),
        ("# Sampling rate: 1,000 Hz", 1000),
        ("# sampling rate of all 12 leads: 500 Hz", 500),
        ("# Generated: 2024-05-01 by ECGExport\n# fs = 500", 500),
        ("# Sampling rate: 500 Hz\n# Heart rate: 72 bpm", 500),
        ("# Sampling frequency 500 Hz\n# Low-pass filter frequency 150 Hz", 500),
        ("# Sampling rate: 500 Hz\n# calibrated: 200 ADC per mV", 500),
        ("# 500 samples, one electrode each", None),
        ("# Generated: 2024-05-01 by ECGExport", None),
        ("# Heart rate: 72", None),
    ],
)
def test_the_rate_in_a_comment(tmp_path, comment, rate):
    path = written(tmp_path / "a.csv", comment + "\n" + table(time=None))
    assert open_recording(path).rate == rate


def test_rates_that_contradict_each_other_or_no_ecg_has(tmp_path):
    text = "# Sampling rate: 500 Hz\n# fs = 1000\n" + table(time=None)
    assert "found 500 Hz in '# Sampling rate: 500 Hz' and 1000 Hz in '# fs = 1000'" in refusal(
        written(tmp_path / "a.csv", text)
    )
    text = "# Sampling rate: 500 Hz\n" + table()
    assert "and 1000 Hz from its times, expected the same rate" in refusal(written(tmp_path / "b.csv", text))
    path = written(tmp_path / "c.csv", "# Sampling rate: 500 Hz\n" + table(time=None))
    assert "found 500 Hz in the comment '# Sampling rate: 500 Hz' and --rate 1000" in refusal(path, rate=1000)
    path = saved(tmp_path / "d.npy", np.tile(TWELVE, (4, 1)))
    for rate in (0.002, 1, 20, 2_500_000):
        assert f"found a sampling rate of {rate:g} Hz, expected 40 to 50000 Hz" in refusal(path, rate=rate, start=0)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("with_index", [False, True])
def test_a_header_that_counts_the_columns_is_no_sample(tmp_path, first, with_index):
    names = list(map(str, range(first, first + 12)))
    text = table(names, time="" if not with_index else "x", times=TIME)
    text = table(names, time=None) if not with_index else text.replace("x,", ",", 1)
    path = written(tmp_path / "a.csv", text)
    assert "of which none are leads" in refusal(path, rate=1000)
    np.testing.assert_allclose(read_beat(path, rate=1000, names=LEADS).leads, TWELVE, atol=1e-5)


def test_times_in_minutes_and_in_other_words(tmp_path):
    long = np.concatenate([TWELVE, TWELVE])
    text = table(columns=long, times=[f"{t / 60_000:.9f}" for t in range(1000)], time="Time (min)")
    np.testing.assert_allclose(read_beat(written(tmp_path / "a.csv", text), start=0).leads, TWELVE, atol=1e-4)
    text = table(time="Time (weeks)")
    assert "found times in 'weeks', expected s, ms, us, min or h" in refusal(written(tmp_path / "b.csv", text))
    beat = read_beat(written(tmp_path / "c.csv", table(time="t")))
    assert beat.notes == (
        "the times in 't' count 1, 2, 3 … and are read as ms; name it sample if they are sample numbers",
    )
    zoned = [f"2024-05-01 10:00:{t // 1000:02d}.{t % 1000:03d}+02:00" for t in TIME]
    text = table(times=zoned, time="datetime")
    np.testing.assert_allclose(read_beat(written(tmp_path / "d.csv", text)).leads, TWELVE, atol=1e-5)


@pytest.mark.parametrize("rate", [250, 500, 1000])
def test_a_row_that_is_lost_is_no_rounding(tmp_path, rate):
    step = 1000 // rate
    times = np.delete(np.arange(0, 1000, step), 99)
    values = np.delete(np.concatenate([TWELVE, TWELVE])[::step], 99, axis=0)
    path = written(tmp_path / "a.csv", table(columns=values, times=times))
    assert "found uneven times" in refusal(path, start=0)


@pytest.mark.parametrize("rate", [250, 360, 500, 1000, 2000])
def test_a_cut_off_lead_is_found_at_any_rate(tmp_path, rate):
    time = np.arange(rate // 2) * 1000 / rate
    values = np.stack([np.interp(time, TIME, lead) for lead in TWELVE.T], axis=1)
    np.testing.assert_allclose(
        read_beat(saved(tmp_path / "a.npy", values), rate=rate).leads[5:-5], TWELVE[5:-5], atol=0.1
    )
    railed = values.copy()
    railed[(time >= 100) & (time < 250), 7] = 5.0
    assert "found V2 at a limit of the amplifier's range" in refusal(saved(tmp_path / "b.npy", railed), rate=rate)


@pytest.mark.parametrize("rate", [500, 1000])
def test_gaps_that_were_filled_are_found(tmp_path, rate):
    values = WOBBLING[:: 1000 // rate]
    read_beat(saved(tmp_path / "a.npy", values), rate=rate)
    for first, last in ((0.12, 0.2), (0.3, 0.7), (0.18, 1.0)):
        part = slice(int(first * len(values)), int(last * len(values)))
        for fill in (0.0, values[part.start]):
            filled = values.copy()
            filled[part] = fill
            assert "ms of the beat (a filled gap)" in refusal(saved(tmp_path / "b.npy", filled), rate=rate)


def test_offsets_and_copies_of_leads_are_refused(tmp_path):
    offset = TWELVE + np.where(np.arange(12) == 6, 3.0, 0.0)
    assert "found the median of V1 (3 mV) far from 0" in refusal(saved(tmp_path / "a.npy", offset), rate=1000)
    copied = TWELVE.copy()
    copied[:, 6] = copied[:, 7]
    assert "found the same samples in V1 and V2" in refusal(saved(tmp_path / "b.npy", copied), rate=1000)


def test_a_unit_that_is_told_twice_must_be_one(tmp_path):
    path = written(tmp_path / "a.csv", table([f"{name} (mV)" for name in LEADS]))
    assert "found the unit mV of I and --unit uV, expected one" in refusal(path, unit="uv")
    read_beat(path, unit="mv")


def test_a_trailing_minus_turns_no_lead(tmp_path):
    path = written(tmp_path / "a.csv", table([*LEADS[:6], "V1-", *LEADS[7:]]))
    assert "expected also V1" in refusal(path)


def test_headers_of_wfdb_records_that_are_written_loosely(tmp_path):
    path = record(tmp_path)
    content = path.read_bytes()
    for before in (b"\n", b"#HeartView.3.1 export\n", b"\n# a comment\n\n"):
        path.write_bytes(before + content)
        np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-3)


def test_wfdb_records_whose_headers_are_no_such(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    np.testing.assert_allclose(read_beat(record(tmp_path, name="Übung")).leads, TWELVE, atol=1e-3)
    path = record(tmp_path)
    header = path.read_text()
    path.write_text(header.replace("beat 12", "beat 0"))
    assert "found 12 signals, expected 0 as in its first line" in refusal(path)
    for content, message in (
        ("be.at\n", "found a WFDB record that cannot be read"),
        ("beat/2 12 1000 500\nbeat 250\nbeat 250\n", "found segments in its segment beat"),
    ):
        path.write_text(content)
        assert message in refusal(path)
    for content in (header.encode("utf-16"), bytes(range(256))):
        path.write_bytes(content)
        assert "found" in refusal(path)


def test_a_signal_file_may_have_the_name_of_its_record(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    path = record(tmp_path, name="Übung")
    path.write_text(path.read_text().replace("Übung.dat ", "Übung "))
    path.with_suffix(".dat").rename(tmp_path / "Übung")
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-3)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOSPC])
def test_an_error_of_the_disk_is_no_fault_of_a_record(tmp_path, monkeypatch, number):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    path = record(tmp_path)

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(wfdb, "rdrecord", fail)
    with pytest.raises(OSError, match=f"{os.strerror(number)}: '{path}'"):
        read_beat(path)


def test_a_gain_that_no_voltage_has_makes_missing_values(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    assert "found a missing value in " in refusal(record(tmp_path, gain="1e-306"))


def test_wfdb_records_that_do_not_fit_together(tmp_path):
    for gain in ("nan", "inf"):
        assert f"found the gain '{gain}'" in refusal(record(tmp_path, gain=gain))
    path = record(tmp_path)
    (tmp_path / "beat.dat").write_text("<!DOCTYPE html><html>not found</html>")
    assert "found an HTML page" in str(refusal(path))
    (tmp_path / "beat.dat").unlink()
    assert "found no beat.dat beside it" in str(refusal(path))
    halves = TWELVE[:250], TWELVE[250:]
    for names, rate, message in (
        (LEADS[::-1], 1000, "found a rate, name or unit other than in one.hea"),
        (LEADS, 500, "found a rate, name or unit other than in one.hea"),
        (LEADS, 1000, None),
    ):
        record(tmp_path, values=halves[0], name="one")
        record(tmp_path, values=halves[1], name="two", names=names, rate=rate)
        path = tmp_path / "both.hea"
        path.write_text("both/2 12 1000 500\none 250\ntwo 250\n")
        if message:
            assert message in str(refusal(path))
        else:
            np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-3)


@pytest.mark.parametrize(("name", "part"), [("variable", "part"), ("a.v2", "part"), ("variable", "päürt.1")])
def test_wfdb_records_of_a_layout_and_a_gap(tmp_path, name, part):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    layout, _ = record(tmp_path, name="layout"), record(tmp_path, name=part)
    layout.write_text(
        layout.read_text().replace("layout 12 1000 500", "layout 12 1000 0").replace("layout.dat 16", "~ 0")
    )
    path = tmp_path / f"{name}.hea"
    for segments, start in ((f"{part} 500\n~ 500", 0), (f"~ 500\n{part} 500", 500)):
        path.write_text(f"{name}/3 12 1000 1000\nlayout 0\n{segments}\n")
        np.testing.assert_allclose(read_beat(path, start=start).leads, TWELVE, atol=1e-3)
        assert "found a missing value in I 0 ms" in refusal(path, start=500 - start)
    (tmp_path / f"{part}.dat").unlink()
    assert f"found no {part}.dat beside it" in str(refusal(path, start=0))
    (tmp_path / f"{part}.hea").unlink()
    assert f"found no {part}.hea, expected all of its segments" in refusal(path, start=0)
    path.write_text(f"{name}/1 12 1000 1000\n~ 1000\n")
    assert refusal(path, start=0).startswith("found")
    path.write_text(f"{name}/1 12 1000 1000\n{name} 1000\n")
    assert refusal(path, start=0) == f"found segments in its segment {name}, expected signals"


def test_a_gain_that_an_unused_channel_lacks(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    path = record(tmp_path, [*LEADS, "ABP"], np.column_stack([TWELVE, TWELVE[:, 0]]))
    header = path.read_text().splitlines()
    path.write_text("\n".join([*header[:-1], header[-1].replace("2000(0)/mV", "0")]))
    np.testing.assert_allclose(read_beat(path).leads, TWELVE, atol=1e-3)
    path.write_text("\n".join([*header[:1], header[1].replace("2000(0)/mV", "0"), *header[2:]]))
    assert "found no gain of I (uncalibrated ADC counts)" in refusal(path)


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert refusal(tmp_path / "pipe.csv").startswith("found a pipe or a device")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'shape': (9**9**9,")
    assert refusal(tmp_path / "a.npy", rate=1000).startswith("found no plain NumPy array")


def test_tables_as_other_programs_leave_them(tmp_path):
    text = table()
    lines = text.splitlines()
    zipped = tmp_path / "zipped.csv"
    zipped.write_bytes(gzip.compress(text.encode()))
    empty_row = "," * 12
    missing = ",".join([f"{-1}", *["NA"] * 12])
    for path in (
        zipped,
        written(tmp_path / "excel.csv", text + f"{empty_row}\n{empty_row}\n"),
        written(tmp_path / "missing.csv", "\n".join([lines[0], missing, *lines[1:]])),
        written(tmp_path / "millis.csv", text.replace("time_ms", "time (millis)", 1)),
    ):
        np.testing.assert_allclose(read_beat(path, start=0).leads, TWELVE, atol=1e-5)
    path = written(tmp_path / "preamble.csv", "Patient,Anon\nRate,500\n" + text)
    assert "remove the lines that are not part of the table, or begin them with #" in refusal(path)
