"""The exception for user errors, and the errors for a name that is unknown or taken and a package that is missing."""

import contextlib
import dataclasses
import difflib
import errno
import importlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LONGEST = 2000
"""Largest number of characters of a message; a longer one loses its middle."""

DIVERGED = (
    "try a lower --optimizer.learning_rate or --optimizer.clip_norm (0 clips no gradient) in a new --workdir, and look "
    "for extreme values in the data"
)
"""What to do about training that diverged."""

EXTRAS = {"edfio": "formats", "jax2onnx": "onnx", "kaggle": "kaggle", "meshio": "mesh", "torch": "bench"}
EXTRAS |= {"wfdb": "wfdb", "xgboost": "baselines"}
"""Optional package → the extra of cardiax that installs it."""

FAILING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT)
"""Errors of the machine while it reads, which are no fault of the file."""

DISK = (*FAILING, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of the disk, which no content of a file causes."""


REMEDIES = {
    errno.ENOTDIR: " (found a file, expected a folder; choose another path)",
    errno.EISDIR: " (found a folder, expected a file; choose another path)",
    errno.EEXIST: " (found a file, expected a folder or nothing; choose another path)",
    errno.EACCES: "; allow it, or choose another path",
    errno.EPERM: "; allow it, or choose another path",
    errno.EROFS: "; choose another path",
    errno.ENOSPC: "; free some space there and run the same command again",
    errno.ENAMETOOLONG: "; choose a shorter name",
    errno.EIO: "; check the disk",
    errno.EMFILE: "; raise the limit, `ulimit -n`, and run the same command again",
    errno.ESTALE: "; check the mount and run the same command again",
    errno.ENOTCONN: "; check the mount and run the same command again",
}
"""What to do about an error of the system."""


class InputError(Exception):
    """An error in a command or in a file named by the message; the command line prints one line and exits with 2.

    The message is one line that can be printed, whatever names and values a file has: line breaks become spaces, other
    control characters, which a terminal would obey, are shown as escapes, and what is too long is cut.
    """

    def __init__(self, message: str):
        text, half = message if message.isprintable() else "".join(map(_printable, message)), LONGEST // 2
        super().__init__(text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}")


def _printable(sign: str) -> str:
    if sign.isprintable() or "\udc80" <= sign <= "\udcff":  # a byte of a path that is not UTF-8
        return sign
    return " " if sign.isspace() else sign.encode("unicode_escape").decode()


def described(error: OSError) -> str:
    """Return the file of an error of the system that has a number, what is wrong with it, and what to do about it."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}{REMEDIES.get(error.errno or 0, '')}"


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a `name` of a `kind` that is not among `known`: the closest match, then all names."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {name!r}: {hint}known: {', '.join(names) or 'none'}")


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message: the first ones, at most `most`, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def installation(name: str) -> str:
    """Return the command that installs an optional package in the versions that cardiax needs."""
    return f"pip install 'cardiax[{EXTRAS[name]}]'"


def import_extra(name: str, needed_by: object) -> Any:
    """Import and return an optional package; raise `InputError`, which begins with `needed_by`, if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{needed_by}: found no package {name}, expected it to be installed; run {installation(name)}"
        ) from error


def system_error(error: BaseException) -> int:
    """Return the errno of an error of the system, also of one that only the text of TensorStore or array_record tells;
    0 if it is none."""
    if isinstance(error, OSError):
        return error.errno or 0
    told = re.search(r"os_error_code='(\d+)'|\b[a-z_0-9]+\(\) failed: ([^;]+)", str(error))
    if told is None:
        return 0
    return int(told[1] or {os.strerror(one): one for one in errno.errorcode}.get(told[2].strip(), 0))


def raise_of_disk(error: BaseException, path: Path | str) -> None:
    """Raise an `OSError` with a path if an exception is or tells of an error of the disk: the file may be intact."""
    if (code := system_error(error)) in DISK:
        raise OSError(code, os.strerror(code), getattr(error, "filename", None) or str(path)) from error


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add a path to an `OSError` that has none, as those of reads and writes.

    An error of TFDS without a number is replaced by its cause.
    """
    try:
        yield
    except OSError as error:
        first = error.__cause__ if error.errno is None and isinstance(error.__cause__, OSError) else error
        if first.errno is None or error.filename:
            raise
        raise OSError(first.errno, first.strerror, first.filename or str(path)) from error


def check_new(kind: str, table: Mapping[str, Any], name: str, value: Any, taken: Collection[str] = ()) -> None:
    """Raise `ValueError` if `name` is in `taken`, or is the key of something else than `value` in `table`.

    A function or class that its module defines again, because it is imported again, is the same as before.
    """
    if name in taken or (name in table and _source(table[name]) != _source(value)):
        raise ValueError(f"found a {kind} {name!r} already, expected a new name")


def _source(value: Any) -> tuple[str, ...]:
    of = value if hasattr(value, "__qualname__") else type(value)
    return of.__module__, of.__qualname__, repr(value) if dataclasses.is_dataclass(value) else ""
