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
def quiet() -> Iterator[None]:
    """Discard the standard output; warnings and errors, on the standard error, are still printed."""
    token = _QUIET.set(True)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
    finally:
        _QUIET.reset(token)
