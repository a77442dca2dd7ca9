"""The parts of a long recording: their leads at 180 Hz, R peaks, and what cannot be read."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.catalog import WINDOW_LEADS, WINDOW_RATE
from cardiax.ecg import beat_windows
from cardiax.ecg.lead_checks import LARGEST, SMALLEST
from cardiax.ecg.r_peaks import REFRACTORY, find_r_peaks, likeness, skips_beats
from cardiax.ecg.signal_quality import BLUNT, FAULTS, FLATTER, NOISY, SHARP, judge, without_gaps, without_glitches
from cardiax.ecg.untrained_rhythms import paced
from cardiax.errors import InputError
from cardiax.launch.formats.long_recording import LongRecording
from cardiax.launch.formats.reader import other_unit

READABLE = 0.5
"""Least share of a recording, and of a lead in a part, that can be read."""

MOSTLY_NOISY = 0.75
"""`noisy_share` from which nothing is told of the beats."""

LIKENESS = 0.7
"""Least correlation of the usual beat with the median beat: 0.78 or more in every record of MIT-BIH, SVDB, LUDB and
CPSC 2018 at hand, and 0.66 or less in the noises of MIT-BIH's Noise Stress Test Database; in twelve leads 0.94 or more
in LUDB, and 0.3 or less in noise."""

FASTEST = 303.0
"""Highest heart rate, per minute; the refractory period of the detector allows no higher one."""

EXAMINED = 100
"""Number of beats of a part in which the spike of a pacemaker is searched for."""

LARGEST_SHOWN = 6e4
"""mV, the largest value of a lead that is kept as float16."""

CLEAR = 0.9
"""Correlation of a beat with the median beat from which it is no noise, however fast the rhythm is."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a recording.

    Attributes:
      low: first sample of the recording that was read for the part.
      signals: float32 (n, 1) or (n, 2), mV at 180 Hz from there on, filtered.
      leads: names of these.
      beats: (m,), R peaks in the part, samples of the recording.
      edges: (w + 1,), s, borders of the windows in which the part was judged.
      faults: int (w, L), indices into `cardiax.ecg.signal_quality.FAULTS` of the leads.
      ranges: (w, L), mV, from the lowest to the highest sample of each window.
      noisy: bool (w,), windows that can be read, in which no lead has QRS complexes that stand out.
      kurtosis: the median excess kurtosis of what can be read, of the lead where it is greatest; NaN without any.
      sharpness: the same of their sharpness, see `cardiax.ecg.signal_quality.BLUNT`.
      likeness: the median correlation of beats with their median, of the lead where it is greatest; NaN without any.
      skipped: True if there is an equal complex halfway between beats.
      paced: bool (k,), which of up to `EXAMINED` of its beats are of a pacemaker.
      glitches: number of samples that were taken for missing, since no ECG has such values.
    """

    low: int
    signals: np.ndarray
    leads: tuple[str, ...]
    beats: np.ndarray
    edges: np.ndarray
    faults: np.ndarray
    ranges: np.ndarray
    noisy: np.ndarray
    kurtosis: float
    sharpness: float
    likeness: float
    skipped: bool
    paced: np.ndarray
    glitches: int = 0


def read_part(
    recording: LongRecording, given: np.ndarray | None, first: int, last: int, low: int, values: np.ndarray
) -> Part:
    """Filter and judge samples `first` to `last` of a recording, and find their R peaks unless they are `given`, (k,).

    Of more than two leads the first two are taken that can be read most of the time and are not copies of each other.
    `values` (n, L), mV, are the part and some seconds around it, from sample `low` on.
    """
    rate, ratio = recording.rate, WINDOW_RATE / recording.rate
    bounds = round((first - low) * ratio), round((last - low) * ratio)
    values, glitches = without_glitches(values)
    kept, spare = [], []
    for lead, name in enumerate(recording.names):
        whole = without_gaps(values[:, [lead]])
        signal = beat_windows.filtered(whole, rate).astype(np.float32)
        edges, faults, *judged = judge(values[first - low : last - low, lead], signal[slice(*bounds), 0], rate)
        is_copy = any(np.array_equal(signal, one[2]) for one in kept)
        good = np.mean(faults == 0) >= READABLE and not is_copy
        (kept if good else spare).append((name, whole, signal, edges, faults, *judged))
        if len(kept) == WINDOW_LEADS:
            break
    names, whole, signals, (edges, *_), *judged = zip(*(kept or spare)[:WINDOW_LEADS], strict=True)
    signals, (faults, ranges, background, *shape) = np.concatenate(signals, 1), (np.stack(one, 1) for one in judged)
    if given is None:
        beats = low + (bounds[0] + find_r_peaks(signals[slice(*bounds)], faults == 0)) / ratio
    else:
        beats = given[(given >= first) & (given < last)]
    edges, at = first / rate + edges, np.rint((beats - low) * ratio).astype(int)
    alike, there = np.stack([likeness(lead, at) for lead in signals.T], axis=1), (faults == 0).any(axis=1)
    clear = alike.max(axis=1) >= CLEAR
    clear, unclear = (np.histogram(beats[chosen] / rate, edges)[0] for chosen in (clear, ~clear))
    samples = np.rint(beats - low).astype(int)
    kurtosis, sharpness = (float(np.median(one[there], axis=0).max()) if there.any() else np.nan for one in shape)
    return Part(
        low=low,
        signals=signals,
        leads=names,
        beats=beats,
        edges=edges,
        faults=faults,
        ranges=ranges,
        noisy=there & ((background > NOISY) | (faults > 0)).all(axis=1) & (clear <= unclear),
        kurtosis=kurtosis,
        sharpness=sharpness,
        likeness=float(np.median(alike, axis=0).max()) if len(beats) else np.nan,
        skipped=given is None and all(skips_beats(lead, at) for lead in signals.T),
        paced=np.any([paced(lead[:, 0], samples[:: len(samples) // EXAMINED + 1], rate) for lead in whole], axis=0),
        glitches=glitches,
    )


def unreadable_stretches(parts: Sequence[Part]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return start and end of each stretch in which no lead can be read, (k, 2), s, and why, in the first lead."""
    starts, ends = (np.concatenate([part.edges[some] for part in parts]) for some in (slice(-1), slice(1, None)))
    codes = np.concatenate([np.where((part.faults > 0).all(axis=1), part.faults[:, 0], 0) for part in parts])
    changes = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    found = [(first, after) for first, after in itertools.pairwise(changes) if codes[first]]
    stretches = np.array([(starts[first], ends[after - 1]) for first, after in found]).reshape(-1, 2)
    return stretches, tuple(FAULTS[codes[first]] for first, _ in found)


