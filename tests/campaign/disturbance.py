"""A command run in a fork of this process, disturbed at one of its calls on files in its folder."""

import contextlib
import ctypes
import errno
import hashlib
import importlib
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.campaign.scenarios import Scenario

KILLS = {
    "kill": (signal.SIGKILL, 0),
    "power cut": (signal.SIGKILL, 0),
    "terminate": (signal.SIGTERM, 0),
    "kill after a time": (signal.SIGKILL, 0),
}
FAULTS = {
    "ENOSPC": (0, errno.ENOSPC),
    "EROFS": (0, errno.EROFS),
    "EIO once": (0, errno.EIO),
    "EMFILE once": (0, errno.EMFILE),
    "EACCES once": (0, errno.EACCES),
    "ENOMEM once": (0, errno.ENOMEM),
    "ESTALE": (0, errno.ESTALE),
    "half once": (0, -1),
    "late once": (0, -3),
    "clock back": (0, -2),
    "no HOME": (0, 0),
}
"""What is done at a call → the signal that is sent, and the errno of the call or a code of `system_calls.c`."""

OWN = ("timing.json", ".lock", "tensorboard", "table.csv", "table.md", "tmp")
"""Names of files that contain a time, of locks, and of the folder for temporary files."""

ERROR = "cardiax: error: "
"""How the line of a fault begins."""

LIMIT = 3600
"""s, after which a command hangs; on a busy machine one of some seconds may take minutes."""


