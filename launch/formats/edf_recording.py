"""Reading of EDF, EDF+ and BDF recordings through `edfio`."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.ecg.leads import MILLIVOLTS
from cardiax.errors import InputError, import_extra, raise_of_disk
from cardiax.file_checks import BDF, HEAD, kind
from cardiax.launch.formats.reader import Recording


def open_edf(path: Path) -> Recording:
    """Open the signals of the highest sampling rate among those in V, mV or µV; a note names the others.

    If none is in these units, those that state no unit are meant.

    Raises `InputError` if the file is damaged or has gaps, or the package `edfio` is not installed.
    """
    edfio = import_extra("edfio", path)
    with path.open("rb") as file:
        read = edfio.read_bdf if kind(file.read(HEAD)) == BDF else edfio.read_edf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a length that is not that of the header
            found: Any = read(path)
            signals = list(found.signals)
            # edfio puts U+FFFD in the place of a sign that is not ASCII, as µ.
            units = [re.sub("\ufffd+", "µ", signal.physical_dimension.strip().lower()) for signal in signals]
            ranges = [(*map(float, signal.digital_range), *signal.physical_range) for signal in signals]
            if any(lowest == highest for lowest, highest, *_ in ranges):
                raise ValueError("an empty digital range")
            is_continuous = found.is_continuous
            rates = [float(signal.sampling_frequency) for signal in signals]
            counts = [len(signal.digital) for signal in signals]
    except Exception as error:  # the parser of edfio may raise anything
        raise_of_disk(error, path)
        raise InputError(f"{path}: found a damaged or incomplete EDF recording, expected a whole one") from error
    if not is_continuous:
        raise InputError(f"{path}: found an EDF+ recording with gaps, expected a continuous one; export it as EDF+C")
    # A missing unit is one that a user states, as of an array.
    known: list[str] = [unit for unit in units if unit in MILLIVOLTS] or [""]
    rate = max((rate for rate, unit in zip(rates, units, strict=True) if unit in known), default=None)
    chosen = [index for index, own in enumerate(rates) if own == rate]
    if not chosen:
        raise InputError(f"{path}: found no signal in V, mV or µV, expected an ECG")
    left_out = [signal.label for index, signal in enumerate(signals) if index not in chosen]

    def part(first: int, last: int, channels: Sequence[int]) -> np.ndarray:
        columns = []
        for index in (chosen[channel] for channel in channels):
            lowest, highest, low, high = ranges[index]
            columns.append((signals[index].digital[first:last] - lowest) * (high - low) / (highest - lowest) + low)
        return np.stack(columns, axis=1)

    return Recording(
        path=path,
        names=tuple(signals[index].label for index in chosen),
        units=tuple(units[index] or None for index in chosen),
        samples=counts[chosen[0]],
        rate=rate,
        times=None,
        read=part,
        rate_from="its header",
        note=f"{', '.join(left_out)} left out: another sampling rate" if left_out else "",
    )
