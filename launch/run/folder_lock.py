"""The lock of a folder against other commands."""

import contextlib
import errno
import fcntl
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cardiax.errors import InputError, naming

IN_USE = "found it in use by"
"""Part of the error of a folder that another command holds."""

TRIES = 100
"""Number of times that a folder is created again after another command has removed it."""

LOOKS, LOOK = 5, 0.02
"""Number of further tries to take a lock, and the time before each, s."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, which names its owner."""
    while True:
        with _opened(path) as file:
            looks = LOOKS
            while (owner := _take(file, fcntl.LOCK_EX)) and looks:  # it may only be looked at, see `holder`
                time.sleep(LOOK)
                looks -= 1
            if owner:
                raise InputError(
                    f"{path.parent}: {IN_USE} {owner}, expected it free; wait for that command or choose another folder"
                )
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue  # the previous owner has just removed it
            with naming(path):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%F %T')}\n".encode())
            yield
            return


def holder(path: Path) -> str:
    """Return the owner of the lock file at `path` as the file names it; empty if no process holds it."""
    try:
        with path.open("rb") as file:
            return _take(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return ""


def _opened(path: Path) -> IO[bytes]:
    """Open the lock file, in a folder that is created if needed, and that others remove if nothing begins in it."""
    for _ in range(TRIES):
        with contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("ab+", buffering=0)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _take(file: IO[bytes], kind: int) -> str:
    """Take the lock of an open file, exclusive or shared; return its owner if another process holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return file.read().decode(errors="replace").strip() or "another process"
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        if kind == fcntl.LOCK_EX:
            why = f"{Path(file.name).parent} is on a file system without file locks: let no other command write into it"
            print(f"warning: {why}", file=sys.stderr)
    return ""