class World:
    """The folder of a scenario, at the same path for every disturbance, and the result of an undisturbed command.

    Attributes:
      calls: name and path of each call of the undisturbed command.
    """

    def __init__(self, scenario: Scenario, folder: Path):
        self.scenario, self.folder, self._seconds = scenario, folder.resolve(), 1.0
        self.root, self.template = self.folder / "root", self.folder / "template"
        if not (self.folder / "expected.json").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            (self.root / "tmp").mkdir(parents=True)
            self._fork(scenario.files)
            for command in scenario.before:
                self._succeed(command)
            shutil.copytree(self.root, self.template)
            files = self._succeed(scenario.command)
            calls = [f"{one[1]} {one[3].removeprefix(f'{self.root}/')}" for one in self._notes()]
            (self.folder / "expected.json").write_text(json.dumps({"calls": calls, "files": files}))
        for module in (self.folder / "modules.txt").read_text().split():  # that no fork has to import them
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        expected = json.loads((self.folder / "expected.json").read_text())
        self.calls, self._expected = expected["calls"], expected["files"]

    def disturb(self, steps: Iterable[tuple[str, float]]) -> tuple[int, str, str]:
        """Disturb the command, and the same command again and again; at last run it undisturbed.

        Args:
          steps: what is done, and at which call, or after which part of the command's time.

        Returns:
          The number of disturbances that took place, the calls, and the verdict, `same` if all is well.
        """
        shutil.rmtree(self.root)
        shutil.copytree(self.template, self.root)
        hits, whats, is_drawn = 0, [], True
        for how, at in steps:
            if self._is_done():
                break
            number, error = (KILLS | FAULTS)[how]
            status = self._run(self.scenario.command, how, at)
            said, notes = self._said(), self._notes()
            if how == "kill after a time":
                is_hit, what = status == -number, f"after {at:.0%}"
            else:
                is_hit = at <= len(notes)
                what = " ".join(notes[int(at) - 1][1::2]).replace(str(self.root), "") if is_hit else "not reached"
            hits += is_hit
            is_drawn &= "not drawn" not in said
            whats.append(f"{how}: {what}")
            if how == "power cut":
                self._lose_what_was_not_synchronised(notes)
            allowed = {-number, 0, 1} if number else {0, 2}
            if status not in allowed:
                return hits, "; ".join(whats), f"found status {status}, expected one of {allowed}: {said[-600:]}"
            told = [line for line in said.splitlines() if ERROR in line]
            is_told = len(told) == 1 and names_a_file(told[0], [*self.calls, *self._expected], self.root)
            if error > 0 and re.search(r"\b(delete|remove) (?!.*fails again)", said):
                return hits, "; ".join(whats), f"found advice to remove what is intact: {said[-600:]}"
            if "Traceback" in said or (status == 2 and not is_told):
                return hits, "; ".join(whats), f"found a traceback, or not one line that names a file: {said[-600:]}"
        try:
            found = self._succeed(self.scenario.command)
        except RuntimeError as error:
            return hits, "; ".join(whats), f"the same command again failed: {str(error)[-600:]}"
        differing = sorted(
            name
            for name in found.keys() | self._expected
            if found.get(name) != self._expected.get(name) and (is_drawn or "figures" not in name)
        )
        return hits, "; ".join(whats), f"other files: {', '.join(differing[:5])}" if differing else "same"

    def _is_done(self) -> bool:
        return (self.root / self.scenario.once).exists()

    def _succeed(self, command: tuple[str, ...]) -> dict[str, str]:
        """Run a command undisturbed; return the description of the files."""
        started = time.monotonic()
        if status := self._run(command):
            raise RuntimeError(f"{' '.join(command)}: found status {status}: {self._said()}")
        self._seconds = time.monotonic() - started
        return json.loads((self.folder / "found.json").read_text())

    def _run(self, command: tuple[str, ...], how: str = "", at: float = 0) -> int:
        """Run a command with a disturbance, or, undisturbed, describe the files; return its status, negative for the
        signal that ended it."""
        number, error = (KILLS | FAULTS).get(how, (0, 0))
        is_timed = how == "kill after a time"

        def run() -> None:
            from cardiax.launch.cli import main

            PLOTS["are drawn"] = self.scenario.draws
            os.environ["TMPDIR"] = tempfile.tempdir = f"{self.root}/tmp"
            if how == "no HOME":
                for name in ("HOME", "XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR"):
                    os.environ.pop(name, None)
            log, call = str(self.folder / "calls.txt").encode(), 0 if is_timed else int(at)
            ctypes.CDLL(None).campaign_arm(os.fsencode(f"{self.root}/"), ctypes.c_long(call), number, error, log)
            try:
                if not self._is_done():
                    main(list(command))
            except SystemExit as done:
                if how or done.code:
                    raise
            ctypes.CDLL(None).campaign_arm(b"/dev/null", ctypes.c_long(0), 0, 0, b"/dev/null")
            (self.folder / "found.json").write_text(json.dumps(self._described()))
            (self.folder / "modules.txt").write_text("\n".join(name for name in sys.modules if "__main__" not in name))

        (self.folder / "calls.txt").unlink(missing_ok=True)
        return self._fork(run, at * self._seconds if is_timed else None, how != "kill")

    def _fork(self, run: Callable[[], None], seconds: float | None = None, with_children: bool = True) -> int:
        return fork(run, self.root, self.folder / "said.txt", seconds, with_children)

    def _said(self) -> str:
        return (self.folder / "said.txt").read_text(errors="replace")

    def _notes(self) -> list[list[str]]:
        """Return the counted calls of the last command: number, name, size of the file, path, and other path."""
        path = self.folder / "calls.txt"
        return [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []

    def _lose_what_was_not_synchronised(self, notes: list[list[str]]) -> None:
        """Cut every file to its length at its last fsync if it was written since: what a power cut may leave."""
        synchronised: dict[str, int] = {}
        written: set[str] = set()
        for _, name, size, path, other in notes[:-1]:  # the last one was not carried out
            if name == "fsync":
                synchronised[path] = int(size)
                written.discard(path)
            elif name in ("write", "pwrite", "writev"):
                written.add(path)
            elif name == "rename":
                for old in [one for one in (*synchronised, *written) if one == path or one.startswith(f"{path}/")]:
                    new = other + old.removeprefix(path)
                    if old in synchronised:
                        synchronised[new] = synchronised.pop(old)
                    if old in written:
                        written.remove(old)
                        written.add(new)
        for path in written:
            if os.path.isfile(path):
                os.truncate(path, min(synchronised.get(path, 0), os.path.getsize(path)))

    def _described(self) -> dict[str, str]:
        """Return relative path → SHA-256 of every file of the root; of a checkpoint the sum of its arrays."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            parts = path.relative_to(self.root).parts
            name = "/".join(parts)
            if set(OWN) & set(parts):
                continue
            if "checkpoints" in parts:
                if path.name.isdigit() and path.parent.name in ("latest", "best"):
                    found[name] = sum_of_arrays(path)
                elif path.parent.name in ("checkpoints", "latest", "best"):
                    found[name] = "folder"
            elif path.name == ".sums.json":  # of each file also the sum before, which depends on what was interrupted
                found[name] = str({one: sums[0] for one, sums in json.loads(path.read_bytes()).items()})
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def names_a_file(line: str, calls: Iterable[str], root: Path) -> bool:
    """True if the line of a fault names, before its remedy, a path in a folder, or a file, of the command's calls."""
    known = {call.split(" ")[-1].split("/")[0] for call in calls} - {""}
    words = line.partition(ERROR)[2].partition(";")[0].split()
    return any(word.removeprefix(f"{root}/").split("/")[0].strip(":,") in known for word in words)


def sum_of_arrays(checkpoint: Path) -> str:
    """Return the SHA-256 of the arrays of a checkpoint as Orbax alone reads them."""
    import jax
    import numpy as np
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as reader:
        leaves = jax.tree.leaves(reader.restore(checkpoint / "state"))
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()


PLOTS = {"are drawn": True}


def plot_pixels() -> None:
    """Let `save_plot` save one pixel unless plots are drawn; call it before the module is imported by others."""
    import numpy as np

    from cardiax.launch.run import plot_files

    plain = plot_files.save_plot
    pixel = np.zeros((1, 1, 1, 3), np.uint8)
    plot_files.save_plot = lambda path, draw: plain(path, draw if PLOTS["are drawn"] else lambda: pixel)


def fork(
    run: Callable[[], None], folder: Path, said: Path, seconds: float | None = None, with_children: bool = True
) -> int:
    """Call a function in a fork whose current folder is `folder`, its output in `said`; return the process's status.

    Args:
      seconds: time after which it is killed.
      with_children: True to kill the processes that it leaves, as a power cut does, False to wait for them.
    """
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what it leaves becomes a child of this process
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT)
        with said.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(folder)
        status = 1
        try:
            run()
            status = 0
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
    if seconds is not None:
        process = os.pidfd_open(child)
        if not select.select([process], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
        os.close(process)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(ChildProcessError):
        while True:
            if with_children:
                for left in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                    os.kill(int(left), signal.SIGKILL)
            os.waitpid(-1, 0)
    return status
