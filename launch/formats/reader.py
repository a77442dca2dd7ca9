"""The recording that every reader returns, which is read in parts."""

import contextlib
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cardiax.ecg.lead_checks import LARGEST, RATES, SMALLEST
from cardiax.ecg.leads import MILLIVOLTS, Channel, parse_name
from cardiax.errors import InputError, naming
from cardiax.file_checks import Room, UnpackedSizeError

NAME, CHANNELS = 200, 1000
"""Largest number of characters of a channel's name, and of channels: more are no ECG, and slow to parse."""

ABSURD = 1e12
"""mV: larger than ADC counts in any unit, and small enough to be squared in float32."""

UNITS = ("v", "mv", "uv")
"""Units that a user may give."""

SHOWN = {"v": "V", "mv": "mV", "uv": "uV", "nv": "nV"}
"""Unit in lower case → as it is written."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording of several channels, whose samples stay on disk.

    Attributes:
      path: file of the recording.
      names: names of the channels; None if the file does not have them.
      units: unit of each channel as stated in the file, in lower case; None if it states none.
      samples: number of samples per channel.
      rate: sampling rate, Hz; None if the file does not state it.
      times: time of each sample in the file, s; None if it has none, and the first sample is at 0.
      read: function (first, last, channels) → float64 (last - first, channels), in the units of the file; gaps are NaN.
      rate_from: description of where the file states the rate.
      note: description of assumptions made to read the file; empty if there were none.
      uncalibrated: indices of the channels whose header has no gain; WFDB's default is assumed, 200 ADC counts per mV.
      default: names of the channels if neither the file nor the user states them; None if they cannot be assumed.
    """

    path: Path
    names: tuple[str, ...] | None
    units: tuple[str | None, ...]
    samples: int
    rate: float | None
    times: np.ndarray | None
    read: Callable[[int, int, Sequence[int]], np.ndarray]
    rate_from: str = ""
    note: str = ""
    uncalibrated: tuple[int, ...] = ()
    default: tuple[str, ...] | None = None

    def __post_init__(self):
        check_names(self.path, self.names or (), self.channels)

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.units)


def check_names(path: Path, names: Sequence[str], channels: int) -> None:
    """Raise `InputError` if a file has more channels, or a longer name of one, than an ECG has."""
    if channels > CHANNELS:
        raise InputError(
            f"{path}: found {channels:,} channels, expected at most {CHANNELS:,}; transpose a table of rows"
        )
    longest = max(names, key=len, default="")
    if len(longest) > NAME:
        raise InputError(
            f"{path}: found the name {longest[:40]!r}… of {len(longest):,} characters, expected at most {NAME} for a "
            "channel"
        )


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be gzip-compressed, whatever its name.

    Raises `InputError` within the context if the content proves to be damaged.
    """
    with naming(path), path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            room = Room(path.stat().st_size)
            yield room.stream(gzip.GzipFile(fileobj=file)) if packed else file
        except UnpackedSizeError as error:
            raise InputError(f"{path}: found a gzip file that is refused: {error}; decompress it yourself") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{path}: found damaged or incomplete gzip, expected a complete file; fetch it again"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: found bytes that are not text in {error.encoding}, expected a table of text"
            ) from error


def in_millivolts(values: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Multiply values by the unit of each channel, mV; NaN where the result is not finite or no voltage."""
    with np.errstate(all="ignore"):
        found = values * factors
        return np.where(np.abs(found) < ABSURD, found, np.nan)


def sampling_rate(recording: Recording, found: float | None, given: float | None) -> float:
    """Return the sampling rate of a recording, Hz, from what was `found` in the file and what the user has `given`.

    Raises `InputError` if there is none, the two differ, or it is not plausible.
    """
    path = recording.path
    if given is not None and found and abs(given / found - 1) > 1e-3:
        raise InputError(
            f"{path}: found {found:g} Hz in {recording.rate_from or 'its times'} and --rate {given:g}, expected one; "
            "correct the file, or leave --rate out"
        )
    rate = found or given
    if rate is None:
        raise InputError(
            f"{path}: found {recording.samples} samples and no sampling rate, expected one; give --rate HZ"
            + (" or a column time_s or time_ms" if recording.names else "")
        )
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(
            f"{path}: found a sampling rate of {rate:g} Hz, expected {RATES[0]:g} to {RATES[1]:g} Hz; give --rate in Hz"
        )
    return rate


def channel_names(recording: Recording, given: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names of the channels: `given` by the user, else those in the file, or None.

    Raises `InputError` if there are more or fewer names than channels, or one is given twice.
    """
    if given is None:
        return recording.names
    if len(given) != recording.channels:
        raise InputError(f"{recording.path}: found {recording.channels} channels, expected the {len(given)} of --leads")
    parsed = [parse_name(name) for name in given]
    plain = [one.lead or one.electrode or one.name for one in parsed]
    if twice := [name for name in dict.fromkeys(plain) if plain.count(name) > 1]:
        raise InputError(f"--leads: found {twice[0]} twice, expected a name of its own for each channel")
    return given


def unit_name(text: str) -> str:
    """Return a unit as `UNITS` has it, if it is one of them."""
    return re.sub("[µμ]", "u", text.lower())


def checked_unit(unit: str | None) -> str | None:
    """Return a unit as `UNITS` has it; raise `InputError` if it is not one of them."""
    if unit is not None and (not isinstance(unit, str) or unit_name(unit) not in UNITS):
        raise InputError(f"unit: found {unit!r}, expected V, mV or uV")
    return unit and unit_name(unit)


def stated_units(recording: Recording, channel: Channel, index: int, given: str | None) -> list[str]:
    """Return the units of a channel in lower case, as stated in the file, in its name, and by the user."""
    return [unit for unit in (recording.units[index], channel.unit, given) if unit]


def other_unit(stated: Sequence[str], size: float) -> str:
    """Return what to do about a signal whose unit is probably not the `stated` one, since its size, mV, is no ECG's."""
    if not stated:
        return "µV need --unit uV" if size > LARGEST else "volts need --unit V"
    found = size / MILLIVOLTS[stated[0]]
    fit = [unit for unit in ("V", "mV", "uV") if SMALLEST <= found * MILLIVOLTS[unit.lower()] <= LARGEST]
    told = f": the values are those of an ECG in {fit[0]}" if fit else ""
    return f"the stated unit {SHOWN.get(stated[0], stated[0])} is probably wrong{told}; correct it"


def unit_factor(recording: Recording, channel: Channel, index: int, name: str, given: str | None) -> float:
    """Return the value in mV of the unit of a channel, from the file or the name, or as `given`; by default 1.

    Raises `InputError` if the unit is not one of voltage, or another one is given.
    """
    told = stated_units(recording, channel, index, given)
    for unit in told:
        if unit not in MILLIVOLTS:
            raise InputError(f"{recording.path}: found the unit {unit!r} of {name}, expected one of V, mV, uV, nV")
    if len({MILLIVOLTS[unit] for unit in told}) > 1:
        shown = [SHOWN.get(unit, unit) for unit in told]
        by_user = given and MILLIVOLTS[given] != MILLIVOLTS[told[0]]
        last = f"--unit {shown[-1]}" if by_user else f"{shown[1]} in its name"
        raise InputError(
            f"{recording.path}: found the unit {shown[0]} of {name} and {last}, expected one; correct the file, or "
            "what you state"
        )
    return MILLIVOLTS[told[0] if told else "mv"]
