"""The builder of the UCSD/LLNL dataset, on files written in its format with every irregularity that they can have."""

import errno
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cardiax import datasets
from cardiax.datasets.storage.manual_files import File
from cardiax.datasets.ucsd_intracardiac import pairs
from cardiax.datasets.ucsd_intracardiac import ucsd_intracardiac_dataset_builder as builder
from cardiax.errors import InputError

NAME = "ucsd_intracardiac"
TAILS = {
    "hearts_dd_0p2_volunteer.v10_pattern.0": (10, 0, -1, -1, -1, "data_hearts_dd_0p2"),
    "hearts_dd_0p2_geo_act_3_bcl_bcl.1000.pattern.0.volunteer.v1": (
        *(1, 0, -1, 1000, -1),
        "data_hearts_dd_0p2_geo_act_3_bcl",
    ),
    "hearts_dd_0p2_geo_act_1_bcl_gkr_bcl.1000.gkr.050.pattern.11.volunteer.v9": (
        *(9, 11, -1, 1000, 50),
        "data_hearts_dd_0p2_geo_act_1_bcl_gkr",
    ),
    "hearts_dd_0p2_geo_inn_act_1_bcl_bcl.1000.innerindex.74.volunteer.v14": (
        *(14, -1, 74, 1000, -1),
        "data_hearts_dd_0p2_geo_inn_act_1_bcl",
    ),
    "hearts_dd_0p2_geo_inn_act_1_bcl_I_bcl.1000.innerindex.15.volunteer.v4": (
        *(4, -1, 15, 1000, -1),
        "data_hearts_dd_0p2_geo_inn_act_1_bcl_I",
    ),
}
"""The real names that are known, and what they say: volunteer, pattern, innerindex, bcl, gkr and folder."""


def recording(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(500, 10)), random.uniform(-90, 40, (500, 75))


