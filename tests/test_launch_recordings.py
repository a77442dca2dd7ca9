"""A person's own recordings: every form gives the same leads, and what is wrong is told in one line."""

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.recordings import read_leads
from cardiax.leads import ELECTRODES, LEADS, twelve_leads

TIME = np.arange(500)
ELECTRODE_VALUES = np.stack(
    [(1 + i / 4) * np.exp(-(((TIME - 90 - 4 * i) / 25.0) ** 2)) - 0.1 * i for i in range(10)], axis=1
)
TWELVE = np.asarray(twelve_leads(ELECTRODE_VALUES.astype(np.float32)))


def write_csv(path, names, columns):
    rows = [",".join(names), *(",".join(f"{value:.6f}" for value in row) for row in np.transpose(columns))]
    path.write_text("\n".join(rows) + "\n")
    return path


def saved(path, array):
    np.save(path, array)
    return path


def test_arrays_of_electrodes_and_of_leads(tmp_path):
    np.testing.assert_allclose(read_leads(saved(tmp_path / "e.npy", ELECTRODE_VALUES)), TWELVE, atol=1e-6)
    leads = read_leads(saved(tmp_path / "l.npy", TWELVE))
    assert leads.dtype == np.float32
    np.testing.assert_array_equal(leads, TWELVE)


@pytest.mark.parametrize("rate", [250, 360, 500, 2000])
def test_other_rates_are_resampled(tmp_path, rate):
    samples = round(0.5 * rate)
    places = np.arange(samples) * 1000 / rate
    slow = np.stack([np.interp(places, TIME, lead) for lead in TWELVE.T], axis=1)
    found = read_leads(saved(tmp_path / "slow.npy", slow), rate=rate)
    np.testing.assert_allclose(found[10:-10], TWELVE[10:-10], atol=0.02)


def test_columns_are_found_by_name(tmp_path):
    order = np.random.default_rng(0).permutation(12)
    names = ["time_ms", *(LEADS[i].lower() for i in order)]
    path = write_csv(tmp_path / "ecg.csv", names, [TIME, *TWELVE.T[order]])
    np.testing.assert_allclose(read_leads(path), TWELVE, atol=1e-5)
    named = [name for name in ELECTRODES if name != "RL"]  # the ground may be left out
    columns = [TIME / 1000, *(ELECTRODE_VALUES[:, ELECTRODES.index(name)] for name in named)]
    assert read_leads(write_csv(tmp_path / "e.csv", ["time_s", *named], columns)) == pytest.approx(TWELVE, abs=1e-5)


def test_a_beat_is_cut_from_a_longer_record(tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    long = np.concatenate([np.repeat(TWELVE[:1], 300, 0), TWELVE, np.repeat(TWELVE[-1:], 200, 0)])
    # Format 16: little-endian integers of two bytes; a gain of 2 a µV is 2000 a mV.
    np.round(2000 * long[:, ::-1]).astype("<i2").tofile(tmp_path / "beat.dat")
    signals = [f"beat.dat 16 2.0(0)/uV 16 0 0 0 0 {lead}" for lead in LEADS[::-1]]
    (tmp_path / "beat.hea").write_text("\n".join(["beat 12 1000 1000", *signals]) + "\n")
    for name in ("beat", "beat.hea", "beat.dat"):
        np.testing.assert_allclose(read_leads(tmp_path / name, start=300), TWELVE, atol=2e-3)
    with pytest.raises(InputError, match=r"beat: found 1000 ms, wanted the 500 ms of one beat; give --start MS"):
        read_leads(tmp_path / "beat")
    with pytest.raises(InputError, match="found 1000 ms, wanted 500 from 501 ms on"):
        read_leads(tmp_path / "beat", start=501)
    (tmp_path / "beat.dat").write_bytes(b"\0\0")
    with pytest.raises(InputError, match="found a WFDB record that cannot be read"):
        read_leads(tmp_path / "beat")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (TWELVE.T, r"found shape \(12, 500\), wanted time × 10 electrodes or 12 leads; transpose it"),
        (TWELVE[:, :8], r"found shape \(500, 8\), wanted time × 10 electrodes or 12 leads"),
        (TWELVE[:400], "found 400 samples of unknown rate, wanted samples a second; give --rate HZ"),
        (np.where(np.arange(12) == 3, np.nan, TWELVE), r"found nan in aVR, sample 0, wanted mV"),
        (1000 * TWELVE, "found a lead of .*, wanted mV, 30 at most; is it in"),
        (TWELVE.astype(str), "found <U.*, wanted one array of numbers, mV"),
        (TWELVE[:0], "found no samples"),
    ],
)
def test_wrong_arrays(tmp_path, array, message):
    with pytest.raises(InputError, match=rf"a\.npy: {message}"):
        read_leads(saved(tmp_path / "a.npy", array))


def test_pickles_and_rubbish_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no plain NumPy array"):
        read_leads(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(InputError, match="no plain NumPy array"):
        read_leads(tmp_path / "a.npy")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="found no text"):
        read_leads(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(InputError, match="found nothing, wanted a header"):
        read_leads(tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"found a file ending in '.edf'"):
        read_leads(tmp_path / "a.edf")
    with pytest.raises(InputError, match=r"found no nothing.hea"):
        read_leads(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        (LEADS[:11], TWELVE.T[:11], "found leads .*, wanted also V6; the network needs all 12"),
        (["x", "y"], TWELVE.T[:2], "found channels x, y, wanted the leads I, .* or the electrodes RA, "),
        ([*LEADS[:11], "V1"], TWELVE.T, "found 2 channels V1, wanted one"),
        (LEADS, TWELVE.T, r"unknown rate, .* give --rate HZ or a column time_s or time_ms"),
        (["time_ms", *LEADS], [TIME**1.1, *TWELVE.T], "found uneven times in 'time_ms'"),
    ],
)
def test_wrong_columns(tmp_path, names, columns, message):
    path = write_csv(tmp_path / "a.csv", names, columns)
    with pytest.raises(InputError, match=message):
        read_leads(path, rate=1000 if "time_ms" not in names and "rate" not in message else None)


def test_wrong_cells(tmp_path):
    (tmp_path / "a.csv").write_text(",".join(LEADS) + "\n" + ",".join("1" * 12) + "\n1,2\n")
    with pytest.raises(InputError, match="found 2 cells in line 3, wanted 12"):
        read_leads(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(",".join(LEADS) + "\n" + ",".join(["1"] * 11 + ["x"]) + "\n")
    with pytest.raises(InputError, match="line 2: could not convert string to float: 'x'"):
        read_leads(tmp_path / "a.csv")


def test_two_rates_that_differ(tmp_path):
    with pytest.raises(InputError, match="found 1000 Hz in the file and --rate 500"):
        read_leads(saved(tmp_path / "a.npy", TWELVE), rate=500)
