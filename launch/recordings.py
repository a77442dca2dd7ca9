"""Twelve leads from a person's own files: NumPy arrays, CSV and WFDB records, at 1 kHz in mV, leads found by name."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.catalog import WINDOW
from cardiax.errors import InputError
from cardiax.leads import ELECTRODES, LEADS, twelve_leads

LARGEST = 30.0
"""mV; a surface ECG is smaller, so that what is larger is in another unit."""

MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}

TIME_COLUMNS = {"time_s": 1.0, "time_ms": 1e-3}
"""Names of a CSV file's column of times, and their unit in seconds."""


@dataclass(frozen=True, eq=False)
class Signals:
    """What a file holds.

    Attributes:
      values: float64 (T, C), mV.
      names: of the C channels.
      rate: samples a second; None where the file does not tell.
    """

    values: np.ndarray
    names: tuple[str, ...]
    rate: float | None


def read_leads(path: Path, rate: float | None = None, start: float | None = None) -> np.ndarray:
    """Twelve leads of 500 ms from a file: float32 (500, 12), mV at 1 kHz, in the order of `LEADS`.

    Args:
      path: .npy (T, 10) electrodes or (T, 12) leads, in mV and in the order of `ELECTRODES` or `LEADS`; .csv whose
        header names them; or a WFDB record (.hea, .dat, or the record's name).
      rate: Hz, where the file does not tell; 500 rows of .npy are taken to be at 1 kHz.
      start: ms at which the 500 ms begin, the onset of a beat; may be left out where the file holds 500 ms.

    Raises:
      InputError: in one line, what was found, what was wanted, what to do.
    """
    signals = _read(path)
    if rate is not None and signals.rate is not None and abs(rate / signals.rate - 1) > 1e-3:
        raise InputError(f"{path}: found {signals.rate:g} Hz in the file and --rate {rate:g}, wanted one; leave it out")
    rate = signals.rate or rate
    if rate is None:
        raise InputError(
            f"{path}: found {len(signals.values)} samples of unknown rate, wanted samples a second; give --rate HZ"
            + (f" or a column {' or '.join(TIME_COLUMNS)}" if path.suffix == ".csv" else "")
        )
    leads = _twelve(path, signals)
    return _window(path, leads, rate, start).astype(np.float32)


def _read(path: Path) -> Signals:
    if path.suffix == ".npy":
        signals = _read_array(path)
    elif path.suffix == ".csv":
        signals = _read_csv(path)
    elif path.suffix in ("", ".hea", ".dat"):
        signals = _read_wfdb(path)
    else:
        raise InputError(f"{path}: found a file ending in {path.suffix!r}, wanted .npy, .csv or a WFDB record (.hea)")
    if not len(signals.values):
        raise InputError(f"{path}: found no samples, wanted at least {WINDOW} ms")
    return signals


def _read_array(path: Path) -> Signals:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: found no plain NumPy array ({error}), wanted numbers as np.save writes") from error
    names = {len(ELECTRODES): ELECTRODES, len(LEADS): LEADS}
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(f"{path}: found {getattr(array, 'dtype', 'several arrays')}, wanted one array of numbers, mV")
    if array.ndim != 2 or array.shape[1] not in names:
        turn = "; transpose it" if array.ndim == 2 and array.shape[0] in names else ""
        raise InputError(
            f"{path}: found shape {array.shape}, wanted time × {len(ELECTRODES)} electrodes or {len(LEADS)} leads{turn}"
        )
    values = array.astype(np.float64)
    return Signals(values, names[array.shape[1]], 1000.0 if len(values) == WINDOW else None)


