"""The flag --quiet: a command that prints only warnings and errors; and silence about errors that are told anyway."""

import contextlib
import contextvars
import logging
import os
import sys
import warnings
from collections.abc import Iterator

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


def quiet_threads() -> None:
    """Hide what Orbax's tasks and threads print of an error that is raised, and told, as well.

    They report to an event loop that is closed by then, and some of them are never waited for.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    tell = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not (isinstance(unraisable.exc_value, RuntimeError) and "Event loop is closed" in str(unraisable.exc_value)):
            tell(unraisable)

    sys.unraisablehook = hook
