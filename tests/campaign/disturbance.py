"""A command run in a fork of this process, disturbed at one of the calls that change files in its folder."""

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.campaign.scenarios import Scenario

KILLS = {"kill": (signal.SIGKILL, 0), "power cut": (signal.SIGKILL, 0), "terminate": (signal.SIGTERM, 0)}
FAULTS = {
    "ENOSPC": (0, errno.ENOSPC),
    "EIO once": (0, errno.EIO),
    "EMFILE once": (0, errno.EMFILE),
    "EACCES once": (0, errno.EACCES),
}
"""What is done at a call → the signal that is sent, and the errno of the call."""

OWN = ("timing.json", ".lock", "tensorboard", "table.csv", "table.md")
"""Names of files that contain a time, or of locks."""

LIMIT = 300
"""s, after which a command hangs."""


class World:
    """The folder of a scenario, at the same path for every disturbance, and the result of an undisturbed command."""

    def __init__(self, scenario: Scenario, folder: Path):
        self.scenario, self.folder = scenario, folder.resolve()
        self.root, self.template = self.folder / "root", self.folder / "template"
        if not (self.folder / "expected.json").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.root.mkdir(parents=True)
            self._fork(scenario.files)
            for command in scenario.before:
                self._run(command, must_succeed=True)
            shutil.copytree(self.root, self.template)
            self._run(scenario.command, must_succeed=True)
            calls = len(self._notes())
            expected = {"calls": calls, "files": self._described()}
            (self.folder / "expected.json").write_text(json.dumps(expected))
        expected = json.loads((self.folder / "expected.json").read_text())
        self.calls, self._expected = expected["calls"], expected["files"]

    def disturb(self, how: str, call: int) -> tuple[str, str]:
        """Disturb the command at a call, then run it undisturbed; return the call and the verdict, `same` if all is
        well."""
        shutil.rmtree(self.root)
        shutil.copytree(self.template, self.root)
        number, error = (KILLS | FAULTS)[how]
        status = self._run(self.scenario.command, call, number, error)
        said, notes = self._said(), self._notes()
        what = " ".join(notes[call - 1][1::2]).replace(str(self.root), "") if call <= len(notes) else "not reached"
        if how == "power cut":
            self._lose_what_was_not_synchronised(notes)
        allowed = {-number, 0, 1} if number else {0, 2}
        if status not in allowed:
            return what, f"found status {status}, expected one of {sorted(allowed)}: {said[-600:]}"
        if "Traceback" in said:
            return what, f"found a traceback: {said[-600:]}"
        if self._run(self.scenario.command):
            return what, f"the same command again failed: {self._said()[-600:]}"
        found = self._described()
        differing = sorted(
            name for name in found.keys() | self._expected if found.get(name) != self._expected.get(name)
        )
        return what, f"other files: {', '.join(differing[:5])}" if differing else "same"

    def _run(
        self, command: tuple[str, ...], call: int = 0, number: int = 0, error: int = 0, must_succeed: bool = False
    ) -> int:
        """Run a command with a disturbance at a call; return its status, the negative signal that ended it."""

        def run() -> None:
            log = str(self.folder / "calls.txt").encode()
            ctypes.CDLL(None).campaign_arm(os.fsencode(f"{self.root}/"), ctypes.c_long(call), number, error, log)
            from cardiax.launch.cli import main

            main(list(command))

        (self.folder / "calls.txt").unlink(missing_ok=True)
        status = self._fork(run)
        if must_succeed and status:
            raise RuntimeError(f"{' '.join(command)}: found status {status}: {self._said()}")
        return status

    def _fork(self, run: Callable[[], None]) -> int:
        return fork(run, self.root, self.folder / "said.txt")

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

        def describe() -> None:
            found = {}
            for path in sorted(self.root.rglob("*")):
                name = str(path.relative_to(self.root))
                parts = path.relative_to(self.root).parts
                if set(OWN) & set(parts):
                    continue
                if "checkpoints" in parts:
                    if path.name.isdigit() and path.parent.name in ("latest", "best"):
                        found[name] = sum_of_arrays(path)
                    elif path.parent.name in ("checkpoints", "latest", "best"):
                        found[name] = "folder"
                elif path.is_file():
                    found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            (self.folder / "found.json").write_text(json.dumps(found))

        if status := self._fork(describe):
            raise RuntimeError(f"{self.root}: cannot be described, status {status}: {self._said()}")
        return json.loads((self.folder / "found.json").read_text())


def sum_of_arrays(checkpoint: Path) -> str:
    """Return the SHA-256 of the arrays of a checkpoint as Orbax alone reads them."""
    import jax
    import numpy as np
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as reader:
        leaves = jax.tree.leaves(reader.restore(checkpoint / "state"))
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()


def fork(run: Callable[[], None], folder: Path, said: Path) -> int:
    """Call a function in a fork whose current folder is `folder`, its output in `said`; return the process's status."""
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
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
