"""The recordings in a folder: records without segments, or else arrays and tables."""

from pathlib import Path

import pytest

from cardiax.errors import InputError
from cardiax.launch.formats.recording_folder import recordings_in


def names(folder):
    return [path.name for path in recordings_in(folder)]


def test_records_come_before_what_lies_beside_them(tmp_path):
    for name in ("b.dat", "b.atr", "notes.txt", "table.csv", "part1.dat", ".hidden.hea"):
        (tmp_path / name).write_text("x")
    (tmp_path / "b.hea").write_text("b 1 360 10\nb.dat 16\n")
    (tmp_path / "a.hea").write_text("# a comment\na/2 1 360 20\npart1 10\npart2 10\n")
    for part in ("part1", "part2"):
        (tmp_path / f"{part}.hea").write_text(f"{part} 1 360 10\n{part}.dat 16\n")
    assert names(tmp_path) == ["a.hea", "b.hea"]


def test_arrays_and_tables_but_not_what_was_written_before(tmp_path):
    for name in ("c.npy", "a.csv.gz", "b.TXT", "a_beats.csv", "a_summary.txt", "picture.png"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    assert names(tmp_path) == ["a.csv.gz", "b.TXT", "c.npy"]
    assert recordings_in(tmp_path / "c.npy") == [tmp_path / "c.npy"]


def test_an_empty_folder_is_told_and_a_record_of_the_same_name_is_taken(tmp_path):
    (tmp_path / "100").mkdir()
    with pytest.raises(InputError, match=r"100: found a folder without recordings, expected \.hea"):
        recordings_in(tmp_path / "100")
    (tmp_path / "100.hea").write_text("100 1 360 10\n100.dat 16\n")
    assert recordings_in(tmp_path / "100") == [tmp_path / "100"]


def test_the_folder_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "a.npy").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert recordings_in(Path(".")) == [Path("a.npy")]
