"""Parsing, pairing and reading of the files of the UCSD/LLNL dataset, with a reason for each file left out."""

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from cardiax.datasets.storage.electrode_recording import (
    ELECTRODE_PREFIX,
    ELECTRODE_SHAPE,
    VOLTAGE_PREFIX,
    VOLTAGE_SHAPE,
    Origin,
)
from cardiax.datasets.storage.manual_files import File, LeftOut
from cardiax.errors import FAILING, InputError, listed

KEYS = ("volunteer", "pattern", "innerindex", "bcl", "gkr")
_KEY = re.compile(rf"(?:^|(?<=[_.]))({'|'.join(KEYS)})\.v?(\d+)(?=[_.]|$)")

ELECTRODE_PEAKS = (0.02, 20.0)
"""Allowed range of the largest absolute potential of a file, mV. The dataset's potentials are -5.954 to 5.473 mV."""

VOLTAGE_LOWEST = (-150.0, -40.0)
"""Allowed range of the lowest voltage of a file, mV. The dataset's voltages are -93.09 to 49.53 mV, about -85.5 mV at
rest."""


@dataclass(frozen=True)
class Pair:
    """The two files of one recording, and its simulation parameters."""

    electrodes: File
    voltage: File
    origin: Origin


def is_ours(name: str) -> bool:
    """Return True if a file name, in lower case, is that of a recording."""
    return name.endswith(".npy") and name.startswith((ELECTRODE_PREFIX.lower(), VOLTAGE_PREFIX.lower()))


def parse(file: File) -> Origin:
    """Parse the simulation parameters from a file's name: keys in any order, with the series before the first.

    A name without a volunteer, or with the same key twice, is a `ValueError`.
    """
    tail = _tail(file)
    keys = list(_KEY.finditer(tail))
    values = {match[1]: int(match[2]) for match in keys}
    if len(values) < len(keys):
        raise ValueError("a key is written twice in its name")
    if "volunteer" not in values:
        raise ValueError("no volunteer in its name")
    series = tail[: keys[0].start()].rstrip("_.")
    parent = re.split(r"[/:]", file.shown)[-2] if "/" in file.shown else ""
    folder = parent if parent.startswith("data_") else f"data_{series}"
    return Origin(**{key: values.get(key, -1) for key in KEYS}, folder=folder)


def pair(files: Iterable[File]) -> tuple[list[Pair], list[LeftOut]]:
    """Match electrode and voltage files by the tail of their names.

    Files without a partner are left out. Of several files with one name, all but one are left out if they are equal,
    and all of them if they differ.
    """
    sides: dict[str, dict[str, list[File]]] = {ELECTRODE_PREFIX: {}, VOLTAGE_PREFIX: {}}
    for file in files:
        side = sides[ELECTRODE_PREFIX if _is_electrodes(file) else VOLTAGE_PREFIX]
        side.setdefault(_tail(file), []).append(file)
    left_out = []
    for side in sides.values():
        for same in side.values():
            first, *rest = same
            contents = first.path.read_bytes() if rest else b""
            if all(file.path.read_bytes() == contents for file in rest):
                left_out += [LeftOut(file.shown, f"duplicate, equal to {first}") for file in rest]
            else:
                left_out += [LeftOut(file.shown, "duplicates that differ") for file in same]
                same.clear()
    electrodes, voltages = ({tail: same[0] for tail, same in side.items() if same} for side in sides.values())
    pairs = []
    for tail in sorted(electrodes.keys() | voltages.keys()):
        if tail not in voltages:
            left_out.append(LeftOut(electrodes[tail].shown, f"no {VOLTAGE_PREFIX}{tail}.npy"))
        elif tail not in electrodes:
            left_out.append(LeftOut(voltages[tail].shown, f"no {ELECTRODE_PREFIX}{tail}.npy"))
        else:
            try:
                pairs.append(Pair(electrodes[tail], voltages[tail], parse(electrodes[tail])))
            except ValueError as error:
                left_out += [LeftOut(side[tail].shown, str(error)) for side in (electrodes, voltages)]
    return pairs, left_out


