"""The flag --quiet: a command that prints only warnings and errors."""

import contextlib
import contextvars
import os
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
