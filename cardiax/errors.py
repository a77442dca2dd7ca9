"""The one exception for a user's mistake, and the near match that answers an unknown name."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """A mistake in a command, or in a file that the message names: the command line prints one line and exits 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a `name` that is not among the `known` ones of a `kind`: the nearest match, then the list."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {name!r}: {hint}known: {', '.join(names) or 'none'}")
