"""Processes of a sweep's runs: how they end, and what becomes of one that is killed or told to stop."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from cardiax.launch.run import sweep_workers
from cardiax.launch.run.sweep_workers import train_in_processes

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


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

    from cardiax.config import Config
    from cardiax.launch.run.run_folder import Workdir

    runs = [(Config(), Workdir(tmp_path / name)) for name in ("a", "b")]
    before = signal.getsignal(number)
    timer = threading.Thread(target=tell)
    timer.start()
    assert train_in_processes(runs, 1, []) is None
    timer.join()
    assert len(starts) == 1
    assert (tmp_path / "told").read_text() == "x"
    assert signal.getsignal(number) is before
