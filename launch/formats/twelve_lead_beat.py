"""Reading of the twelve leads of one beat from a user's file, at 1 kHz in mV, with checks of the signal."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np

from cardiax.catalog import WINDOW
from cardiax.ecg import lead_checks
from cardiax.ecg.beat_windows import resample
from cardiax.ecg.lead_checks import LIMB, LIMB_OF_TWO
from cardiax.ecg.leads import ELECTRODES, LEADS, Channel, parse_name, twelve_leads
from cardiax.ecg.mains_hum import mains_hum, without_hum
from cardiax.ecg.signal_quality import without_gaps
from cardiax.errors import InputError
from cardiax.launch.formats.columns import even_rate
from cardiax.launch.formats.open_recording import open_recording
from cardiax.launch.formats.reader import (
    Recording,
    channel_names,
    in_millivolts,
    other_unit,
    sampling_rate,
    stated_units,
    unit_factor,
)

CHEST = LEADS[6:]

CONTEXT = 0.25
"""Seconds read on either side of a beat for resampling, so that its ends are those of the resampled recording."""

LEAST_GAP = 0.1
"""Seconds of missing values beyond which there is a note; less may be within a beat, which is then left out."""


@dataclass(frozen=True, eq=False)
class Beat:
    """Twelve leads (500, 12), float32, mV at 1 kHz, in the order of `LEADS`, and notes for the user about the beat."""

    leads: np.ndarray
    notes: tuple[str, ...]


def read_beat(
    source: Path | np.ndarray | Recording,
    rate: float | None = None,
    start: float | None = None,
    names: Sequence[str] | None = None,
    unit: str | None = None,
) -> Beat:
    """Read and check twelve leads of 500 ms from a recording; the rest of it is not checked.

    Args:
      source: array (T, channels), or a file: .npy, a text table, or a WFDB record (.hea, .dat, .mat, or its name), or
        such a recording that is open.
      rate: sampling rate, Hz, if the file does not state it.
      start: start of the 500 ms, the onset of a beat, ms, in the times of the file if it has them; may be omitted if
        the file holds 500 ms.
      names: names of the channels, if the file does not have them; by default 12 channels are `LEADS` in order and 10
        are `ELECTRODES`.
      unit: unit of all channels, if the file states none; by default mV.

    Raises:
      InputError: the file or the signal is not valid; one line says what was found, what was expected, what to do.
    """
    recording = open_recording(source)
    path = recording.path
    channels, used, to_millivolts, notes = _used_channels(recording, names, unit)
    read = lambda first, last: in_millivolts(recording.read(first, last, used), to_millivolts)  # noqa: E731
    values, recorded, rate = _window(recording, rate, start, read)
    told = [channels[index].lead or str(channels[index].electrode) for index in used]
    if not np.isfinite(values).all():
        missing, per_ms = (values, 1.0) if np.isfinite(recorded).all() else (recorded, rate / 1000)
        sample, index = np.argwhere(~np.isfinite(missing))[0]
        raise InputError(
            f"{path}: found a missing value in {told[index]} {sample / per_ms:.0f} ms into the beat, expected mV; "
            "choose another --start, or a recording without missing values"
        )
    leads, given = _twelve(values, [channels[index] for index in used])
    recorded = recorded[np.isfinite(recorded).all(axis=1)]  # a NaN lies next to the beat: one within it was refused
    units = stated_units(recording, channels[used[0]], used[0], unit)
    for fault in _faults(leads, given, recording.names is None and names is None, recorded, rate, told, units):
        raise InputError(f"{path}: {fault}")
    return Beat(leads.astype(np.float32), tuple(filter(None, [recording.note, *notes])))


def whole_leads(
    recording: Recording, rate: float | None = None, names: Sequence[str] | None = None, unit: str | None = None
) -> tuple[Recording, Recording, np.ndarray]:
    """Read the twelve leads of a whole recording without checks of the signal; missing values are interpolated.

    Returns the recording with its samples in memory and a note on missing values; the same without hum of the mains,
    with a note if it has any; and the leads (T, 12), mV at 1 kHz, without hum. The other arguments are those of
    `read_beat`.
    """
    channels, used, to_millivolts, _ = _used_channels(recording, names, unit)
    values = recording.read(0, recording.samples, used)
    known = in_millivolts(values, to_millivolts)
    filled = np.concatenate([without_gaps(known[:, [column]]) for column in range(len(used))], axis=1)
    hertz = sampling_rate(recording, recording.rate, rate)
    gaps = np.flatnonzero(~np.isfinite(known).all(axis=1))
    note = (
        f"{len(gaps) / hertz:.2g} s have missing values, from {gaps[:1].sum() / hertz:.2f} s on: no beat is found there"
    )
    notes = [recording.note, note if len(gaps) > LEAST_GAP * hertz else ""]
    recording = clear = _in_memory(recording, used, values, notes)
    if hum := mains_hum(filled, hertz):
        filled = without_hum(filled, hertz, hum[0])
        notes.append(f"hum of the mains removed ({hum[0]:.0f} Hz, up to {hum[1]:.2g} mV)")
        clear = _in_memory(recording, used, np.where(np.isfinite(known), filled / to_millivolts, np.nan), notes)
    leads, _ = _twelve(resample(filled, hertz, 1000), [channels[index] for index in used])
    return recording, clear, leads


def _in_memory(recording: Recording, used: Sequence[int], values: np.ndarray, notes: Sequence[str]) -> Recording:
    """Return a recording whose channels `used` have the values (n, len(used)), in its units."""
    columns = {channel: column for column, channel in enumerate(used)}
    read = lambda first, last, wanted: values[first:last, [columns[channel] for channel in wanted]]  # noqa: E731
    return dataclasses.replace(recording, read=read, note="; ".join(filter(None, notes)))


def _used_channels(
    recording: Recording, names: Sequence[str] | None, unit: str | None
) -> tuple[list[Channel], list[int], np.ndarray, list[str]]:
    """Return all channels, the indices of those that are used, the factor of each of these to mV, and notes."""
    if not (known := channel_names(recording, names) or recording.default):
        count = recording.channels
        raise InputError(
            f"{recording.path}: found {count} channels without names, expected their names; give --leads "
            f"{','.join(LEADS) if count == len(LEADS) else 'I,II,V1,…'}"
        )
    channels = [parse_name(name) for name in known]
    used, notes = _expected(recording, channels, names)
    told = [str(channels[index].lead or channels[index].electrode) for index in used]
    if counts := [name for index, name in zip(used, told, strict=True) if index in recording.uncalibrated]:
        raise InputError(
            f"{recording.path}: found no gain of {', '.join(counts)} (uncalibrated ADC counts), "
            "expected ADC counts per mV; write them into the header as in 'name.dat 16 200/mV'"
        )
    factors = [
        unit_factor(recording, channels[index], index, name, unit) for index, name in zip(used, told, strict=True)
    ]
    return channels, used, np.asarray(factors) * [channels[index].sign for index in used], notes


def _expected(
    recording: Recording, channels: list[Channel], names: Sequence[str] | None
) -> tuple[list[int], list[str]]:
    """Return the indices of the channels that make twelve leads, and notes about them."""
    path, given = recording.path, names or recording.names or ()
    leads, electrodes = (_indices(path, [one[kind] for one in channels]) for kind in (0, 1))
    limbs = [name for name in LIMB if name in leads]
    absent = [name for name in CHEST if name not in leads]
    notes = []
    if not limbs and all(name in electrodes for name in ("RA", "LA", "LL", *CHEST)):
        used = [electrodes[name] for name in ELECTRODES if name != "RL"]
    elif absent or len(limbs) < 2:
        told = ", ".join(name for name in LEADS if name in leads) or "none"
        found = shorten(", ".join(given), 200, placeholder=" …") or "without names"
        expected = [*absent, *(["two of I, II, III, aVR, aVL, aVF"] if len(limbs) < 2 else [])]
        raise InputError(
            f"{path}: found the channels {found}, of which {told} are leads; expected also {', '.join(expected)}, or "
            f"the electrodes {', '.join(ELECTRODES)}; name the channels with --leads"
        )
    else:
        used = [leads[name] for name in LEADS if name in leads]
        missing = [name for name in LIMB if name not in limbs]
        notes += [f"{', '.join(missing)} computed from {' and '.join(limbs[:2])}"] if missing else []
    others = set(range(len(channels))).difference(used, [electrodes.get("RL", -1)])
    unused = [name for index, name in enumerate(given) if index in others]
    return used, [*notes, *([f"{', '.join(unused)} left out: none of the twelve leads"] if unused else [])]


def _indices(path: Path, found: Sequence[str | int | None]) -> dict[str, int]:
    names = [name for name in found if isinstance(name, str)]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: found several channels for {name}, expected one")
    return {name: index for index, name in enumerate(found) if isinstance(name, str)}


def _window(
    recording: Recording, rate: float | None, start: float | None, read: Callable[[int, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Read 500 ms from `start` ms; `read` is a function (first, last) → (last - first, channels), mV.

    Returns:
      The signal at 1 kHz, float64 (500, channels); the signal as recorded (n, channels); and its sampling rate, Hz.
    """
    path, times = recording.path, recording.times
    begins = float(times[0]) if times is not None else 0.0
    found = recording.rate
    if found is None and times is not None:  # times are uneven somewhere: only those of the beat matter
        first = int(np.searchsorted(times, begins if start is None else start / 1000 - 1e-9)) % len(times)
        part = times[first : np.searchsorted(times, times[first] + 0.5, "right")]
        found = even_rate(part)
        if found is None or start is None:
            raise InputError(f"{path}: found uneven times, expected equal steps between all samples of the beat")
        begins = float(part[0]) - first / found
    rate = sampling_rate(recording, found, rate)
    length = 1000 * recording.samples / rate
    one = 1000 / rate
    if start is None and length > WINDOW + one:
        raise InputError(
            f"{path}: found {length:.0f} ms, expected the {WINDOW} ms of one beat; give --start MS, where it begins"
        )
    ahead = 0.0 if start is None else start / 1000 - begins
    if ahead < -1e-9 or 1000 * ahead + WINDOW > length + (one if rate != 1000 else 1e-6):
        ends = 1000 * begins + length
        raise InputError(
            f"{path}: found {1000 * begins:.0f} to {ends:.0f} ms, expected {WINDOW} ms from {start or 0:g} ms on"
        )
    if rate == 1000:
        first = min(round(1000 * ahead), recording.samples - WINDOW)
        values = read(first, first + WINDOW)
        return values, values, rate
    low = max(int((ahead - CONTEXT) * rate), 0)
    high = min(int((ahead + WINDOW / 1000 + CONTEXT) * rate) + 2, recording.samples)
    values = read(low, high)
    first = round(ahead * rate) - low
    return _resampled(values, rate, ahead - low / rate), values[first : first + int(WINDOW * rate / 1000)], rate


