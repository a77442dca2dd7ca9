"""Division of a sweep's members among processes: those of other commands, and those that one command starts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from cardiax.errors import InputError
from cardiax.launch.run.folder_lock import IN_USE
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import config_fields
from cardiax.launch.run.sweep_member import Member
from cardiax.launch.system.signals import handled

ATTEMPTS = 3
"""Number of times that a run is begun or resumed before a process that is killed counts as a failure."""

POLL = 2.0
"""Seconds between two looks at the members that other commands hold."""

Work = Callable[[Member], None]
"""A function that finishes a member, or raises an `InputError`."""


def share(
    members: Sequence[Member], is_done: Callable[[Member], bool], work: Work, count: int, stopped: threading.Event
) -> dict[str, str]:
    """Call `work` for each member that is not done, `count` at a time, until all are done or failed.

    Any number of processes on any number of machines may do this with the same members: their folders and locks are
    all that they share. A member that another process holds is looked at again every `POLL` seconds, since it is free
    if that process is killed. Each process tries a failing member once.

    Args:
      stopped: when it is set, no other member is begun.

    Returns:
      Name of the folder → why its member failed.
    """
    waiting, failed, turn = list(members), dict[str, str](), threading.Lock()
    told = ""

    def take() -> Member | None:
        """Take a member that is free out of those that wait; None if there is none."""
        nonlocal told
        with turn:
            waiting[:] = [member for member in waiting if not is_done(member)]
            held = []
            for member in waiting:
                if not (owner := member.workdir.holder):
                    waiting.remove(member)
                    return member
                held.append(f"{member.workdir.path.name} ({owner})")
            if held and told != (told := ", ".join(held)):
                say(f"sweep: waiting for {told}")
            return None

    def work_in_turn() -> None:
        while not stopped.is_set():
            member = take()
            if member is not None:
                try:
                    work(member)
                except InputError as error:
                    if IN_USE in str(error):  # another process was faster
                        with turn:
                            waiting.append(member)
                    elif not stopped.is_set():
                        failed[member.workdir.path.name] = str(error)
                        say(f"sweep: {member.workdir.path}: {error}")
            elif waiting:
                stopped.wait(POLL)
            else:
                return

    if count == 1:  # in the main thread, where training can handle signals
        work_in_turn()
        return failed
    with ThreadPoolExecutor(count) as pool:
        threads = [pool.submit(work_in_turn) for _ in range(min(count, len(waiting)))]
        while wait(threads, 0.5).not_done:  # a signal that another thread receives is handled here
            pass
        for thread in threads:
            thread.result()
    return failed


@contextlib.contextmanager
def training_processes(
    count: int, flags: Callable[[Member], Sequence[str]], stopped: threading.Event
) -> Iterator[Work]:
    """Yield the function that trains a member by `cardiax train` in a process, which is resumed if it is killed.

    Ctrl-C and SIGTERM end each process at a checkpoint.

    Args:
      count: largest number of processes at a time.
      flags: function that returns more arguments of `cardiax train` for a member.
      stopped: event that Ctrl-C and SIGTERM set.
    """
    # Of a GPU's memory, each process would take three quarters.
    shell = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.75 / count:.3f}"} | os.environ
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, _stoppable(stopped) as started:

        def train(member: Member) -> None:
            path = member.workdir.path
            file = Path(scratch, f"{path.name}.json")
            file.write_text(json.dumps(config_fields(member.config)))
            words = ["--config", str(file), "--workdir", str(path), "--quiet", *flags(member)]
            why = _train([sys.executable, "-m", "cardiax.launch.train", *words], shell, stopped, started)
            if why is not None:
                raise InputError(why)
            say(f"sweep: {path}: trained")

        yield train


def _train(
    command: Sequence[str], shell: Mapping[str, str], stopped: threading.Event, started: set[subprocess.Popen]
) -> str | None:
    """Run a command until it ends by itself, or `ATTEMPTS` times; return None when done, else what it wrote last."""
    why = "interrupted"
    for _ in range(ATTEMPTS):
        if stopped.is_set():
            break
        # A group of its own, so that Ctrl-C reaches it once.
        try:
            process = subprocess.Popen(
                command, env=shell, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
            )
        except OSError as error:
            return f"found no process for it ({error}), expected one; use fewer --workers"
        started.add(process)
        if stopped.is_set():
            process.terminate()
        _, error = process.communicate()
        started.discard(process)
        if process.returncode == 0:
            return None
        why = next(reversed(error.strip().splitlines()), f"status {process.returncode}").removeprefix("cardiax: ")
        if process.returncode > 0:
            break
        why = f"killed by {signal.Signals(-process.returncode).name} {ATTEMPTS} times, e.g. for want of memory"
    return why


@contextlib.contextmanager
def _stoppable(stopped: threading.Event) -> Iterator[set[subprocess.Popen]]:
    """Let Ctrl-C and SIGTERM set the event; yield a set of processes to which they are passed on."""
    started = set[subprocess.Popen]()

    def stop(*_: object) -> None:
        stopped.set()
        for process in list(started):
            process.terminate()

    with handled(stop, signal.SIGINT, signal.SIGTERM):
        yield started
