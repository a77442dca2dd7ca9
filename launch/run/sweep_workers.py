"""Training the runs of a sweep side by side, in processes of their own."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cardiax.config import Config
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir, config_fields

ATTEMPTS = 3
"""Number of times that a run is begun or resumed before a process that is killed counts as a failure."""


def train_in_processes(
    runs: Sequence[tuple[Config, Workdir]], count: int, flags: Sequence[str]
) -> dict[str, list[str]] | None:
    """Train runs by `cardiax train`, `count` at a time; one whose process is killed is resumed.

    Ctrl-C and SIGTERM end each process at a checkpoint.

    Args:
      runs: config and folder of each.
      count: largest number of processes at a time.
      flags: more arguments of `cardiax train`.

    Returns:
      Error message → names of the runs that failed with it; None when interrupted.
    """
    waiting: queue.SimpleQueue[tuple[int, Config, Workdir]] = queue.SimpleQueue()
    for index, (config, workdir) in enumerate(runs):
        waiting.put((index, config, workdir))
    failed: dict[str, list[str]] = {}
    # Of a GPU's memory, each process would take three quarters.
    shell = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.75 / count:.3f}"} | os.environ
    with tempfile.TemporaryDirectory() as scratch, _stoppable() as (stopped, started):

        def work() -> None:
            with contextlib.suppress(queue.Empty):
                while not stopped.is_set():
                    index, config, workdir = waiting.get_nowait()
                    file = Path(scratch, f"{index}.json")
                    file.write_text(json.dumps(config_fields(config)))
                    words = ["--config", str(file), "--workdir", str(workdir.path), "--quiet", *flags]
                    why = _train([sys.executable, "-m", "cardiax.launch.train", *words], shell, stopped, started)
                    if why is not None and not stopped.is_set():
                        failed.setdefault(why, []).append(workdir.path.name)
                    say(f"sweep: {workdir.path}: {'trained' if why is None else why}")

        threads = [threading.Thread(target=work) for _ in range(min(count, len(runs)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)  # a signal that another thread receives is handled here
    return None if stopped.is_set() else failed


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
def _stoppable() -> Iterator[tuple[threading.Event, set[subprocess.Popen]]]:
    """Yield an event that Ctrl-C and SIGTERM set, and a set of processes to which they are passed on."""
    stopped, started = threading.Event(), set[subprocess.Popen]()

    def stop(*_: object) -> None:
        stopped.set()
        for process in list(started):
            process.terminate()

    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stopped, started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
