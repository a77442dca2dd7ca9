"""Processes of a sweep: how they share its members, and what becomes of one that is killed or told to stop."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.launch.run import sweep_workers
from cardiax.launch.run.run_folder import Workdir
from cardiax.launch.run.sweep_member import Member
from cardiax.launch.run.sweep_workers import share, training_processes

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

HOLD = """
import sys, time
from cardiax.launch.run.run_folder import Workdir
with Workdir(sys.argv[1]).hold():
    print("held", flush=True)
    time.sleep(60)
"""

SHARE = """
import sys, threading, time
from pathlib import Path
from cardiax.config import Config
from cardiax.launch.run import sweep_workers
from cardiax.launch.run.run_folder import Workdir
from cardiax.launch.run.sweep_member import Member

def work(member):
    with member.workdir.hold():
        if not member.trained:  # it may have been done since the look at it
            time.sleep(0.3)
            print("did", member.workdir.path.name, flush=True)
            (member.workdir.path / "test.json").touch()

sweep_workers.POLL = 0.05
members = [Member("row", "kaggle", Config(), Workdir(Path(sys.argv[1], name))) for name in "abcdef"]
assert sweep_workers.share(members, lambda one: one.trained, work, int(sys.argv[2]), threading.Event()) == {}
print("all done" if all(one.trained for one in members) else "not done")
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(sweep_workers, "POLL", 0.02)


def member(path):
    return Member("row", "kaggle", Config(), Workdir(path))


def is_done(member):
    return member.trained


def finish(member):
    member.workdir.path.mkdir(exist_ok=True)
    (member.workdir.path / "test.json").touch()


def ends(program, *words):
    command = [sys.executable, "-c", program, *map(str, words)]
    return sweep_workers._train(command, os.environ, threading.Event(), set())


def test_the_last_line_of_a_failure_is_told_without_its_prefix():
    assert ends("import sys; sys.exit(0)") is None
    program = "import sys; print('a note', file=sys.stderr); print('cardiax: error: x: found y', file=sys.stderr)"
    assert ends(program + "; sys.exit(2)") == "error: x: found y"
    assert ends("import sys; sys.exit(1)") == "status 1"


def test_a_process_that_cannot_be_begun_is_told():
    assert "expected one; use fewer --workers" in str(sweep_workers._train(["/x/y"], {}, threading.Event(), set()))


def test_a_process_that_is_killed_is_begun_again_but_not_for_ever(tmp_path):
    count = f"import sys, pathlib; file = pathlib.Path(sys.argv[1]); file.write_text(file.read_text() + 'x'); {DIE}"
    (tmp_path / "kills").write_text("")
    assert ends(count, tmp_path / "kills") == "killed by SIGKILL 3 times, e.g. for want of memory"
    assert (tmp_path / "kills").read_text() == "xxx"
    once = f"import sys, pathlib; file = pathlib.Path(sys.argv[1]); n = file.exists(); file.touch()\nif not n: {DIE}"
    assert ends(once, tmp_path / "once") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_once_and_no_other_run_is_begun(number, tmp_path, monkeypatch):
    program = (
        "import pathlib, signal, sys, time; folder = pathlib.Path(sys.argv[1])\n"
        "def stop(*_): (folder / 'told').write_text((folder / 'told').read_text() + 'x'); sys.exit(1)\n"
        "(folder / 'told').write_text(''); signal.signal(signal.SIGTERM, stop); (folder / 'ready').touch()\n"
        "time.sleep(60)"
    )
    starts = []
    popen = subprocess.Popen

    def start(command, **fields):
        starts.append(command)
        return popen([sys.executable, "-c", program, str(tmp_path)], **fields)

    monkeypatch.setattr(sweep_workers.subprocess, "Popen", start)

    def tell():
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        signal.raise_signal(number)  # in the main thread, which waits

    members = [member(tmp_path / name) for name in ("a", "b")]
    before = signal.getsignal(number)
    timer = threading.Thread(target=tell)
    timer.start()
    stopped = threading.Event()
    with training_processes(2, lambda _: [], stopped) as train:
        assert share(members[:1], is_done, train, 2, stopped) == {}
    timer.join()
    assert stopped.is_set()
    assert share(members[1:], is_done, train, 2, stopped) == {}
    assert len(starts) == 1
    assert (tmp_path / "told").read_text() == "x"
    assert signal.getsignal(number) is before


def test_processes_of_one_folder_do_each_member_once(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARE, str(tmp_path), str(count)], stdout=subprocess.PIPE, text=True)
        for count in (1, 1, 2)
    ]
    outs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    did = sorted(line for out in outs for line in out.splitlines() if line.startswith("did"))
    assert did == [f"did {name}" for name in "abcdef"]
    assert all(out.splitlines()[-1] == "all done" for out in outs)


@pytest.mark.parametrize("ending", ["killed", "done"])
def test_a_member_of_another_process_is_waited_for_and_taken_over_if_that_is_killed(ending, tmp_path, capsys):
    other, mine = member(tmp_path / "other"), member(tmp_path / "mine")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(other.workdir.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    did = []

    def work(member):
        did.append(member)
        finish(member)
        if ending == "done":
            finish(other)
        holder.kill()
        holder.wait()

    assert share([other, mine], is_done, work, 1, threading.Event()) == {}
    assert did == ([mine, other] if ending == "killed" else [mine])
    holder.stdout.close()


def test_who_holds_what_is_waited_for_is_told_once(tmp_path, capsys):
    held = member(tmp_path / "held")
    looks = []

    def is_done(_):
        looks.append(1)
        return len(looks) > 3

    with held.workdir.hold():
        assert share([held], is_done, finish, 1, threading.Event()) == {}
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"sweep: waiting for held \(process {os.getpid()} on \S+ since [\d-]+ [\d:]+\)", line)


@pytest.mark.parametrize("count", [1, 3])
def test_a_failing_member_is_tried_once_and_a_lost_race_again(count, tmp_path):
    members = [member(tmp_path / name) for name in ("bad", "good", "raced", "worse")]
    tries = []

    def work(member):
        name = member.workdir.path.name
        tries.append(name)
        if name == "raced" and tries.count(name) == 1:
            with member.workdir.hold(), member.workdir.hold():  # as if another process held it
                pass
        if name in ("bad", "worse"):
            raise InputError(f"{name} is bad")
        finish(member)

    failed = share(members, is_done, work, count, threading.Event())
    assert failed == {"bad": "bad is bad", "worse": "worse is bad"}
    assert sorted(tries) == ["bad", "good", "raced", "raced", "worse"]


def test_an_error_of_a_thread_is_not_lost(tmp_path):
    def work(_):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        share([member(tmp_path / "a")], is_done, work, 2, threading.Event())
