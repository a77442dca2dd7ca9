"""The cache of compiled programs in the user's cache folder, which saves the next command their compilation."""

import contextlib
import functools
import glob
import hashlib
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 2**30
"""Largest size of the folder when a command starts, in bytes; the oldest files are removed first."""

WORTH_KEEPING = "0.1"
"""Shortest compilation time of a cached program in seconds: reading one back takes some milliseconds."""


def keep_compiled_programs() -> None:
    """Let JAX cache compiled programs in `$XDG_CACHE_HOME/cardiax/jax`; call it before JAX is imported.

    If JAX_COMPILATION_CACHE_DIR is set, that folder is used as it is; an empty value disables the cache. Programs
    depend on the machine's instructions and number of cores, and machines may share a home, so each kind of machine
    has its own folder. If the folder cannot be written, one line reports it and the command continues without a cache.
    A file that a killed command or a full disk left incomplete, which JAX would warn of for ever, is removed.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cardiax" / "jax"
        folder = home / machine()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} cannot be written")
        shrink(home, LIMIT)
    except (OSError, RuntimeError) as error:  # a user without a home is a RuntimeError
        _say_not_kept(str(error))
        return
    warnings.showwarning = functools.partial(_heal, folder, warnings.showwarning)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", WORTH_KEEPING)


def _heal(folder: Path, plain: Callable[..., Any], message: Warning | str, *more: Any, **named: Any) -> None:
    """Remove the files of a program that JAX warns of; say in one line, once, if programs cannot be written."""
    about = re.match(r"Error (read|writ)ing persistent compilation cache entry for '([^']+)': (.*)", str(message))
    if about is None:
        plain(message, *more, **named)
        return
    for path in folder.glob(f"{glob.escape(about[2])}-*"):
        with contextlib.suppress(OSError):  # another command has removed it, or the folder cannot be written
            path.unlink()
    if about[1] == "writ":
        _say_not_kept(about[3])


@functools.cache
def _say_not_kept(why: str) -> None:
    print(f"warning: compiled programs are not kept ({why}); set XDG_CACHE_HOME to another folder", file=sys.stderr)


def machine() -> str:
    """Return 16 hexadecimal digits that identify the processor's instructions and the number of usable cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = {line for line in lines if line.startswith(("model name", "flags", "CPU implementer", "Features"))}
    except OSError:  # not Linux
        told = {platform.processor()}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return hashlib.sha256("\n".join([platform.machine(), str(cores), *sorted(told)]).encode()).hexdigest()[:16]


def shrink(folder: Path, limit: int) -> None:
    """Remove the oldest files in `folder`, recursively, until the others take at most `limit` bytes."""
    files = sorted(((path.stat().st_mtime_ns, path) for path in folder.rglob("*") if path.is_file()), reverse=True)
    kept = 0
    for _, path in files:
        kept += path.stat().st_size
        if kept > limit:
            path.unlink(missing_ok=True)