def _resampled(values: np.ndarray, rate: float, ahead: float) -> np.ndarray:
    """Resample 500 ms to 1 kHz, from `ahead` s after the first of `values` (n, channels).

    NaN before or after the beat limits the context used for resampling; NaN within it makes the result NaN.
    """
    from scipy.interpolate import make_interp_spline

    inside = np.arange(len(values)) / rate - ahead
    outside = (inside < -1e-9) | (inside > (WINDOW - 1) / 1000 + 1 / rate)
    gaps = np.flatnonzero(outside & ~np.isfinite(values).all(axis=1))
    low = max((gap + 1 for gap in gaps if inside[gap] < 0), default=0)
    high = min((gap for gap in gaps if inside[gap] > 0), default=len(values))
    values, ahead = values[low:high], ahead - low / rate
    if not np.isfinite(values).all():
        return np.full((WINDOW, values.shape[1]), np.nan)
    dense = resample(values, rate, 1000)
    at = ahead * 1000 + np.arange(WINDOW)
    indices = np.clip(at, 0, len(dense) - 1)
    if np.allclose(at, np.rint(at), atol=1e-6):
        return dense[np.rint(indices).astype(int)]
    return make_interp_spline(np.arange(len(dense)), dense, k=3)(indices)


def _twelve(values: np.ndarray, channels: list[Channel]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Compute the twelve leads (500, 12), and return the names of the recorded limb leads."""
    if all(channel.electrode for channel in channels):
        order = [[channel.electrode for channel in channels].index(name) for name in ELECTRODES if name != "RL"]
        whole = np.insert(values[:, order], ELECTRODES.index("RL"), 0.0, axis=1)
        return np.asarray(twelve_leads(whole)), ()
    names = [channel.lead for channel in channels]
    given = tuple(name for name in LIMB if name in names)
    limb = values[:, [names.index(name) for name in given]]
    two = limb @ np.linalg.pinv(LIMB_OF_TWO[[LIMB.index(name) for name in given]]).T
    leads = np.concatenate([two @ LIMB_OF_TWO.T, values[:, [names.index(name) for name in CHEST]]], axis=1)
    leads[:, [LIMB.index(name) for name in given]] = limb
    return leads, given


def _faults(
    leads: np.ndarray,
    given: tuple[str, ...],
    unnamed: bool,
    channels: np.ndarray,
    rate: float,
    names: Sequence[str],
    units: Sequence[str],
) -> Iterator[str]:
    """Yield what makes a network's output for leads (500, 12), mV, not reliable: found, expected, what to do.

    `given` are the recorded limb leads; `channels` (n, C), mV, those of the beat as recorded, with `rate` and `names`;
    `units` are those stated of the first.
    """
    sizes, spread = np.abs(leads - np.median(leads, axis=0)).max(axis=0), float(np.ptp(leads, axis=0).max())
    if large := [name for name, size in zip(LEADS, sizes, strict=True) if size > lead_checks.LARGEST]:
        yield (
            f"found values of up to {sizes.max():.4g} in {', '.join(large)}, expected mV, at most "
            f"{lead_checks.LARGEST:g}; ADC counts must be divided by their gain; {other_unit(units, sizes.max())}"
        )
    if spikes := lead_checks.spiked_channels(channels, rate):
        yield (
            f"found a spike in {', '.join(names[index] for index in spikes)} (an artefact or a pacemaker's), expected "
            "none; choose another --start"
        )
    if 0 < spread < lead_checks.SMALLEST:
        yield (
            f"found leads of at most {spread:.3g} from their lowest to their highest sample, expected mV, "
            f"{lead_checks.SMALLEST:g} or more; {other_unit(units, spread)}"
        )
    if dead := lead_checks.dead_leads(leads):
        yield f"found no signal in {', '.join(dead)} (flat, or an electrode is off), expected all twelve leads"
    if measure := lead_checks.equalized(leads):
        yield f"found the same {measure} in all leads (normalized one by one), expected mV"
    if broken := lead_checks.broken_identity(leads, given):
        order = "; name the columns with --leads, e.g. I,II,III,aVR,aVF,aVL,V1,…" if unnamed else ""
        yield (
            f"found limb leads that break Einthoven's and Goldberger's identities: {broken}; expected III = II - I, "
            f"aVR = -(I + II)/2, aVL = I - II/2 and aVF = II - I/2{order}"
        )
    if gap := lead_checks.filled_gap(channels, rate):
        yield (
            f"found no change in any channel from {gap[0]:.0f} to {gap[1]:.0f} ms of the beat (a filled gap), expected "
            "a complete beat; choose another --start"
        )
    if railed := lead_checks.railed_channels(channels, rate):
        yield (
            f"found {', '.join(names[index] for index in railed)} at a limit of the amplifier's range for "
            f"{lead_checks.RAILED} ms or more (saturated), expected a signal that is not cut off"
        )
    if equal := lead_checks.equal_channels(channels):
        yield (
            f"found the same samples in {names[equal[0]]} and {names[equal[1]]}, expected two leads; correct the file "
            "or --leads"
        )
    if offset := lead_checks.offset_leads(leads):
        yield (
            f"found the median of {', '.join(offset)} far from 0, expected within {lead_checks.OFFSET:g} mV; remove "
            "the offset of the electrodes, e.g. by a high-pass filter"
        )
