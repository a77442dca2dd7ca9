"""Columns of tables and of record arrays: which of them hold times, and the sampling rate that follows from these."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cardiax.ecg.lead_checks import RATES
from cardiax.ecg.leads import parse_name
from cardiax.errors import InputError
from cardiax.launch.formats.reader import Recording

SECONDS: dict[str | None, float] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "microseconds", "micros"), 1e-6),
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
    **{"min": 60.0, "minutes": 60.0, "h": 3600.0, "hours": 3600.0},
}
"""Unit of time → seconds."""

TIMES = (*SECONDS, "t", "time", "timestamp", "datetime", "date", "elapsed", "zeit", "datum", "tiempo", "fecha", "temps")
"""Words of which the name of a column of times consists."""

INDICES = ("", "index", "sample", "samples", "sample #", "n", "no", "unnamed: 0")

DAY = 86_400
"""s."""

LATEST = 1e20
"""Largest time in any unit; since 1970 there have been 1.8e18 ns."""


def role(name: str) -> str:
    """Return what a column of this name holds: `time`, `index` or `signal`."""
    plain = re.sub(r"(?<=.)[\(\[{].*", "", name.lower()).strip(" _")
    words = re.findall(r"[^\W\d_]+", plain)
    is_numbered = len(words) == 1 and words[0] in (*SECONDS, "t") and re.search(r"\d", plain)  # signals: s1, s2, t3, …
    if plain not in INDICES and words and all(word in TIMES for word in words) and not is_numbered:
        return "time"
    return "index" if plain in INDICES else "signal"


def unit_of(name: str) -> str | None:
    """Return the unit in the name of a column, in lower case, or None."""
    found = re.search(r".[\(\[{]\s*([^\)\]}]+?)\s*[\)\]}]\s*$", name)
    words = re.findall(r"[^\W\d_]+", name.lower())
    if found or role(name) != "time":
        return found[1].lower() if found else parse_name(name).unit
    return next((word for word in words if word in SECONDS), None)


def recording(
    path: Path,
    names: Sequence[str] | None,
    units: Sequence[str | None],
    rows: int,
    read: Callable[[int, int, Sequence[int]], np.ndarray],
    times: tuple[Sequence[int], np.ndarray, bool] | None = None,
    stated: tuple[float | None, str] = (None, ""),
) -> Recording:
    """Return the recording of the columns that hold signals.

    Args:
      path: file of the recording.
      names: names of the columns; None if the file does not have them.
      units: unit of each column; None if it states none.
      rows: number of rows.
      read: function (first, last, columns) → float64 (last - first, columns).
      times: the column of times, after that of dates if there is one; the times as written (rows,); and True if they
        are clock times in s.
      stated: the sampling rate in a comment, Hz, or None; and the comment.

    Raises:
      InputError: the times are not valid or contradict the comment.
    """
    signals = [index for index in range(len(units)) if names is None or role(names[index]) == "signal"]
    rate, rate_from, notes, seconds = stated[0], stated[1] and f"the comment {stated[1]!r}", [], None
    if times is not None and names is not None:
        used, seconds, is_clock = times
        name, unit = names[used[-1]], units[used[-1]]
        others = [own for index, own in enumerate(names) if role(own) == "time" and index not in used]
        notes += [f"the times in {', '.join(map(repr, others))} left out, those in {name!r} read"] if others else []
        if not (is_clock or unit) and np.array_equal(np.diff(seconds), np.ones(rows - 1)):
            notes.append(
                f"the times in {name!r} count 1, 2, 3 … and are read as ms; name it sample if they are sample numbers"
            )
        seconds = seconds * _factor(path, seconds, name, "s" if is_clock else unit)
        if is_clock:  # Times with a date count from midnight of the first day.
            seconds = seconds - DAY * np.floor(seconds[0] / DAY)
        rate, rate_from = even_rate(seconds), f"the times in {name!r}"
        if stated[0] and rate and abs(stated[0] / rate - 1) > 0.01:
            told = f"{stated[0]:g} Hz in {stated[1]!r} and {rate:g} Hz from its times"
            raise InputError(f"{path}: found {told}, expected the same rate")
    return Recording(
        path=path,
        names=tuple(names[index] for index in signals) if names else None,
        units=tuple(units[index] for index in signals),
        samples=rows,
        rate=rate,
        times=seconds,
        read=lambda first, last, channels: read(first, last, [signals[channel] for channel in channels]),
        rate_from=rate_from,
        note="; ".join(notes),
    )


def _factor(path: Path, times: np.ndarray, name: str, unit: str | None) -> float:
    """Return the unit of times in seconds: the stated one, or the only one that gives a plausible sampling rate."""
    is_time = (np.abs(times) < LATEST).all() and (np.diff(times) >= 0).all()
    step = float(times[-1] - times[0]) / max(len(times) - 1, 1) if is_time else 0
    if step <= 0:
        raise InputError(
            f"{path}: found times in {name!r} that are missing or do not increase, expected an increasing time in "
            "each row"
        )
    if unit in SECONDS:
        return SECONDS[unit]
    if unit:
        raise InputError(f"{path}: found times in {unit!r}, expected s, ms, us, min or h; name the column time_ms")
    plausible = [one for one in (1.0, 1e-3, 1e-6) if RATES[0] <= 1 / (step * one) <= RATES[1]]
    if len(plausible) != 1:
        raise InputError(
            f"{path}: found a step of {step:g} between the times in {name!r}, whose unit is not given; name the column "
            "time_s or time_ms"
        )
    return plausible[0]


def even_rate(seconds: np.ndarray) -> float | None:
    """Return the sampling rate, Hz, of times that are evenly spaced up to their rounding; None if they are not."""
    if len(seconds) < 3:
        return None
    step = float(seconds[-1] - seconds[0]) / (len(seconds) - 1)
    count = np.arange(len(seconds)) - (len(seconds) - 1) / 2
    middle = float(np.mean(seconds))
    slope = float(count @ (seconds - middle) / (count @ count))  # least squares, since the end points are rounded too
    if step <= 0 or np.ptp(seconds - middle - slope * count) > 1.01 * _resolution(seconds) + 0.04 * step:
        return None
    other = np.abs(np.diff(seconds) - np.median(np.diff(seconds))) > 0.5 * _resolution(seconds) + 0.04 * step
    if 0 < np.mean(other) < 0.01:  # a lost sample: rounding would recur every few samples
        return None
    rate = 1 / slope
    return float(round(rate)) if abs(rate / max(round(rate), 1) - 1) < 2e-3 else rate


def unevenness(seconds: np.ndarray) -> str:
    """Describe times that are not evenly spaced, s, by the step that differs most from the usual one."""
    if len(seconds) < 3:
        return f"{len(seconds)} times"
    steps = np.diff(seconds)
    usual = float(np.median(steps))
    index = int(np.argmax(np.abs(steps - usual)))
    return f"uneven times (a step of {steps[index]:.4g} s after {seconds[index]:.10g} s, where {usual:.4g} s are usual)"


def _resolution(seconds: np.ndarray) -> float:
    """Return the power of ten, s, to which times are rounded; 0 if there is none."""
    for power in range(7):
        scaled = seconds * 10.0**power
        if np.abs(scaled - np.rint(scaled)).max() < 1e-3:
            return 10.0**-power
    return 0.0
