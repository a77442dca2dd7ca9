"""Rubbish for every reader: a result or one line, within 5 s and 1 GB, nothing printed, nothing written elsewhere.

Inputs run in a worker, a fork of this process, which a new one replaces when it dies. An input is a function of the
seed, the reader and its number, and the same command goes on after the last one.
"""

import argparse
import contextlib
import json
import mmap
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.campaign.readers import READERS, Files, Reader, seeds_of

SECONDS = 5.0
"""s of CPU after which an input hangs; one that only waits is found by the process that waits for it."""

MEMORY = 700_000
"""KiB of resident memory that an input may need, beside the 0.3 GB of a process that has imported its readers."""

SLICE = 12.0
"""s that a worker runs before the next reader has its turn."""

ADDRESSES = 8 << 30
"""Bytes of address space of a worker, for the sake of the machine."""

BROKEN = 77
"""Status of a worker that fails outside of a reader."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Hang(BaseException):
    """Raised after `SECONDS`; no reader catches it."""


class FaultError(Exception):
    """An input that a reader does not survive.

    Attributes:
      kind: `traceback`, `hang`, `memory`, `message`, `printed` or `outside`.
    """

    def __init__(self, kind: str, what: str):
        super().__init__(what)
        self.kind = kind


class Attempts:
    """Calls of a reader on the input in one folder."""

    def __init__(self, names: tuple[str, ...]):
        self._names = names

    def __call__(self, call: Callable[[], Any]) -> Any:
        """Return what the call returns, or None if it raises an `InputError` of one line that names a file."""
        return self._result(call, self._names)

    def plain(self, call: Callable[[], Any]) -> Any:
        """Do as `__call__` for a message that names a flag or a field instead of the file."""
        return self._result(call, ())

    def _result(self, call: Callable[[], Any], names: tuple[str, ...]) -> Any:
        from cardiax.errors import InputError

        try:
            return call()
        except InputError as error:
            said = str(error)
            if not re.sub("[\udc80-\udcff]", "", said).isprintable() or len(said) > 3000:
                raise FaultError("message", f"not one printable line: {said[:300]!r} ({len(said)})") from error
            if names and not any(name in said for name in names):
                raise FaultError("message", f"does not name the file: {said[:300]!r}") from error
            return None


def judged(reader: Reader, files: Files, folder: Path) -> tuple[str, str] | None:
    """Read an input in an empty folder; return the kind and the description of its fault, or None."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _allowed[:] = [str(folder)]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    printed, most = os.fstat(1).st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        try:
            reader.read(folder, Attempts((str(folder), *files)))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            _allowed.clear()
        sys.stdout.flush()
        sys.stderr.flush()
        if (size := os.fstat(1).st_size) != printed:
            said = os.pread(1, min(size - printed, 1000), printed).decode(errors="replace")
            raise FaultError("printed", " ".join(said.split()))
        if more := sorted({path.name for path in folder.iterdir()} - files.keys()):
            raise FaultError("outside", f"left {more}")
        if (more := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most) > MEMORY:
            raise FaultError("memory", f"{more} KiB")
    except FaultError as fault:
        return fault.kind, str(fault)
    except Hang:
        return "hang", _place(sys.exc_info()[2])
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {str(error)[:200]} at {_place(error.__traceback__)}"
    return None


