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

from cardiax.errors import InputError, naming


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, which names its owner."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                owner = file.read().decode(errors="replace").strip() or "another process"
                raise InputError(
                    f"{path.parent}: found it in use by {owner}, expected it free; wait for that command or choose "
                    "another folder"
                ) from error
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    raise
                why = f"{path.parent} is on a file system without file locks: let no other command write into it"
                print(f"note: {why}", file=sys.stderr)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue  # the previous owner has just removed it
            with naming(path):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%F %T')}\n".encode())
            yield
            return
