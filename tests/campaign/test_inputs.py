"""Rubbish for every reader: the inputs that once broke one, new ones, and that the campaign sees each kind of fault."""

import functools
import gzip
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cardiax.datasets.storage.manual_files import find
from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import open_recording
from tests.campaign.inputs import drawn, from_corpus, guarded, judged, minimal
from tests.campaign.readers import READERS, Reader

pytest.importorskip("edfio", reason="needs the extra cardiax[formats]")
pytest.importorskip("meshio", reason="needs the extra cardiax[mesh]")

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(str(folder.relative_to(CORPUS)) for folder in CORPUS.glob("*/*"))
COUNT = 60
"""New inputs of each reader."""


@pytest.fixture(autouse=True)
def _plain_warnings():
    """Warnings are printed, as in a command, and counted as such."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


@functools.cache
def seeds(name):
    return READERS[name].seeds()


@pytest.mark.parametrize("name", FOUND)
def test_what_once_broke_a_reader(name, tmp_path):
    reader = name.partition("/")[0]
    with guarded(tmp_path):
        assert judged(READERS[reader], from_corpus(reader, CORPUS / name, seeds(reader)), tmp_path / "in") is None


@pytest.mark.parametrize("name", READERS)
def test_rubbish(name, tmp_path):
    with guarded(tmp_path):
        for files in seeds(name):
            assert judged(READERS[name], files, tmp_path / "in") is None
        faults = {}
        for number in range(COUNT):
            fault = judged(READERS[name], drawn(name, seeds(name), 2024, number), tmp_path / "in")
            if fault is not None:
                faults[number] = fault
    assert not faults


def _raise(error):
    raise error


FAULTS = {
    "traceback": lambda folder, attempt: attempt(lambda: {}["a"]),
    "hang": lambda folder, attempt: attempt(lambda: sum(1 for _ in range(10**10))),
    "message": lambda folder, attempt: attempt(lambda: _raise(InputError("another file: found nothing"))),
    "printed": lambda folder, attempt: print("a remark"),
    "outside": lambda folder, attempt: (folder.parent.parent / "escaped").write_text(""),
    "memory": lambda folder, attempt: np.ones(10**8).sum(),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_of_fault_is_seen(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.campaign.inputs.SECONDS", 0.2 if kind == "hang" else 60.0)
    scratch = tmp_path / "a" / "b"
    scratch.mkdir(parents=True)
    with guarded(scratch):
        found = judged(Reader(lambda: [], FAULTS[kind]), {"a.csv": b"1"}, scratch / "in")
    if kind == "memory" and found is None:
        pytest.skip("this process has needed more memory before")
    assert found is not None
    assert found[0] == kind
    assert not (tmp_path / "a" / "escaped").exists()


def test_an_input_is_made_small(tmp_path):
    def read(folder, attempt):
        attempt(lambda: _raise(KeyError("x")) if b"needle" in (folder / "a").read_bytes() else None)

    reader, files = Reader(lambda: [], read), {"a": b"hay " * 50 + b"needle" + b" hay" * 50}
    with guarded(tmp_path):
        fault = judged(reader, files, tmp_path / "in")
        assert fault is not None
        assert minimal(reader, files, fault, tmp_path / "in") == {"a": b"needle"}


def test_bombs_are_refused(tmp_path):
    zeros = bytes(2**26)
    with gzip.open(tmp_path / "a.csv.gz", "wb", 1) as file:
        for _ in range(5):
            file.write(b"1;" * 2**25)
    with pytest.raises(InputError, match=r"a\.csv\.gz: found a line of 1,048,576 characters or more"):
        open_recording(tmp_path / "a.csv.gz")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for index in range(5):
            archive.writestr(f"{index}.npy", zeros)
    with pytest.raises(InputError, match=r"a\.npz: found an archive that is refused: it holds more than [\d,]+ bytes"):
        open_recording(tmp_path / "a.npz")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = find([tmp_path / "a.npz", tmp_path / "a.csv.gz"], {"0.npy", "a.csv"}.__contains__, scratch)
    assert not [path for path in scratch.rglob("*") if path.stat().st_size > 2**27]
    with pytest.raises(InputError, match=r"a\.csv\.gz: found an archive that cannot be read \(it holds more than"):
        found.raise_damaged()


def test_a_name_or_a_header_without_end(tmp_path):
    started = time.process_time()
    path = tmp_path / "a.csv"
    path.write_text("time;" + "(" * 200_000 + ";II\n" + "1;2;3\n" * 9)
    with pytest.raises(InputError, match=r"a\.csv: found the name .* of 200,000 characters, expected at most 200"):
        open_recording(path)
    (tmp_path / "r.hea").write_text("r 1500 250 60\n" + "r.dat 16 200/mV 16 0 0 0 0 II\n" * 1500)
    (tmp_path / "r.dat").write_bytes(bytes(180_000))
    with pytest.raises(InputError, match=r"r\.hea: found 1,500 signals, expected at most 1,000"):
        open_recording(tmp_path / "r.hea")
    assert time.process_time() - started < 5