def sound(pairs: Iterable[Pair], left_out: list[LeftOut]) -> Iterator[Pair]:
    """Yield the pairs whose files are complete, of the right shape, finite and in mV.

    The files of the other pairs are appended to `left_out`.
    """
    for one in pairs:
        for file, partner in ((one.electrodes, one.voltage), (one.voltage, one.electrodes)):
            try:
                _array(file)
            except ValueError as error:
                left_out += [LeftOut(file.shown, str(error)), LeftOut(partner.shown, "partner of a faulty file")]
                break
        else:
            yield one


def read(one: Pair) -> tuple[Origin, np.ndarray, np.ndarray]:
    """Read origin, electrodes (500, 10) and voltage (500, 75), float32, mV, of a valid pair.

    `InputError` if a file has changed since `sound`.
    """
    arrays = []
    for file in (one.electrodes, one.voltage):
        try:
            arrays.append(_array(file))
        except ValueError as error:
            raise InputError(f"{file.shown}: {error}, expected it as before; run the same command again") from error
    return one.origin, arrays[0], arrays[1]


def _is_electrodes(file: File) -> bool:
    return file.name.lower().startswith(ELECTRODE_PREFIX.lower())


def _tail(file: File) -> str:
    return PurePosixPath(file.name).stem[len(ELECTRODE_PREFIX if _is_electrodes(file) else VOLTAGE_PREFIX) :]


def _array(file: File) -> np.ndarray:
    """Read the array of a file as float32 in C order; raise a `ValueError` that states its fault."""
    electrodes = _is_electrodes(file)
    shape, other = (ELECTRODE_SHAPE, VOLTAGE_SHAPE) if electrodes else (VOLTAGE_SHAPE, ELECTRODE_SHAPE)
    what = file.kind()
    if what != "a NumPy array":
        raise ValueError(f"not a complete array of numbers (found {what or 'something else'})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a header by Python 2, or one with absurd sizes
            array: Any = np.load(file.path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # the header parser of np.load may raise anything
        if isinstance(error, OSError) and error.errno in FAILING:
            raise
        raise ValueError(f"not a complete array of numbers ({str(error).partition(chr(10))[0]})") from error
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        raise ValueError(f"found {array.dtype}, expected float32 or float64")
    if array.shape != shape:
        hint = {shape[::-1]: ", transposed", other: ", those of its partner: exchanged"}.get(array.shape, "")
        raise ValueError(f"found shape {array.shape}{hint}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError("found NaN or infinity")
    _check_unit(array, electrodes)
    return np.ascontiguousarray(array, np.float32)


def _check_unit(array: np.ndarray, electrodes: bool) -> None:
    """Raise `ValueError` if values are out of the range of electrodes or transmembrane voltages in mV."""
    value = np.abs(array).max() if electrodes else array.min()
    low, high = ELECTRODE_PEAKS if electrodes else VOLTAGE_LOWEST
    if low <= value <= high and (electrodes or array.max() <= -low):
        return
    for unit, factor in (("V", 1e3), ("µV", 1e-3)):
        if low <= float(value) * factor <= high and value:
            raise ValueError(f"found values in {unit}, expected mV")
    expected = "electrodes" if electrodes else "transmembrane voltages"
    raise ValueError(
        "found a constant" if array.min() == array.max() else f"found values out of the range of {expected} in mV"
    )


def summary(left_out: list[LeftOut], used: int) -> list[str]:
    """Return one line for each kind of fault, with its count and the first file names."""
    kinds: dict[str, list[str]] = {}
    for one in left_out:
        kind = "duplicate, equal" if one.reason.startswith("duplicate, equal") else one.reason
        kind = "no partner" if one.reason.startswith(("no VmData_", "no pECGData_")) else kind
        kinds.setdefault(kind, []).append(re.split(r"[/:]", one.shown)[-1])
    lines = [f"{used} recordings; {len(left_out)} files left out"] if left_out else []
    lines += [f"left out, {kind}: {len(names)} ({listed(names, 3)})" for kind, names in sorted(kinds.items())]
    return lines
