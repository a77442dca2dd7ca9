"""The flag --quiet: a command that prints only warnings and errors; and silence about errors that are raised too."""

import contextlib
import contextvars
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

_QUIET = contextvars.ContextVar("quiet", default=False)


def is_quiet() -> bool:
    """Return True inside `quiet`, where progress bars are hidden, and notes on the standard error too."""
    return _QUIET.get()


@contextlib.contextmanager
def quiet(is_asked: bool = True) -> Iterator[None]:
    """Discard the standard output if `is_asked`; warnings and errors, on the standard error, are still printed."""
    if not is_asked:
        yield
        return
    token = _QUIET.set(True)
    try:
        with open(os.devnull, "w", encoding="utf-8", errors="replace") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        _QUIET.reset(token)


def quiet_orbax() -> None:
    """Hide that Orbax opens a folder only for reading, and what its threads print of an error that is raised too."""
    for name in ("absl", "concurrent.futures"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def quiet_threads() -> None:
    """Do as `quiet_orbax`, and hide what Orbax's tasks print of an error that is raised, and reported, as well.

    They report to an event loop that is closed by then, and some of them are never waited for.
    """
    quiet_orbax()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    if getattr(sys.unraisablehook, "func", None) is not _report:  # one hook for all commands of a process
        sys.unraisablehook = functools.partial(_report, sys.unraisablehook)


def _report(report: Callable[["sys.UnraisableHookArgs"], Any], unraisable: "sys.UnraisableHookArgs") -> None:
    if not (isinstance(unraisable.exc_value, RuntimeError) and "Event loop is closed" in str(unraisable.exc_value)):
        report(unraisable)