def noisy_share(parts: Sequence[Part]) -> float:
    """Return the share of noisy windows among those in which a lead can be read; 0 without any."""
    readable = sum(np.sum((part.faults == 0).any(axis=1)) for part in parts)
    return float(sum(np.sum(part.noisy) for part in parts) / max(readable, 1))


def first_leads(parts: Sequence[Part], rate: float) -> tuple[np.ndarray, tuple[tuple[float, str], ...]]:
    """Return the first lead of each part, one after another, and the start, s, and the name of each.

    The lead is float16 (m,), mV at 180 Hz, from the start of the recording, whose sampling rate is `rate`, Hz.
    """
    bounds = [round(edge * WINDOW_RATE) for part in parts for edge in (part.edges[0], part.edges[-1])]
    found = np.full(bounds[-1], np.nan, np.float16)
    for part, first, last in zip(parts, bounds[::2], bounds[1::2], strict=True):
        skipped = first - round(part.low * WINDOW_RATE / rate)
        own = np.clip(part.signals[skipped : skipped + last - first, 0], -LARGEST_SHOWN, LARGEST_SHOWN)
        found[first : first + len(own)] = own
    return found, tuple((float(part.edges[0]), part.leads[0]) for part in parts)


def refuse_what_is_no_ecg(recording: LongRecording, parts: Sequence[Part], stretches: np.ndarray) -> None:
    """Raise `InputError` for another unit than mV, and for a recording of which most cannot be read."""
    path = recording.path
    ranges = np.concatenate([np.where(part.ranges > 0, part.ranges, np.nan).max(axis=1) for part in parts])
    typical = float(np.nanmedian(ranges)) if np.isfinite(ranges).any() else 0.0
    if typical > LARGEST:
        raise InputError(
            f"{path}: found a lead whose 5 s have a range of {typical:.4g}, expected mV, at most {LARGEST:g}; ADC "
            f"counts must be divided by their gain; {other_unit(recording.units, typical)}"
        )
    if 0 < typical < SMALLEST:
        raise InputError(
            f"{path}: found leads of at most {typical:.3g} from their lowest to their highest sample, expected mV, "
            f"{SMALLEST:g} or more; {other_unit(recording.units, typical)}"
        )
    lost = float(np.sum(stretches[:, 1] - stretches[:, 0]))
    if recording.duration - lost < READABLE * recording.duration:
        codes = np.concatenate([part.faults[:, 0] for part in parts])
        why = FAULTS[int(np.argmax(np.bincount(codes[codes > 0])))]
        raise InputError(
            f"{path}: found {lost:.0f} of {recording.duration:.0f} s that cannot be read (mostly {why}), expected an "
            "ECG in at least half; check the electrodes and the file"
        )
    noisy = noisy_share(parts)
    if noisy > MOSTLY_NOISY:
        raise InputError(
            f"{path}: found QRS complexes that do not stand out from the rest in {100 * noisy:.0f} % of what can be "
            "read (noise, or a rhythm without QRS complexes), expected an ECG with clear beats; check the electrodes"
        )
    parts = [part for part in parts if len(part.beats)]
    kurtosis, sharpness = (
        np.median([(part.kurtosis, part.sharpness) for part in parts], axis=0) if parts else (0.0, 1.0)
    )
    if kurtosis < FLATTER or sharpness < BLUNT:
        raise InputError(
            f"{path}: found a wave without QRS complexes that stand out (excess kurtosis {kurtosis:.1f}, "
            f"{100 * sharpness:.0f} % of its range between {SHARP[0]:g} and {SHARP[1]:g} Hz; e.g. a sawtooth, a pulse "
            "wave, ventricular flutter), expected an ECG; check the electrodes"
        )
    refuse_unlike_beats(path, float(np.median([part.likeness for part in parts])) if parts else 1.0)
    spans = np.concatenate([np.diff(part.beats) for part in parts]) if parts else np.empty(0)
    if any(part.skipped for part in parts) or (len(spans) and np.median(spans) < 60 / FASTEST * recording.rate):
        raise InputError(
            f"{path}: found a rhythm of more than 300 /min, in which beats would be skipped, expected 300 /min or less"
        )


def refuse_unlike_beats(path: Path, likeness: float) -> None:
    """Raise `InputError` for beats of a file whose usual correlation with their median is less than `LIKENESS`."""
    if likeness < LIKENESS:
        raise InputError(
            f"{path}: found beats that are unlike each other (correlation {likeness:.2f} with their median), expected "
            f"{LIKENESS:g} or more; this may be noise"
        )


def merged_beats(parts: Sequence[Part], rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the R peaks of all parts, (n,), samples of the recording, and the index of the part of each."""
    samples = np.concatenate([part.beats for part in parts])
    owners = np.repeat(np.arange(len(parts)), [len(part.beats) for part in parts])
    kept = np.append(True, np.diff(samples) >= REFRACTORY * rate)[: len(samples)]
    crossing = np.append(False, np.diff(owners) > 0)[: len(samples)]
    return samples[kept | ~crossing], owners[kept | ~crossing]