def _read_csv(path: Path) -> Signals:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = csv.reader(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: found no text ({error}), wanted comma-separated values") from error
    except ValueError as error:
        raise InputError(f"{path}: found nothing, wanted a header that names the leads") from error
    names = [name.strip() for name in header]
    values = np.empty((len(rows), len(names)))
    for place, row in enumerate(rows):
        if len(row) != len(names):
            raise InputError(
                f"{path}: found {len(row)} cells in line {place + 2}, wanted {len(names)} as in the header"
            )
        try:
            values[place] = [float(cell) for cell in row]
        except ValueError as error:
            raise InputError(f"{path}: found in line {place + 2}: {error}; wanted numbers, mV") from error
    times = [place for place, name in enumerate(names) if name.lower() in TIME_COLUMNS]
    if not times:
        return Signals(values, tuple(names), None)
    seconds = values[:, times[0]] * TIME_COLUMNS[names[times[0]].lower()]
    steps = np.diff(seconds)
    if len(steps) == 0 or not (steps > 0).all() or np.ptp(steps) > 0.01 * steps.mean():
        raise InputError(f"{path}: found uneven times in {names[times[0]]!r}, wanted one step between all samples")
    kept = [place for place in range(len(names)) if place not in times]
    # Times are often rounded: their mean step is not.
    return Signals(values[:, kept], tuple(names[place] for place in kept), len(steps) / (seconds[-1] - seconds[0]))


def _read_wfdb(path: Path) -> Signals:
    record = path.with_suffix("")
    if not record.with_suffix(".hea").exists():
        raise InputError(f"{path}: found no {record.name}.hea, wanted a WFDB record's header, or a .npy or .csv file")
    try:
        import wfdb
    except ImportError as error:
        raise InputError(
            f"{path}: found a WFDB record and no package wfdb, wanted it; run pip install 'cardiax[wfdb]'"
        ) from error
    try:
        found: Any = wfdb.rdrecord(str(record))
    except Exception as error:  # wfdb raises whatever its parser meets
        raise InputError(f"{path}: found a WFDB record that cannot be read ({error}), wanted a whole one") from error
    units = [str(unit).lower() for unit in found.units]
    foreign = [unit for unit in found.units if str(unit).lower() not in MILLIVOLTS]
    if foreign:
        raise InputError(f"{path}: found the unit {foreign[0]!r}, wanted one of V, mV, uV, nV")
    values = found.p_signal * np.asarray([MILLIVOLTS[unit] for unit in units])
    return Signals(values, tuple(found.sig_name), float(found.fs))


def _twelve(path: Path, signals: Signals) -> np.ndarray:
    """Leads (T, 12) from channels that are found by name, whatever their order and case."""
    for wanted, what in ((LEADS, "leads"), (ELECTRODES, "electrodes")):
        places = _places(path, signals.names, wanted)
        absent = [name for name, place in zip(wanted, places, strict=True) if place is None]
        if absent == ["RL"]:  # the ground, which enters no lead
            places[wanted.index("RL")], absent = 0, []
        if not absent:
            values = signals.values[:, [place for place in places if place is not None]]
            break
        if len(absent) < len(wanted) - 6:  # the chest leads bear the electrodes' names
            raise InputError(
                f"{path}: found {what} {', '.join(name for name in wanted if name not in absent)}, wanted also "
                f"{', '.join(absent)}; the network needs all {len(wanted)}"
            )
    else:
        raise InputError(
            f"{path}: found channels {', '.join(signals.names) or 'without names'}, wanted the leads "
            f"{', '.join(LEADS)} or the electrodes {', '.join(ELECTRODES)}"
        )
    if not np.isfinite(values).all():
        time, channel = np.argwhere(~np.isfinite(values))[0]
        raise InputError(f"{path}: found {values[time, channel]} in {wanted[channel]}, sample {time}, wanted mV")
    if what == "electrodes":
        values = np.asarray(twelve_leads(values.astype(np.float32)), np.float64)
    largest = np.abs(values).max(initial=0)
    if largest > LARGEST:
        raise InputError(f"{path}: found a lead of {largest:g}, wanted mV, {LARGEST:g} at most; is it in µV?")
    return values


def _places(path: Path, names: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    plain = [name.lower().removeprefix("lead").strip(" _") for name in names]
    for name in wanted:
        if plain.count(name.lower()) > 1:
            raise InputError(f"{path}: found {plain.count(name.lower())} channels {name}, wanted one")
    return [plain.index(name.lower()) if name.lower() in plain else None for name in wanted]


def _window(path: Path, leads: np.ndarray, rate: float, start: float | None) -> np.ndarray:
    """500 samples at 1 kHz from `start` ms."""
    from scipy.signal import resample_poly

    ratio = Fraction(1000 / rate).limit_denominator(1000)
    if ratio != 1:
        leads = resample_poly(leads, ratio.numerator, ratio.denominator, padtype="line")
    length = len(leads)
    if start is None and length > WINDOW:
        raise InputError(
            f"{path}: found {length} ms, wanted the {WINDOW} ms of one beat; give --start MS, where the beat begins"
        )
    first = round(start or 0)
    if not 0 <= first <= length - WINDOW:
        raise InputError(f"{path}: found {length} ms, wanted {WINDOW} from {first} ms on")
    return leads[first : first + WINDOW]
