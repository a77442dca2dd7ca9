"""Compiled programs kept between commands: the same bits, a bounded folder, and never a reason to fail."""

import os
import subprocess
import sys
import warnings

import pytest

from cardiax.launch.system import compile_cache
from cardiax.launch.system.compile_cache import keep_compiled_programs, machine, shrink


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A cache folder of our own, and JAX's own settings as on a user's machine."""
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compile_cache._say_not_kept.cache_clear()
    yield tmp_path / "cache"
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.delenv(name, raising=False)  # what was set in the test; the fixture's undo restores the rest


def train(small_run, folder):
    command = [sys.executable, "-m", "cardiax.launch.train", *small_run[1:], "--epochs", "1", "--workdir", str(folder)]
    # As users have it, but so small a program would not be worth keeping.
    ours = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3"}
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | ours)
    assert run.returncode == 0, run.stderr
    return run


def assert_same_run(one, other):
    for name in ("metrics.csv", "test.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
def test_kept_programs_change_no_bits_and_say_nothing(home, small_run, tmp_path):
    train(small_run, tmp_path / "first")  # compiled
    kept = {path: path.stat().st_mtime_ns for path in home.rglob("*-cache")}
    assert any(path.name.startswith("jit_train_step") for path in kept)
    assert {path.parent for path in kept} == {home / "cardiax" / "jax" / machine()}
    again = train(small_run, tmp_path / "second")
    assert again.stderr == ""  # no word of another machine's instructions
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # read, not written
    assert_same_run(tmp_path / "first", tmp_path / "second")
    for number, path in enumerate(kept):  # as a kill in the middle of a write leaves them: compiled anew
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 * (number % 2)])
    assert train(small_run, tmp_path / "third").stderr == ""
    assert_same_run(tmp_path / "first", tmp_path / "third")


def test_the_user_decides(home, monkeypatch):
    for folder in ("", "/elsewhere"):
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", folder)
        keep_compiled_programs()
        assert os.environ["JAX_COMPILATION_CACHE_DIR"] == folder
    assert not home.exists()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(home, capsys):
    home.write_text("a file where the folder should be")
    keep_compiled_programs()
    told = capsys.readouterr().err
    assert "compiled programs are not kept" in told
    assert str(home) in told
    assert told.count("\n") == 1
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_an_incomplete_program_is_removed_and_a_full_disk_is_told_in_one_line(home, capsys):
    keep_compiled_programs()
    folder = home / "cardiax" / "jax" / machine()
    for name in ("jit_a-12", "jit_a-34", "jit_ab-12"):
        (folder / f"{name}-cache").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("Error reading persistent compilation cache entry for 'jit_a': error: truncated", stacklevel=1)
        assert [path.name for path in folder.iterdir()] == ["jit_ab-12-cache"]
        assert capsys.readouterr().err == ""
        for name in ("jit_ab", "jit_c"):
            why = "OSError: [Errno 28] No space left on device"
            warnings.warn(f"Error writing persistent compilation cache entry for '{name}': {why}", stacklevel=1)
    assert not list(folder.iterdir())
    (told,) = capsys.readouterr().err.splitlines()
    assert told == f"warning: compiled programs are not kept ({why}); set XDG_CACHE_HOME to another folder"


def test_what_was_written_first_goes_first(tmp_path):
    for age, name in enumerate(("newest", "other/middle", "oldest")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (10_000 - age, 10_000 - age))
    shrink(tmp_path, 300)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 3
    shrink(tmp_path, 299)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"newest", "middle"}


def test_another_number_of_cores_is_another_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(3), raising=False)
    three = machine()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(4), raising=False)
    assert machine() != three