def write(folder: Path, tail: str, electrodes: np.ndarray | None, voltage: np.ndarray | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, array in (("pECGData", electrodes), ("VmData", voltage)):
        if array is not None:
            np.save(folder / f"{prefix}_{tail}.npy", array)


def archive(source: Path, path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, arcname=source.name)


@pytest.fixture
def manual_dir(tmp_path) -> Path:
    """Five sound pairs: in a folder, in an archive, and one whose halves lie apart; both float widths, both orders."""
    folder = tmp_path / "manual"
    tails = list(TAILS)
    write(folder / "data_hearts_dd_0p2", tails[0], *recording(0))
    electrodes, voltage = recording(1)
    write(folder / "deep" / "er", tails[1], electrodes.astype(np.float32), np.asfortranarray(voltage))
    for number in (2, 3):
        series = tmp_path / "packed" / TAILS[tails[number]][-1]
        write(series, tails[number], *recording(number))
        archive(series, folder / f"_{number}_1.tgz")
    electrodes, voltage = recording(4)
    write(folder / "one", tails[4], electrodes, None)
    write(tmp_path / "other", tails[4], None, voltage)
    archive(tmp_path / "other", folder / "other.tar.gz")
    return folder


def test_every_pair_is_found_named_and_kept(manual_dir, tmp_path):
    notes = []
    datasets.prepare(NAME, tmp_path / "data", manual_dir, tmp_path / "downloads", notes.append)
    assert notes == []
    source = tfds.builder(NAME, data_dir=tmp_path / "data").as_data_source("recordings")
    assert len(source) == len(TAILS)
    for example, tail in zip(source, sorted(TAILS), strict=True):
        electrodes, voltage = recording(list(TAILS).index(tail))
        np.testing.assert_array_equal(example["electrodes"], electrodes.astype(np.float32))
        np.testing.assert_array_equal(example["voltage"], voltage.astype(np.float32))
        numbers = [int(example[key]) for key in ("volunteer", "pattern", "innerindex", "bcl", "gkr")]
        assert (*numbers, example["folder"].decode()) == TAILS[tail]
    arrays = datasets.load(NAME, tmp_path / "data")["recordings"]
    assert arrays["folder"].tolist() == [TAILS[tail][-1] for tail in sorted(TAILS)]
    assert arrays["electrodes"].shape == (5, 500, 10)
    assert not list((tmp_path / "downloads").glob("extracted-*"))


def spoil(folder: Path) -> None:
    """One file of each fault."""
    electrodes, voltage = recording(9)
    tail = "hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.{}.volunteer.v2"
    write(folder, tail.format(1), electrodes, None)
    write(folder, tail.format(2), None, voltage)
    write(folder, tail.format(3), electrodes[:, :9], voltage)
    write(folder, tail.format(4), electrodes, np.where(np.arange(75) == 3, np.nan, voltage))
    write(folder, tail.format(5), electrodes, voltage)
    path = folder / f"VmData_{tail.format(5)}.npy"
    path.write_bytes(path.read_bytes()[:1000])
    write(folder, tail.format(6), electrodes, np.array([{"a": 1}], dtype=object))
    write(folder, tail.format(7), electrodes.astype(int), voltage)
    write(folder, "hearts_dd_0p2_pattern.4", electrodes, voltage)
    write(folder, tail.format(8), electrodes, voltage)
    (folder / f"pECGData_{tail.format(8)}.npy").write_bytes(b"")
    write(folder / "again", next(iter(TAILS)), *recording(0))


def test_broken_files_are_listed_and_left_out(manual_dir, tmp_path):
    spoil(manual_dir / "zz")
    notes = []
    datasets.prepare(NAME, tmp_path / "data", manual_dir, tmp_path / "downloads", notes.append)
    assert notes[0] == "5 recordings; 18 files left out"
    told = "\n".join(notes)
    for words in (
        "no partner: 2",
        "duplicate, equal: 2",
        "partner of a faulty file: 6",
        "found shape (500, 9), expected (500, 10): 1",
        "NaN or infinity: 1",
    ):
        assert words in told, told
    assert told.count("not a complete array of numbers") == 3
    assert "found int64, expected float32 or float64: 1" in told
    assert "no volunteer in its name: 2" in told
    assert len(tfds.builder(NAME, data_dir=tmp_path / "data").info.metadata["left_out"]) == 18


def test_strict_makes_them_an_error(manual_dir, tmp_path):
    spoil(manual_dir / "zz")
    with pytest.raises(
        InputError, match=r"18 such files and 5 sound recordings in .*; repair or remove them, or leave"
    ):
        datasets.prepare(NAME, tmp_path / "data", manual_dir, tmp_path / "downloads", strict=True)
    assert not datasets.is_prepared(NAME, tmp_path / "data")
    assert not list((tmp_path / "downloads").glob("extracted-*"))


def test_nothing_sound_is_an_error(tmp_path):
    write(tmp_path / "manual", next(iter(TAILS)), recording(0)[0], None)
    with pytest.raises(InputError, match=r"no VmData_.*; 1 such files and 0 sound recordings"):
        datasets.prepare(NAME, tmp_path / "data", tmp_path / "manual", tmp_path / "downloads")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(
        InputError,
        match=r"empty: found no pECGData_\*\.npy and VmData_\*\.npy \(but .*notes\.txt: an empty file\), expected",
    ):
        datasets.prepare(NAME, tmp_path / "data", tmp_path / "empty", tmp_path / "downloads")


CHANGES = {
    "electrodes in µV": (lambda e, v: (e * 1e3, v), "found values in µV, expected mV"),
    "electrodes in V": (lambda e, v: (e / 1e3, v), "found values in V, expected mV"),
    "voltages in V": (lambda e, v: (e, v / 1e3), "found values in V, expected mV"),
    "voltages in µV": (lambda e, v: (e, v * 1e3), "found values in µV, expected mV"),
    "no rest": (lambda e, v: (e, v + 90), "found values out of the range of transmembrane voltages in mV"),
    "flat electrodes": (lambda e, v: (e * 0, v), "found a constant"),
    "exchanged": (lambda e, v: (v, e), "found shape (500, 75), those of its partner: exchanged, expected (500, 10)"),
    "transposed": (lambda e, v: (e.T, v), "found shape (10, 500), transposed, expected (500, 10)"),
    "rows too few": (lambda e, v: (e, v[:499]), "found shape (499, 75), expected (500, 75)"),
    "half precision": (lambda e, v: (e, v.astype(np.float16)), "found float16, expected float32 or float64"),
    "a Python object": (
        lambda e, v: (e.astype(object), v),
        "not a complete array of numbers (Array can't be memory-mapped: Python objects",
    ),
    "big-endian": (lambda e, v: (e.astype(">f8"), v.astype(">f4")), None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_of_other_units_and_forms_are_named(tmp_path, change):
    electrodes, voltage = recording(0)
    change, reason = CHANGES[change]
    write(tmp_path, next(iter(TAILS)), *change(electrodes, voltage))
    found, _ = pairs.pair(File(path, str(path)) for path in sorted(tmp_path.iterdir()))
    left_out = []
    (*sound,) = pairs.sound(found, left_out)
    if reason is None:
        assert not left_out
        np.testing.assert_array_equal(pairs.read(sound[0])[1], electrodes.astype(np.float32), strict=True)
    else:
        assert not sound
        assert left_out[0].reason.startswith(reason)
        assert left_out[1].reason == "partner of a faulty file"


def test_a_file_that_changes_after_its_check_is_named(tmp_path):
    write(tmp_path, next(iter(TAILS)), *recording(0))
    found, _ = pairs.pair(File(path, str(path)) for path in sorted(tmp_path.iterdir()))
    (sound,) = pairs.sound(found, [])
    sound.voltage.path.write_bytes(b"")
    with pytest.raises(InputError, match=f"^{sound.voltage.path}: not a complete array of numbers"):
        pairs.read(sound)


@pytest.mark.parametrize(("factor", "reasons"), [(1, ["duplicate, equal to "]), (2, ["duplicates that differ"] * 2)])
def test_two_files_of_one_name(tmp_path, factor, reasons):
    electrodes, voltage = recording(0)
    tail = next(iter(TAILS))
    write(tmp_path / "a", tail, electrodes, voltage)
    write(tmp_path / "b", tail, electrodes * factor, None)
    found, left_out = pairs.pair(File(path, str(path)) for path in sorted(tmp_path.rglob("*.npy")))
    assert len(found) == (factor == 1)
    for one, reason in zip(left_out, reasons, strict=False):
        assert one.reason.startswith(reason)
    assert len(left_out) == (1 if factor == 1 else 3)  # the voltage has lost its partner


def test_archives_of_every_kind_beside_each_other(tmp_path):
    folder = tmp_path / "manual"
    folder.mkdir()
    forms = {"a.tar": "w", "b.tgz": "w:gz", "c.tar.bz2": "w:bz2", "e.tar.xz": "w:xz"}
    for number, tail in enumerate(TAILS):
        write(tmp_path / str(number), tail, *recording(number))
    for number, (name, mode) in enumerate(forms.items()):
        with tarfile.open(folder / name, mode) as tar:
            tar.add(tmp_path / str(number), arcname=f"deep/{number}")
    with zipfile.ZipFile(folder / "d.zip", "w") as packed:
        for path in (tmp_path / "4").iterdir():
            packed.write(path, f"deep/{path.name}")
    (folder / "_1_1.md").write_text("what it is")
    notes = []
    datasets.prepare(NAME, tmp_path / "data", folder, report=notes.append, strict=True)
    assert datasets.sizes(NAME, tmp_path / "data") == {"recordings": 5}
    assert datasets.prepared_from(NAME, tmp_path / "data") == str(folder)
    (folder / "more.csv").write_text("0.1")
    with pytest.raises(InputError, match=r"more\.csv: a file of another name; 1 such files and 5 sound"):
        datasets.prepare(NAME, tmp_path / "data", folder, strict=True, again=True)
    datasets.prepare(NAME, tmp_path / "data", folder, report=notes.append, again=True)
    assert "left out, a file of another name: 2 (_1_1.md, more.csv)" in notes


def test_an_archive_cannot_write_elsewhere(tmp_path):
    (tmp_path / "manual").mkdir()
    content = io.BytesIO()
    np.save(content, recording(0)[0])
    with tarfile.open(tmp_path / "manual" / "bad.tgz", "w:gz") as tar:
        member = tarfile.TarInfo(f"../../outside/pECGData_{next(iter(TAILS))}.npy")
        member.size = len(content.getvalue())
        tar.addfile(member, io.BytesIO(content.getvalue()))
    with pytest.raises(InputError, match=r"bad\.tgz:\.\./\.\./outside/.*: a path that leads out of the archive"):
        datasets.prepare(NAME, tmp_path / "data", tmp_path / "manual", tmp_path / "downloads")
    assert not list(tmp_path.rglob("outside"))


def test_an_error_of_the_disk_leaves_no_recording_out(manual_dir, tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(np, "load", fail)
    with pytest.raises(OSError, match="Too many open files"):
        datasets.prepare(NAME, tmp_path / "data", manual_dir, tmp_path / "downloads")


def test_a_truncated_archive_is_named(manual_dir, tmp_path):
    path = manual_dir / "_2_1.tgz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"_2_1\.tgz: found an archive that cannot be read"):
        datasets.prepare(NAME, tmp_path / "data", manual_dir, tmp_path / "downloads")


class _Library(BaseHTTPRequestHandler):
    """A library that has some of the archives: part → path."""

    parts: ClassVar[dict[str, Path]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self):
        part = self.path.strip("/").partition("/")[0]
        self.asked.append(part)
        self.send_response(200 if part in self.parts else 404)
        self.end_headers()
        if part in self.parts:
            self.wfile.write(self.parts[part].read_bytes())

    def log_message(self, *_):
        pass


def test_archives_are_downloaded_and_those_that_are_there_are_not_fetched_again(tmp_path, monkeypatch):
    tails = list(TAILS)
    for number, part in enumerate("23"):
        write(tmp_path / f"part{part}", tails[number], *recording(number))
        archive(tmp_path / f"part{part}", tmp_path / f"{part}.tgz")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Library)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(builder, "URL", f"http://127.0.0.1:{server.server_port}/{{part}}/download")
    monkeypatch.setattr(builder, "PARTS", (2, 3))
    _Library.parts = {"2": tmp_path / "2.tgz"}
    with pytest.raises(InputError, match=r"HTTP code: 404.*run the same command again to fetch the missing ones"):
        datasets.prepare(NAME, tmp_path / "data")
    _Library.parts["3"] = tmp_path / "3.tgz"
    datasets.prepare(NAME, tmp_path / "data")
    server.shutdown()
    server.server_close()
    assert sorted(_Library.asked) == ["2", "3", "3"]
    assert datasets.sizes(NAME, tmp_path / "data") == {"recordings": 2}
    recorded = [json.loads(path.read_text())["url_info"] for path in (tmp_path / "data").rglob("*.INFO")]
    digests = {hashlib.sha256((tmp_path / f"{part}.tgz").read_bytes()).hexdigest() for part in "23"}
    assert {one["checksum"] for one in recorded} == digests


def named(shown: str) -> File:
    return File(Path("elsewhere"), shown)


def test_names_are_read_in_any_order():
    origin = pairs.parse(named("x/pECGData_hearts_dd_0p2_geo_act_2_bcl_gkr_volunteer.v3_gkr.150.pattern.2_bcl.600.npy"))
    assert vars(origin) == {
        **{"volunteer": 3, "pattern": 2, "innerindex": -1, "bcl": 600, "gkr": 150},
        "folder": "data_hearts_dd_0p2_geo_act_2_bcl_gkr",
    }
    with pytest.raises(ValueError, match="twice"):
        pairs.parse(named("VmData_hearts_dd_0p2_volunteer.v3_volunteer.v4.npy"))
