"""Checks of the arguments of `predict` in Python, where the command line has checked its own."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.errors import InputError


def as_source(ecg: Any) -> Path | np.ndarray:
    """Return a path, or the array of anything else; a data frame becomes an array with the names of its columns."""
    if isinstance(ecg, str | Path):
        return Path(ecg)
    names = list(map(str, getattr(ecg, "columns", ())))
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"ecg: found two columns {twice[0]!r}, expected a name of its own for each")
    try:
        return np.asarray(ecg.to_records(index=False) if hasattr(ecg, "to_records") else ecg)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"ecg: found {type(ecg).__name__} that is no array, expected a file or an array (T, channels) of numbers"
        ) from error


def as_number(name: str, value: Any, unit: str, positive: bool = False) -> float | None:
    """Return a finite number, or None for None."""
    if value is None:
        return None
    try:
        found = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or (positive and found <= 0):
        raise InputError(f"{name}: found {value!r}, expected a {'positive ' * positive}number, {unit}")
    return found


def as_names(leads: Any) -> Sequence[str] | None:
    """Return names of channels as a list, or None for None."""
    if leads is None:
        return None
    found = [leads] if isinstance(leads, str) else list(leads)
    if not all(isinstance(name, str) for name in found):
        raise InputError(f"leads: found {leads!r}, expected the name of each channel, e.g. ['II', 'V1']")
    return [str(name) for name in found]
