"""A run's folder belongs to one command at a time."""

import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cardiax.errors import InputError
from cardiax.launch.run.run_folder import (
    LOCK,
    Workdir,
    read_csv,
    read_json,
    remove_left_overs,
    write_atomically,
    write_json,
)
from cardiax.launch.run.run_sums import SUMS, stored
from cardiax.recipes import recipe

UNREADABLE = "/proc/self/mem"
"""A file that can be opened, but not read."""

HOLD = """
import sys, time
from cardiax.launch.run.run_folder import Workdir
with Workdir(sys.argv[1]).hold():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder `run`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("more", [[], ["--model", "xgboost", "--balance", "none"]], ids=["network", "trees"])
def test_the_second_command_is_told_whose_the_folder_is(more, holder, cardiax, small_run, tmp_path):
    small = small_run[:6] if more else small_run
    message = cardiax.mistake(*small, *more, "--workdir", tmp_path / "run")
    assert re.match(
        rf"{tmp_path / 'run'}: found it in use by process {holder.pid} on \S+ since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, "
        "expected it free; wait for that command or choose another folder",
        message,
    )
    assert os.listdir(tmp_path / "run") == [LOCK]
    assert holder.poll() is None


def test_a_kill_leaves_nothing_in_the_way(holder, tmp_path):
    workdir = Workdir(tmp_path / "run")
    with pytest.raises(InputError, match="in use"), workdir.hold():
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run" / LOCK).exists()
    workdir.check(recipe("arrhythmia"))  # a folder in which nothing has begun
    with workdir.hold():
        workdir.write_json("config.json", {})
    with workdir.hold():
        assert f"process {os.getpid()} on " in (tmp_path / "run" / LOCK).read_text()


def test_a_folder_in_which_nothing_begins_is_not_left(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("mine", "new/run"):
        with pytest.raises(InputError, match="a mistake"), Workdir(tmp_path / name).hold():
            raise InputError("a mistake")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    "write",
    [
        lambda workdir: workdir.write_metrics([{"step": 4, "loss": 0.5}]),
        lambda workdir: workdir.write_seconds(1.0),
        lambda workdir: (workdir.checkpoints / "absent").stat(),  # as Orbax does
    ],
    ids=["metrics", "seconds", "checkpoint"],
)
def test_a_run_that_is_removed_meanwhile_is_not_begun_anew(tmp_path, write, resumed):
    workdir = Workdir(tmp_path / "run")
    if resumed:
        Workdir(workdir.path).write_json("config.json", {"seed": 0})

    def command():
        with workdir.hold():
            if not resumed:
                workdir.write_json("config.json", {"seed": 0})
            shutil.rmtree(workdir.path)
            write(workdir)

    with pytest.raises(InputError, match=r"run: found no config\.json any more, expected the run that"):
        command()
    assert not workdir.path.exists()


def test_a_lock_that_is_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    from cardiax.launch.run import folder_lock as module

    calls = []

    def flock(file, how):
        calls.append(how)
        if len(calls) == 1:
            (tmp_path / LOCK).unlink()  # by the command before, between our opening and our locking

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with Workdir(tmp_path).hold():
        assert len(calls) == 2
        assert (tmp_path / LOCK).exists()


def test_a_folder_that_another_command_removes_is_created_again_but_not_for_ever(tmp_path, monkeypatch):
    mkdir, made, removed = Path.mkdir, [], 2

    def remove_again(path, *arguments, **named):
        mkdir(path, *arguments, **named)
        made.append(path)
        if len(made) <= removed:
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", remove_again)
    with Workdir(tmp_path / "run").hold():
        assert len(made) == 3
    removed = 10_000
    with pytest.raises(FileNotFoundError, match=LOCK), Workdir(tmp_path / "run").hold():
        pass


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    import errno

    from cardiax.launch.run import folder_lock as module

    def flock(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with Workdir(tmp_path).hold():
        pass
    assert capsys.readouterr().err == (
        f"warning: {tmp_path} is on a file system without file locks: let no other command write into it\n"
    )


def test_a_name_that_no_encoding_explains_is_told(tmp_path):
    with pytest.raises(InputError, match="found a name that is not UTF-8"), Workdir(tmp_path / "\udce4").hold():
        pass
    assert not list(tmp_path.iterdir())


def test_a_run_inside_another_is_refused(tmp_path):
    (tmp_path / "outer" / "checkpoints").mkdir(parents=True)
    (tmp_path / "outer" / "config.json").write_text("{}")
    inner = tmp_path / "outer" / "checkpoints" / "inner"
    with pytest.raises(InputError, match=r"found it inside the run .*outer, expected"):
        Workdir(inner).check(recipe("arrhythmia"))
    assert not inner.exists()


def test_json_that_never_ends_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="found invalid JSON"):
        read_json(tmp_path / "config.json")


def test_what_a_killed_command_left_is_removed_and_what_another_writes_is_not(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    host, dead = platform.node(), ended.stdout.strip()
    names = (
        f".a.cardiax.{host}.{dead}.tmp",
        f".a.cardiax.{host}.{os.getpid()}.tmp",
        f".a.cardiax.other.{dead}.tmp",
        ".a.tmp",
    )
    for name in names:
        (tmp_path / name).write_text("{")
    (tmp_path / f".bundle.cardiax.{host}.{dead}.tmp").mkdir()
    remove_left_overs(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
@pytest.mark.parametrize(
    ("name", "read"), [("a.json", read_json), ("a.csv", read_csv), (SUMS, lambda path: stored(path.parent, "a"))]
)
def test_an_error_of_reading_names_the_file(tmp_path, name, read):
    (tmp_path / name).symlink_to(UNREADABLE)
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / name}'"):
        read(tmp_path / name)


def test_a_write_removes_what_a_killed_one_left(tmp_path):
    left = tmp_path / f".a.json.cardiax.{platform.node()}.{2**22}.tmp"
    other = tmp_path / f".b.json.cardiax.{platform.node()}.{2**22}.tmp"
    left.touch()
    other.touch()
    write_json(tmp_path / "a.json", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "a.json"]


def test_a_file_that_cannot_be_written_is_named_not_its_temporary(tmp_path):
    path = tmp_path / f"{'a' * 250}.html"  # 255 characters, the most of a name
    with pytest.raises(OSError, match="too long") as error:
        write_atomically(path, b"")
    assert error.value.filename == str(path)


def test_a_run_is_finished_when_it_says_so_and_has_a_test(tmp_path):
    run = Workdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    run.write_seconds(3.0)
    assert not run.finished()
    (tmp_path / "test.json").write_text("{}")
    assert not run.finished()
    run.write_seconds(run.seconds(), finished=True)
    assert run.finished()
    (tmp_path / "timing.json").write_text('{"seconds": 3.0}')  # of an earlier version
    assert run.finished()
    (tmp_path / "timing.json").unlink()
    assert run.finished()


def test_a_lock_that_another_process_only_looks_at_is_taken(tmp_path):
    run = Workdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with run.hold():
        pass
    with (tmp_path / LOCK).open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with run.hold():
            pass
    with (tmp_path / LOCK).open("rb") as holding:
        fcntl.flock(holding, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="in use by"), run.hold():
            pass
