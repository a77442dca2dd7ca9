"""The recordings in a folder: records without segments, arrays and tables; what is left out is named."""

import builtins
import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import open_recording, recordings_in
from cardiax.launch.predict import output_names
from tests.campaign.readers import READERS


def names(folder):
    return [path.name for path in recordings_in(folder)[0]]


def test_every_recording_is_taken_and_the_rest_is_named(tmp_path):
    for name in ("b.dat", "b.atr", "notes.txt", "part1.dat", ".hidden.hea", "c.npy"):
        (tmp_path / name).write_text("x")
    (tmp_path / "more").mkdir()
    (tmp_path / "table.csv").write_text("time_s,II\n0.00,1\n0.01,2\n")
    (tmp_path / "patients.csv").write_text("patient,diagnosis\n7,asthma\n8,none\n")
    (tmp_path / "b.hea").write_text("b 1 360 10\nb.dat 16\n")
    (tmp_path / "a.hea").write_text("# a comment\na/2 1 360 20\npart1 10\npart2 10\n")
    for part in ("part1", "part2"):
        (tmp_path / f"{part}.hea").write_text(f"{part} 1 360 10\n{part}.dat 16\n")
    assert names(tmp_path) == ["a.hea", "b.hea", "c.npy", "table.csv"]
    (note,) = recordings_in(tmp_path)[1]
    assert note == f"{tmp_path}: left out, since they are no recordings: more, notes.txt, patients.csv"


def test_what_was_written_before_is_no_recording(tmp_path):
    for name in ("c.npy", "a.csv.gz", "b.TXT", "a_beats.csv", "a_summary.txt", "a_strips.png", "a.cardiax", "a.atr"):
        (tmp_path / name).write_text("1 2\n3 4\n")
    assert names(tmp_path) == ["a.csv.gz", "b.TXT", "c.npy"]
    assert recordings_in(tmp_path)[1] == []
    assert recordings_in(tmp_path / "c.npy") == ([tmp_path / "c.npy"], [])


def test_an_empty_folder_is_told_and_a_record_of_the_same_name_is_taken(tmp_path):
    (tmp_path / "100").mkdir()
    with pytest.raises(InputError, match=r"100: found a folder without recordings, expected WFDB"):
        recordings_in(tmp_path / "100")
    (tmp_path / "100.hea").write_text("100 1 360 10\n100.dat 16\n")
    assert recordings_in(tmp_path / "100") == ([tmp_path / "100"], [])


def test_the_folder_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "a.npy").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert recordings_in(Path(".")) == ([Path("a.npy")], [])


def test_links_are_followed_once(tmp_path):
    folder, far = tmp_path / "folder", tmp_path / "far.npy"
    (folder / "below").mkdir(parents=True)
    for path in (far, folder / "b.npy"):
        np.save(path, np.zeros((9, 2)))
    for name, target in {
        "a.npy": folder / "b.npy",
        "c.npy": far,
        "d.npy": far,
        "deeper": folder / "below",
        "lost.npy": tmp_path / "nothing",
        "loop.npy": folder / "loop.npy",
    }.items():
        (folder / name).symlink_to(target)
    found, notes = recordings_in(folder)
    assert [path.name for path in found] == ["b.npy", "c.npy"]
    assert notes == [
        f"{folder}: left out, since they are no recordings: below, deeper, loop.npy (a link to nothing), "
        "lost.npy (a link to nothing)",
        f"{folder}: left out, since they are links to others in it: a.npy, d.npy",
    ]
    assert output_names(found) == ["b", "c"]
    with pytest.raises(InputError, match="found this recording twice"):
        output_names([folder / "b.npy", folder / "a.npy"])


@pytest.mark.parametrize("reader", ["edf", "matlab", "npy", "npz", "wfdb"])
def test_an_error_of_the_machine_is_not_taken_for_damage(reader, tmp_path, monkeypatch):
    """At each of its openings in turn the file cannot be opened, for want of descriptors."""
    if reader == "edf":
        pytest.importorskip("edfio")
    files = READERS[reader].seeds()[0]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (path,) = [tmp_path / name for name in files if name.endswith((".edf", ".hea", ".mat", ".npy", ".npz"))]
    plain, opened, failing = open, 0, 0

    def read(path):
        return open_recording(path).read(0, 1, [0])

    def opening(file, *arguments, **named):
        nonlocal opened
        opened += str(file).startswith(str(tmp_path))
        if opened == failing and str(file).startswith(str(tmp_path)):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(file))
        return plain(file, *arguments, **named)

    monkeypatch.setattr(builtins, "open", opening)
    monkeypatch.setattr(io, "open", opening)
    read(path)
    for number in range(1, opened + 1):
        opened, failing = 0, number
        with pytest.raises(OSError, match="Too many open files"):
            read(path)
