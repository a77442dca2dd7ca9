"""What every `register` of the package shares: a name that is taken is not given to something else."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any


def check_new(kind: str, table: Mapping[str, Any], name: str, value: Any, taken: Collection[str] = ()) -> None:
    """Raise `ValueError` if `name` is in `taken`, or is the key of something else than `value` in `table`.

    A function or class that its module defines again, because it is imported again, is the same as before.
    """
    if name in taken or (name in table and _source(table[name]) != _source(value)):
        raise ValueError(f"found a {kind} {name!r} already, expected a new name")


def _source(value: Any) -> tuple[str, ...]:
    of = value if hasattr(value, "__qualname__") else type(value)
    return of.__module__, of.__qualname__, repr(value) if dataclasses.is_dataclass(value) else ""
