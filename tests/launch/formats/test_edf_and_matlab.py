"""Recordings in EDF and MATLAB, written by `edfio` and SciPy."""

import numpy as np
import pytest
import scipy.io

from cardiax.errors import InputError
from cardiax.launch.formats.long_recording import read_leads

SIGNAL = np.random.default_rng(0).normal(size=(2500, 2))


def read(path, **told):
    recording = read_leads(path, **told)
    ((*_, values),) = recording.parts(60.0, 10.0)
    return recording, values


@pytest.mark.parametrize("form", ["4", "5"])
def test_one_matrix_or_a_vector_for_each_lead(tmp_path, form):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"val": SIGNAL.T, "fs": 250.0}, format=form)
    recording, values = read(path)
    assert recording.rate == 250
    np.testing.assert_allclose(values, SIGNAL)
    scipy.io.savemat(path, {"V1": SIGNAL[:, :1], "II": SIGNAL[:, 1:]}, format=form, do_compression=form == "5")
    recording, values = read(path, rate=250.0)
    assert recording.names == ("II", "V1")
    np.testing.assert_allclose(values, SIGNAL[:, ::-1])


def test_what_no_matlab_file_should_be(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": SIGNAL, "b": SIGNAL})
    with pytest.raises(InputError, match=r"a\.mat: found the arrays a, b, expected one of all channels"):
        read(path, rate=250.0)
    scipy.io.savemat(path, {"a": {"x": SIGNAL}, "c": np.array([SIGNAL, "x"], dtype=object)})
    with pytest.raises(InputError, match=r"a\.mat: found the arrays none, expected one of all channels"):
        read(path, rate=250.0)
    scipy.io.savemat(path, {"a": SIGNAL, "fs": 250})
    with pytest.raises(InputError, match=r"found 250 Hz in the variable fs and --rate 500, expected one"):
        read(path, rate=500.0)
    content = path.read_bytes()
    for damaged in (content[:300], b"MATLAB 7.3 MAT-file" + content[19:400]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.mat: found a damaged MATLAB file, or one of version 7\.3, expected"):
            read(path)


@pytest.mark.parametrize(("ending", "kind"), [("edf", "Edf"), ("bdf", "Bdf")])
def test_edf_and_bdf(tmp_path, ending, kind):
    edfio = pytest.importorskip("edfio", reason="needs the extra cardiax[formats]")
    make, signal = getattr(edfio, kind), getattr(edfio, f"{kind}Signal")
    leads = [
        signal(1000 * one, 250, label=f"ECG {name}", physical_dimension="uV", physical_range=(-8000, 8000))
        for one, name in zip(SIGNAL.T, ("V1", "II"), strict=True)
    ]
    slow = signal(np.zeros(10), 1, label="SpO2", physical_dimension="%", physical_range=(-1, 100))
    path = tmp_path / f"a.{ending}"
    make([*leads, slow]).write(path)
    recording, values = read(path)
    assert (recording.names, recording.rate) == (("II", "V1"), 250)
    assert recording.notes == ("SpO2 left out: another sampling rate",)
    np.testing.assert_allclose(values, SIGNAL[:, ::-1], atol=16 / 65536)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"uV", b"\xb5V"))  # µ as Latin-1, which the format does not allow
    np.testing.assert_allclose(read(path)[1], values)
    path.write_bytes(content.replace(b"uV", b"  "))
    np.testing.assert_allclose(read(path, unit="uv")[1], values)
    np.testing.assert_allclose(read(path)[1], 1000 * values)  # mV unless stated, as everywhere
    path.write_bytes(content.replace(b"uV", b"mm"))
    with pytest.raises(InputError, match=rf"a\.{ending}: found no signal in V, mV or µV, expected an ECG"):
        read(path)
    path.write_bytes(content.replace(b"8000", b"8,00", 1))
    with pytest.raises(InputError, match=rf"a\.{ending}: found a damaged or incomplete EDF recording"):
        read(path)
    path.write_bytes(content[:-200])
    with pytest.raises(
        InputError, match=rf"a\.{ending}: found a damaged or incomplete EDF recording, expected a whole"
    ):
        read(path)
