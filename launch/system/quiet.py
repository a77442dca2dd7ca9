"""The flag --quiet: a command that prints only warnings and errors; silence about errors that are reported anyway."""

import contextlib
import contextvars
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

_QUIET = contextvars.ContextVar("quiet", default=False)


def is_quiet() -> bool:
    """Return True inside `quiet`, where progress bars are hidden."""
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


THREADS = ("asyncio", "absl", "concurrent.futures")
"""Loggers that print pages of an error in a task or thread of Orbax that is raised as well."""


def quiet_threads() -> None:
    """Hide, in this process, what Orbax's tasks and threads print of an error that is also raised and reported.

    They report to an event loop that is closed by then, and some of them are never waited for. A second call changes
    nothing.
    """
    for name in THREADS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)  # replaces an equal filter
    if not isinstance(sys.unraisablehook, _Hook):
        sys.unraisablehook = _Hook(sys.unraisablehook)


class _Hook:
    def __init__(self, report: Callable[["sys.UnraisableHookArgs"], Any]):
        self.report = report

    def __call__(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if not (isinstance(unraisable.exc_value, RuntimeError) and "Event loop is closed" in str(unraisable.exc_value)):
            self.report(unraisable)
