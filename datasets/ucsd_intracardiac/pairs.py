"""The files of the UCSD/LLNL dataset: found, named, paired and read one pair at a time, each fault with its reason."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.datasets.recording import ELECTRODE_PREFIX, ELECTRODE_SHAPE, VOLTAGE_PREFIX, VOLTAGE_SHAPE, Origin
from cardiax.errors import InputError

ARCHIVES = (".tgz", ".tar.gz")
KEYS = ("volunteer", "pattern", "innerindex", "bcl", "gkr")
_KEY = re.compile(rf"(?:^|(?<=[_.]))({'|'.join(KEYS)})\.v?(\d+)(?=[_.]|$)")


@dataclass(frozen=True)
class Pair:
    """The two files of one recording, and how it was simulated."""

    electrodes: Path
    voltage: Path
    origin: Origin


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why."""

    path: Path
    reason: str


def is_ours(path: Path) -> bool:
    """Whether a file's name is that of a recording."""
    return path.suffix == ".npy" and path.name.startswith((ELECTRODE_PREFIX, VOLTAGE_PREFIX))


def find(folder: Path) -> tuple[list[Path], list[Path]]:
    """The recordings' files and the archives anywhere below a folder, each sorted by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if is_ours(path)], [path for path in files if path.name.endswith(ARCHIVES)]


def extract(archive: Path, folder: Path) -> list[Path]:
    """Extract an archive's recordings below `folder`, keeping its folders; returns the files.

    Links, devices and paths that lead out of the folder are refused, whatever the archive says.

    Raises:
      InputError: the archive is damaged or would write outside of `folder`.
    """
    written = []
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isfile() and is_ours(Path(member.name)):
                    tar.extract(member, folder, filter="data")
                    written.append(folder / member.name)
    except tarfile.FilterError as error:
        raise InputError(f"{archive}: found {error}, wanted paths within the archive; fetch it anew") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{archive}: found a damaged archive ({error}), wanted a .tgz; fetch it anew") from error
    return written


def parse(path: Path) -> Origin:
    """How the recording of a file was simulated, from its name: keys in any order, the series before the first.

    Raises:
      ValueError: the name says nothing of the volunteer, or one thing twice.
    """
    tail = _tail(path)
    keys = list(_KEY.finditer(tail))
    values = {match[1]: int(match[2]) for match in keys}
    if len(values) < len(keys):
        raise ValueError("a key is written twice in its name")
    if "volunteer" not in values:
        raise ValueError("no volunteer in its name")
    series = tail[: keys[0].start()].rstrip("_.")
    parent = path.parent.name
    folder = parent if parent.startswith("data_") else f"data_{series}"
    return Origin(**{key: values.get(key, -1) for key in KEYS}, folder=folder)


def pair(files: Iterable[Path]) -> tuple[list[Pair], list[LeftOut]]:
    """Match electrodes and voltages by the tail of their names; what has no partner, or one too many, is left out."""
    sides: dict[str, dict[str, Path]] = {ELECTRODE_PREFIX: {}, VOLTAGE_PREFIX: {}}
    left_out = []
    for path in files:
        side = sides[ELECTRODE_PREFIX if path.name.startswith(ELECTRODE_PREFIX) else VOLTAGE_PREFIX]
        first = side.setdefault(_tail(path), path)
        if first is not path:
            left_out.append(LeftOut(path, f"duplicate of {first}"))
    electrodes, voltages = sides.values()
    pairs = []
    for tail in sorted(electrodes.keys() | voltages.keys()):
        if tail not in voltages:
            left_out.append(LeftOut(electrodes[tail], f"no {VOLTAGE_PREFIX}{tail}.npy"))
        elif tail not in electrodes:
            left_out.append(LeftOut(voltages[tail], f"no {ELECTRODE_PREFIX}{tail}.npy"))
        else:
            try:
                pairs.append(Pair(electrodes[tail], voltages[tail], parse(electrodes[tail])))
            except ValueError as error:
                left_out.append(LeftOut(electrodes[tail], str(error)))
    return pairs, left_out


def sound(pairs: Iterable[Pair], left_out: list[LeftOut]) -> Iterator[Pair]:
    """The pairs whose files are whole, of the right shape and finite; the faults of the others join `left_out`."""
    for one in pairs:
        for path, shape in ((one.electrodes, ELECTRODE_SHAPE), (one.voltage, VOLTAGE_SHAPE)):
            try:
                _array(path, shape)
            except ValueError as error:
                left_out.append(LeftOut(path, str(error)))
                break
        else:
            yield one


def read(one: Pair) -> tuple[Origin, np.ndarray, np.ndarray]:
    """Origin, electrodes (500, 10) and voltage (500, 75), float32 mV, of a sound pair."""
    return one.origin, _array(one.electrodes, ELECTRODE_SHAPE), _array(one.voltage, VOLTAGE_SHAPE)


def _tail(path: Path) -> str:
    return path.stem.removeprefix(ELECTRODE_PREFIX).removeprefix(VOLTAGE_PREFIX)


def _array(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """The array of a file as float32 in C order; a `ValueError` that says what is wrong with it."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"not a whole array of numbers ({str(error).partition(chr(10))[0]})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise ValueError(f"found {getattr(array, 'dtype', 'an archive')}, wanted float32 or float64")
    if array.shape != shape:
        raise ValueError(f"found shape {array.shape}, wanted {shape}")
    if not np.isfinite(array).all():
        raise ValueError("found NaN or infinity")
    return np.ascontiguousarray(array, np.float32)


def summary(left_out: list[LeftOut], used: int) -> list[str]:
    """One line for each kind of fault, with its number and the first names."""
    kinds: dict[str, list[str]] = {}
    for one in left_out:
        kind = "duplicate" if one.reason.startswith("duplicate") else one.reason
        kind = "no partner" if one.reason.startswith(("no VmData_", "no pECGData_")) else kind
        kinds.setdefault(kind, []).append(one.path.name)
    lines = [f"{used} recordings; {len(left_out)} files left out"] if left_out else []
    for kind, names in sorted(kinds.items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"left out, {kind}: {len(names)} ({', '.join(names[:3])}{more})")
    return lines
