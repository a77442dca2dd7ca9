"""Reading of the leads of a long recording from a user's file, in mV and in parts."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.ecg.beat_windows import lead_order, resampling
from cardiax.ecg.leads import MILLIVOLTS, parse_name
from cardiax.errors import InputError
from cardiax.launch.formats.columns import unevenness
from cardiax.launch.formats.open_recording import open_recording
from cardiax.launch.formats.reader import channel_names, in_millivolts, sampling_rate, stated_units, unit_factor

RATES = (100.0, 5000.0)
"""Sampling rates at which R peaks can be found, Hz."""

BLOCK = 2_000_000
"""Largest number of values read from a file at a time."""

_OTHER = re.compile(
    r"resp|pleth|ppg|spo2|sao2|co2|abp|\bart\b|\bcvp\b|\bpap\b|pressure|\bacc|accel|gyro|temp|marker|event|trigger|"
    r"annot|\beeg|\bemg|\beog|\bhr\b|pulse",
    re.IGNORECASE,
)
"""Names of channels that are not leads."""


@dataclass(frozen=True, eq=False)
class LongRecording:
    """The leads of a recording, which are read in parts.

    Attributes:
      path: file of the recording.
      names: names of the leads, each once, those that a classifier prefers first.
      units: units stated of the first lead, in lower case; empty if none is.
      rate: sampling rate, Hz.
      samples: number of samples per lead.
      notes: how the file was understood.
      read: function (first, last) → float64 (last - first, leads), mV, missing ones NaN.
    """

    path: Path
    names: tuple[str, ...]
    units: Sequence[str]
    rate: float
    samples: int
    notes: tuple[str, ...]
    read: Callable[[int, int], np.ndarray]

    @property
    def duration(self) -> float:
        """The length, s."""
        return self.samples / self.rate

    def parts(self, length: float, context: float) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """Read the recording in parts of about `length` s, with `context` s more on either side where there are.

        Yields:
          The first sample of a part and the one after its last; the first sample read; and the samples read, float64
          (n, L), mV, missing ones NaN. A part begins at a whole number of samples of 180 Hz too.
        """
        unit = resampling(self.rate).denominator
        around = unit * int(np.ceil(context * self.rate / unit))
        count = max(round(self.duration / length), 1)
        bounds = [min(unit * round(index * self.samples / count / unit), self.samples) for index in range(count)]
        low, values = 0, np.empty((0, len(self.names)))
        for first, last in itertools.pairwise([*bounds, self.samples]):
            start, stop = max(first - around, 0), min(last + around, self.samples)
            values = np.concatenate([values[start - low :], self.read(low + len(values), stop)])
            low = start
            yield first, last, low, values


def read_leads(
    source: Path | np.ndarray, rate: float | None = None, names: Sequence[str] | None = None, unit: str | None = None
) -> LongRecording:
    """Open a recording of one or more leads: an array (T, leads) or (T,), or a file.

    `rate`, Hz, the `names` of all channels and their `unit` (by default mV) are those that the file does not state.
    Raises `InputError` if the file is not valid, or has no lead.
    """
    recording = open_recording(source)
    path = recording.path
    told = list(channel_names(recording, names) or [f"channel {index + 1}" for index in range(recording.channels)])
    parsed = [parse_name(name) for name in told]
    is_lead = [
        (recording.units[index] or one.unit or "mv") in MILLIVOLTS and (one.lead or not _OTHER.search(told[index]))
        for index, one in enumerate(parsed)
    ]
    if not any(is_lead):
        units = [recording.units[index] or one.unit for index, one in enumerate(parsed)]
        found = [f"{one.name} ({unit})" if unit else one.name for one, unit in zip(parsed, units, strict=True)]
        raise InputError(
            f"{path}: found no lead among the channels {', '.join(found) or 'none'}, expected one in V, mV or uV"
        )
    if recording.rate is None and recording.times is not None:
        raise InputError(
            f"{path}: found {unevenness(recording.times)}, expected equal steps between all samples; split the file "
            "there, or write missing samples as empty cells"
        )
    hertz = sampling_rate(recording, recording.rate, rate)
    if not RATES[0] <= hertz <= RATES[1]:
        raise InputError(
            f"{path}: found a sampling rate of {hertz:g} Hz, expected {RATES[0]:g} to {RATES[1]:g} Hz to find R peaks"
        )
    leads = [index for index, one in enumerate(is_lead) if one]
    short = _told_apart([parsed[index].lead or parsed[index].name for index in leads])
    order = lead_order(short)
    leads, short = [leads[index] for index in order], [short[index] for index in order]
    factors = [parsed[index].sign * unit_factor(recording, parsed[index], index, told[index], unit) for index in leads]
    left_out = [name for name, one in zip(told, is_lead, strict=True) if not one]
    notes = [recording.note, f"{', '.join(left_out)} left out: no ECG leads" if left_out else ""]
    if counts := [told[index] for index in sorted(leads) if index in recording.uncalibrated]:
        notes.append(f"no gain of {', '.join(counts)} in the header: 200 ADC counts per mV assumed, as WFDB does")

    def read(first: int, last: int) -> np.ndarray:
        found, step = np.empty((last - first, len(leads))), max(BLOCK // recording.channels, 1)
        for start in range(first, last, step):
            stop = min(start + step, last)
            found[start - first : stop - first] = in_millivolts(recording.read(start, stop, leads), np.asarray(factors))
        return found

    units = stated_units(recording, parsed[leads[0]], leads[0], unit)
    return LongRecording(path, tuple(short), units, hertz, recording.samples, tuple(filter(None, notes)), read)


def _told_apart(names: list[str]) -> list[str]:
    """Number the names that occur before: ECG, ECG 2, ECG 3."""
    found: list[str] = []
    for name in names:
        own, number = name, 1
        while own in found or (number > 1 and own in names):
            number += 1
            own = f"{name} {number}"
        found.append(own)
    return found
