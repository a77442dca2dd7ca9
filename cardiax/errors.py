"""The exception for user errors, and the error for an unknown name."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """An error in a command or in a file named by the message; the command line prints one line and exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a `name` of a `kind` that is not among `known`: the closest match, then all names."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {name!r}: {hint}known: {', '.join(names) or 'none'}")