def _place(trace: Any) -> str:
    """Return the last frame in cardiax and the last one of all."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if "/tests/" not in frame.filename and "site-packages" not in frame.filename]
    ours = [frame for frame in ours if "/lib/python" not in frame.filename]
    return " in ".join(f"{Path(one.filename).name}:{one.lineno}" for one in (*ours[-1:], *frames[-1:]))


_allowed: list[str] = []
"""The folder into which may be written; empty outside of a call."""


def _watch(event: str, arguments: tuple) -> None:
    """Refuse what an input must not do: write outside of its folder, open a connection, run a program."""
    if not _allowed:
        return
    if event == "open" and isinstance(arguments[0], str | bytes):
        path, mode, flags = arguments
        if not (flags or 0) & WRITING and not (isinstance(mode, str) and set(mode) & set("wax+")):
            return
        paths = [path]
    elif event in (
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "os.truncate",
        "os.chmod",
    ):
        paths = [one for one in arguments[:2] if isinstance(one, str | bytes)]
        paths = paths[-1:] if event in ("os.symlink", "os.link") else paths
    elif event in (
        "socket.connect",
        "socket.getaddrinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "pickle.find_class",
    ):
        raise FaultError("outside", f"{event} {arguments!r}"[:300])
    else:
        return
    relative_to = arguments[-1] if event in ("os.mkdir", "os.remove", "os.rmdir") else -1
    where = f"/proc/self/fd/{relative_to}" if relative_to != -1 else "."
    for path in paths:
        whole = os.path.realpath(os.path.join(where, os.fsdecode(path)))
        if not whole.startswith((*_allowed, "/dev/null", *_ours)):
            raise FaultError("outside", f"{event} {whole}")


_ours: tuple[str, ...] = ()
_is_watching = False


@contextlib.contextmanager
def guarded(scratch: Path) -> Iterator[None]:
    """Let this process judge inputs: with a limit of time, a watch on what it opens, and its output in a file."""
    global _ours, _is_watching
    _ours = (str(scratch),)

    def hang(*_: Any) -> None:
        raise Hang

    if not _is_watching:  # a hook stays as long as the process
        sys.addaudithook(_watch)
        _is_watching = True
    sys.stdout.flush()
    sys.stderr.flush()
    before, plain = signal.signal(signal.SIGPROF, hang), [os.dup(one) for one in (1, 2)]
    with (scratch / "said").open("w+") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for one in (1, 2):
            os.dup2(said.fileno(), one)
        try:
            yield
        finally:
            for one, copy in zip((1, 2), plain, strict=True):
                os.dup2(copy, one)
                os.close(copy)
            signal.signal(signal.SIGPROF, before)


def from_corpus(reader: str, folder: Path, seeds: list[Files]) -> Files:
    """Return an input of the corpus: its files, and the others of the first valid input if they share a name."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return seeds[0] | files if seeds[0].keys() & files.keys() else files


def drawn(reader: str, seeds: list[Files], seed: int, number: int) -> Files:
    """Return an input of a reader by its number."""
    return READERS[reader].input(random.Random(f"{seed} {reader} {number}"), seeds)


def signature(fault: tuple[str, str]) -> str:
    """Return what distinguishes a fault from others of its reader."""
    kind, what = fault
    return f"{kind} {what.split(':')[0]} {what.rpartition(' at ')[2]}" if kind == "traceback" else f"{kind} {what[:40]}"


