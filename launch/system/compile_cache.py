"""Compiled programs kept in the user's cache folder, so that the next command starts without compiling them again."""

import hashlib
import os
import platform
import sys
from pathlib import Path

LIMIT = 2**30
"""Bytes that the folder may hold when a command starts; what was written first goes first."""

WORTH_KEEPING = "0.1"
"""Seconds of compilation from which a program is kept: reading one back takes some milliseconds."""


def keep_compiled_programs() -> None:
    """Have JAX, which must not be imported yet, keep compiled programs in `$XDG_CACHE_HOME/cardiax/jax`.

    Where JAX_COMPILATION_CACHE_DIR is set, that folder is used as it is, and an empty one switches this off. A program
    has the machine's instructions in it and is divided over its cores, so that each kind of machine has a folder of
    its own: homes are shared between them. A folder that cannot be written is told in one line, and the command goes
    on without.
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
        print(f"note: compiled programs are not kept ({error}); set XDG_CACHE_HOME to another folder", file=sys.stderr)
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", WORTH_KEEPING)


def machine() -> str:
    """Sixteen hexadecimal digits that differ where the processor's instructions or the cores that we may use do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = {line for line in lines if line.startswith(("model name", "flags", "CPU implementer", "Features"))}
    except OSError:  # not Linux
        told = {platform.processor()}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return hashlib.sha256("\n".join([platform.machine(), str(cores), *sorted(told)]).encode()).hexdigest()[:16]


def shrink(folder: Path, limit: int) -> None:
    """Remove the files below `folder` that were written first, until those that are left hold at most `limit` bytes."""
    files = sorted(((path.stat().st_mtime_ns, path) for path in folder.rglob("*") if path.is_file()), reverse=True)
    kept = 0
    for _, path in files:
        kept += path.stat().st_size
        if kept > limit:
            path.unlink(missing_ok=True)
