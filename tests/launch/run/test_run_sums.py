"""The sums of a run's files: damage, edits and swaps are seen, and a killed command leaves none that is wrong."""

import hashlib

import pytest

from cardiax.errors import InputError
from cardiax.launch.run import run_folder, run_sums
from cardiax.launch.run.run_folder import Workdir, read_csv
from cardiax.launch.run.run_sums import SUMS

ROWS = [{"step": 4, "loss": 0.5}, {"step": 8, "loss": 0.25}]


def make(folder, seed=0):
    workdir = Workdir(folder)
    workdir.write_json("config.json", {"task": "arrhythmia", "seed": seed})
    workdir.write_metrics(ROWS[: seed + 1])
    return workdir


def test_every_byte_of_every_file_is_covered(tmp_path):
    workdir = make(tmp_path)
    for name, read in (("config.json", workdir.read_json), ("metrics.csv", lambda name: read_csv(tmp_path / name))):
        path = tmp_path / name
        content, expected = path.read_bytes(), read(name)
        for at in range(len(content)):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(InputError, match=rf"{name}: found another SHA-256 than in \.sums\.json, expected"):
                read(name)
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(InputError, match="another SHA-256"):
                read(name)
        path.write_bytes(content)
        assert read(name) == expected


def test_every_byte_of_the_sums_is_harmless_or_told(tmp_path):
    workdir = make(tmp_path)
    path, expected = tmp_path / SUMS, (workdir.read_json("config.json"), read_csv(tmp_path / "metrics.csv"))
    content, told = path.read_bytes(), 0
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            assert (workdir.read_json("config.json"), read_csv(tmp_path / "metrics.csv")) == expected
        except InputError as error:
            assert SUMS in str(error)  # noqa: PT017 (harmless, or this)
            told += 1
    assert told > 100
    path.write_bytes(content)
    assert workdir.read_json("config.json") == expected[0]


def test_files_of_another_run_are_refused(tmp_path):
    one, other = make(tmp_path / "a"), make(tmp_path / "b", seed=1)
    for name in ("config.json", "metrics.csv"):
        (other.path / name).rename(one.path / name)
    with pytest.raises(InputError, match="another SHA-256"):
        one.read_json("config.json")
    with pytest.raises(InputError, match="another SHA-256"):
        read_csv(one.path / "metrics.csv")
    (one.path / SUMS).unlink()  # as the message says
    assert one.read_json("config.json")["seed"] == 1


@pytest.mark.parametrize("writes", [0, 1])
def test_a_command_that_is_killed_leaves_a_file_with_a_known_sum(tmp_path, monkeypatch, writes):
    workdir, plain, left = make(tmp_path), run_folder.write_atomically, [writes]

    def write(path, content):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        plain(path, content)

    monkeypatch.setattr(run_folder, "write_atomically", write)
    with pytest.raises(KeyboardInterrupt):
        workdir.write_csv("metrics.csv", ROWS)
    assert len(read_csv(tmp_path / "metrics.csv")) == 1
    monkeypatch.undo()
    workdir.write_csv("metrics.csv", ROWS)
    assert len(read_csv(tmp_path / "metrics.csv")) == 2


def test_kills_one_after_another_leave_a_file_with_a_known_sum(tmp_path, monkeypatch):
    """`C` is written after A, B, A, and killed before its file, as is `D` after it."""
    workdir, plain = Workdir(tmp_path), run_folder.write_atomically
    for content in (b"A", b"B", b"A", b"A"):
        workdir.write("trees.ubj", content)

    def write(path, content):
        if path.name != SUMS:
            raise KeyboardInterrupt
        plain(path, content)

    monkeypatch.setattr(run_folder, "write_atomically", write)
    for content in (b"C", b"D"):
        with pytest.raises(KeyboardInterrupt):
            workdir.write("trees.ubj", content)
        assert run_sums.read(tmp_path / "trees.ubj") == b"A"
    monkeypatch.undo()
    workdir.write("trees.ubj", b"D")
    assert run_sums.read(tmp_path / "trees.ubj") == b"D"
    (tmp_path / "trees.ubj").write_bytes(b"B")
    with pytest.raises(InputError, match="another SHA-256"):
        run_sums.read(tmp_path / "trees.ubj")


def test_a_write_over_an_edited_file_does_not_make_the_edit_known(tmp_path, monkeypatch):
    workdir, plain = make(tmp_path), run_folder.write_atomically
    (tmp_path / "metrics.csv").write_text("step,loss\n4,0.1\n")
    monkeypatch.setattr(
        run_folder, "write_atomically", lambda path, content: path.name == SUMS and plain(path, content)
    )
    workdir.write_csv("metrics.csv", ROWS)  # killed before the file
    with pytest.raises(InputError, match="another SHA-256"):
        read_csv(tmp_path / "metrics.csv")


def test_the_owner_is_the_config_that_cardiax_wrote(tmp_path):
    workdir = make(tmp_path)
    content = (tmp_path / "config.json").read_bytes()
    assert workdir.owner() == hashlib.sha256(content).hexdigest()

    (tmp_path / "config.json").write_bytes(content.replace(b"  ", b" "))
    (tmp_path / SUMS).unlink()  # as the message of an edited file says
    for _ in range(2):
        assert workdir.owner() == ""
        workdir.write_json("test.json", {"loss": 0.5})  # as `cardiax evaluate` does
        assert workdir.read_json("config.json")["seed"] == 0


def test_a_folder_with_nothing_but_sums_is_new(tmp_path):
    workdir = make(tmp_path)
    for name in ("config.json", "metrics.csv", "metrics.jsonl"):
        (tmp_path / name).unlink()
    from cardiax.config import Config

    workdir.check(Config())