def minimal(reader: Reader, files: Files, fault: tuple[str, str], folder: Path, seconds: float = 4.0) -> Files:
    """Return a smaller input with the same fault: files are left out, then spans of bytes."""
    end, expected = time.monotonic() + seconds, signature(fault)

    def is_same(smaller: Files) -> bool:
        found = judged(reader, smaller, folder)
        return found is not None and signature(found) == expected

    for name in list(files):
        content = files[name]
        size = max(len(content) // 2, 1)
        while content and time.monotonic() < end:
            for first in range(0, len(content), size):
                shorter = content[:first] + content[first + size :]
                if is_same(files | {name: shorter}):
                    content, files = shorter, files | {name: shorter}
                    break
                if time.monotonic() > end:
                    break
            else:
                if size == 1:
                    break
                size //= 2
            size = max(min(size, len(content)), 1)
    return files


def campaign(options: argparse.Namespace) -> int:
    """Draw inputs of all readers in turn until the time is over; print the counts last."""
    names = options.readers.split(",") if options.readers else list(READERS)
    seeds, counts = seeds_of(names), Counts(options.out)
    end = time.monotonic() + 60 * options.minutes
    for name in names:  # what is imported here is not imported by every worker
        with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(Exception):
            for files in seeds[name]:
                judged(READERS[name], files, Path(scratch, "in"))
    while time.monotonic() < end and any(counts.of(name)["inputs"] < options.count for name in names):
        for name in names:
            if time.monotonic() < end and counts.of(name)["inputs"] < options.count:
                work(name, seeds[name], counts, options)
    return counts.reported()


class Counts:
    """The counts of a campaign and its faults, in a folder."""

    def __init__(self, out: Path):
        out.mkdir(parents=True, exist_ok=True)
        self.out, self._path = out, out / "inputs.json"
        self._found: dict[str, dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def of(self, name: str) -> dict[str, Any]:
        """Return the counts of a reader."""
        return self._found.setdefault(name, {"inputs": 0, "seconds": 0.0, "faults": {}})

    def save(self) -> None:
        """Write the counts."""
        self._path.write_text(json.dumps(self._found, indent=1))

    def add(self, name: str, number: int, fault: tuple[str, str], files: Files) -> None:
        """Count a fault; print the first of its kind and keep its files."""
        faults = self.of(name)["faults"]
        key = signature(fault)
        one = faults.setdefault(key, {"kind": fault[0], "what": fault[1], "number": number, "count": 0})
        one["count"] += 1
        if one["count"] == 1:
            folder = self.out / "found" / name / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            for file, content in files.items():
                (folder / file).write_bytes(content)
            print(json.dumps({"reader": name, "number": number, "fault": fault}), flush=True)

    def reported(self) -> int:
        """Print the counts; return 1 if there is a fault."""
        kinds: dict[str, int] = {}
        for name, one in self._found.items():
            for fault in one["faults"].values():
                kinds[fault["kind"]] = kinds.get(fault["kind"], 0) + fault["count"]
            rate = one["inputs"] / max(one["seconds"], 1e-9)
            print(f"{name}: {one['inputs']:,} inputs, {rate:.0f} per second, {len(one['faults'])} kinds of faults")
        inputs = sum(one["inputs"] for one in self._found.values())
        others = sum(kinds.values()) - kinds.get("traceback", 0) - kinds.get("hang", 0)
        tracebacks, hangs = kinds.get("traceback", 0), kinds.get("hang", 0)
        print(f"{inputs} inputs, {tracebacks} tracebacks, {hangs} hangs, {others} other faults")
        return int(sum(kinds.values()) > 0)


def work(name: str, seeds: list[Files], counts: Counts, options: argparse.Namespace) -> None:
    """Let a worker judge inputs of a reader for a while; one that does not return is killed, and its input a hang."""
    own = counts.of(name)
    shared = mmap.mmap(-1, 8)
    faults, started, first = counts.out / "faults.jsonl", time.monotonic(), own["inputs"]
    faults.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            _worker(name, seeds, first, shared, faults, options)
        except BaseException:
            (counts.out / "worker.txt").write_text(traceback.format_exc())
            os._exit(BROKEN)
        finally:
            os._exit(0)
    before, since, status = -1, time.monotonic(), 0
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        reached = int.from_bytes(shared[:], "little")
        if reached != before:
            before, since = reached, time.monotonic()
        elif time.monotonic() - since > 6 * SECONDS + 30:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    reached = int.from_bytes(shared[:], "little")
    own["seconds"] += time.monotonic() - started
    for line in faults.read_text().splitlines() if faults.exists() else ():
        number, fault, files = json.loads(line)
        counts.add(name, number, tuple(fault), {file: bytes.fromhex(content) for file, content in files.items()})
    if (code := os.waitstatus_to_exitcode(status)) == BROKEN:
        raise RuntimeError(f"{name}: the campaign itself failed: {(counts.out / 'worker.txt').read_text()}")
    if code:
        kind = "hang" if code == -signal.SIGKILL else "traceback"
        files = drawn(name, seeds, options.seed, first + reached)
        counts.add(name, first + reached, (kind, f"the process ended: {code}"), files)
        reached += 1
    own["inputs"] += reached
    counts.save()


def _worker(
    name: str, seeds: list[Files], first: int, shared: mmap.mmap, faults: Path, options: argparse.Namespace
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.filterwarnings("default", category=UserWarning)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch, end = Path(tempfile.mkdtemp(dir=memory)), time.monotonic() + SLICE
    try:
        with guarded(scratch):
            os.chdir(scratch)
            known: set[str] = set()
            for number in range(first, options.count):
                files = drawn(name, seeds, options.seed, number)
                fault = judged(READERS[name], files, scratch / "in")
                if fault is not None:
                    is_new = signature(fault) not in known
                    known.add(signature(fault))
                    if is_new and fault[0] not in ("hang", "memory"):
                        files = minimal(READERS[name], files, fault, scratch / "in")
                    with faults.open("a") as file:
                        kept = {one: content.hex() for one, content in files.items()} if is_new else {}
                        file.write(json.dumps([number, fault, kept]) + "\n")
                shared[:] = (number + 1 - first).to_bytes(8, "little")
                if time.monotonic() > end or (fault is not None and fault[0] == "memory"):
                    return
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
