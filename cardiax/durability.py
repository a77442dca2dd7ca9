"""Files that survive a power cut, and the removal of folders."""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cardiax.errors import naming


def publish(temporary: Path, final: Path) -> None:
    """Give a complete file or folder its final name, so that a power cut leaves what was there before, or all of it."""
    for path in (*temporary.rglob("*"), temporary):
        _synchronise(path)
    temporary.replace(final)
    _synchronise(final.parent)


def remove(folder: Path) -> None:
    """Remove a folder; an `OSError` names it, not only the file in it that cannot be removed."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path) -> Iterator[Path]:
    """Make a folder, and remove it at the end; that it cannot be removed hides no other error."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # the next command removes what is left
        raise
    remove(folder)


def _synchronise(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            _flush(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):  # not all systems synchronise folders
            raise
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    """Do as `os.fsync`; that of macOS leaves data in the cache of the drive."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # pyright: ignore[reportAttributeAccessIssue]
            return
        except OSError:  # on a network mount
            pass
    os.fsync(descriptor)
