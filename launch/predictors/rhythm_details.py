"""What is said and shown of the beats of a recording: flags, strips, example beats, notes, warnings, comparison."""

import re
from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv

from cardiax.catalog import WINDOW_LEADS, WINDOW_RATE
from cardiax.ecg import beat_windows
from cardiax.ecg.lead_checks import LARGEST
from cardiax.ecg.rhythm_strips import LENGTH, Strip, choose_strips, clock
from cardiax.ecg.rhythm_summary import BeatSequence, Summary
from cardiax.ecg.rr_features import beat_intervals
from cardiax.ecg.untrained_rhythms import irregular_share
from cardiax.launch.formats.long_recording import LongRecording
from cardiax.launch.formats.wfdb_annotations import Beats
from cardiax.launch.predictors.influence import evenly
from cardiax.launch.predictors.recording_parts import Part, noisy_share
from cardiax.stats.beat_matching import compare, match

FEW_BEATS = 60
"""Fewer beats are a warning."""

EXAMPLES = 500
"""Largest number of beats from which the median beat of a class, and its quartiles, are computed."""

RATES = (30.0, 180.0)
"""Mean heart rates, per minute, outside of which a recording is unlike those of the training data."""

MUCH_IRREGULAR = 0.25
"""`irregular_share` that is a warning."""

FEW_PACED, MUCH_PACED = 3, 0.2
"""Least number and share of paced beats, of those examined, that are a warning."""

MUCH_FUSION = 0.05
"""Share of beats of class F that is a warning; of DS1 and SVDB only record 208 has more, with 372 of DS1's 414."""

PAUSE = 3.0
"""s, an RR interval that is a warning: a pause of 3 s or more is one of the ACC/AHA/HRS guideline on bradycardia (2018,
doi:10.1016/j.jacc.2018.10.044), and the beats in it may have been missed."""

MUCH_NOISE = 0.05
"""`noisy_share` that is a warning."""

MARGIN = 0.01
"""By how much the share of uncertain beats must surely exceed the usual one: with less, both may read "0 %"."""


def intervals_of_stretches(times: np.ndarray, rr: np.ndarray) -> np.ndarray:
    """Return `beat_intervals` (n, 3), s, of each stretch between unreadable ones; of a beat alone in one, the median.

    `times` and `rr` (n,) are in s; `rr` is NaN for the first beat of each stretch.
    """
    usual = np.nanmedian(rr) if np.isfinite(rr).any() else 1.0
    stretches = np.split(times, np.flatnonzero(~np.isfinite(rr))[1:])
    return np.concatenate(
        [beat_intervals(one) if len(one) > 1 else np.full((1, 3), usual, np.float32) for one in stretches]
    )


def flags_of(times: np.ndarray, uncertain: np.ndarray, parts: Sequence[Part], owners: np.ndarray) -> np.ndarray:
    """Return the reasons to doubt each beat, (n,): no class is likely, noise, or a lead unreadable there."""
    flags = np.where(uncertain, "uncertain", "").astype(object)
    for index, part in enumerate(parts):
        own = np.flatnonzero(owners == index)
        window = np.searchsorted(part.edges, times[own], "right") - 1
        bad = part.faults[np.clip(window, 0, len(part.faults) - 1)] > 0
        flags[own[part.noisy[np.clip(window, 0, len(part.faults) - 1)]]] += " noisy"
        for lead, name in enumerate(part.leads):
            flags[own[bad[:, lead]]] += f" {re.sub('[^0-9A-Za-z-]+', '_', name)}_unreadable"
    return np.array([flag.strip() for flag in flags], dtype=object)


def strips_of(beats: BeatSequence, uncertain: np.ndarray, parts: Sequence[Part], rate: float) -> tuple[Strip, ...]:
    """Return the strips that `choose_strips` chooses, of the first lead of the part in which each begins.

    `uncertain` are bool (n,), and `rate` is that of the recording, Hz.
    """
    strips = []
    for what, start in choose_strips(beats):
        part = next(part for part in reversed(parts) if part.edges[0] <= start or part is parts[0])
        offset = part.low / rate
        first = round((start - offset) * WINDOW_RATE)
        signal = part.signals[first : first + round(LENGTH * WINDOW_RATE), 0].copy()
        chosen = (beats.times >= start) & (beats.times < start + len(signal) / WINDOW_RATE)
        caption = f"{part.leads[0]} at {clock(start)}" + (f": {what}" if what else "")
        classes, doubts = beats.names[chosen].tolist(), uncertain[chosen].tolist()
        strips.append(Strip(caption, signal, beats.times[chosen] - start, classes, doubts))
    return tuple(strips)


def with_most_beats(parts: Sequence[Part], owners: np.ndarray) -> tuple[str, ...]:
    """Return the leads in which most beats, of the parts `owners` (n,), were read; parts may read different ones."""
    counts: dict[tuple[str, ...], int] = {}
    for part, count in zip(parts, np.bincount(owners, minlength=len(parts)).tolist(), strict=True):
        counts[part.leads] = counts.get(part.leads, 0) + count
    return max(counts, key=lambda leads: counts[leads])


def quartiles_of(
    samples: np.ndarray,
    owners: np.ndarray,
    names: np.ndarray,
    parts: Sequence[Part],
    rate: float,
    classes: Sequence[str],
) -> dict[str, np.ndarray]:
    """Return class → lower quartile, median and upper quartile, (3, 192, L), of up to `EXAMPLES` of its beats.

    They are in the L leads of `with_most_beats`.
    """
    found, leads = {}, with_most_beats(parts, owners)
    shown = np.array([part.leads == leads for part in parts])[owners]
    for name in classes:
        own = np.flatnonzero((names == name) & shown)
        own = evenly(own, EXAMPLES)
        cuts = [
            beat_windows.windows(part.signals, samples[of] - part.low, rate)
            for part, of in ((part, own[owners[own] == index]) for index, part in enumerate(parts))
            if len(of)
        ]
        if cuts:
            found[name] = np.quantile(np.concatenate(cuts)[..., : len(leads)], (0.25, 0.5, 0.75), axis=0).astype(
                np.float32
            )
    return found


def notes_of(recording: LongRecording, leads: Sequence[str], parts: Sequence[Part], is_given: bool) -> list[str]:
    """Tell which of the leads were read, which samples were not, and whether the R peaks were given."""
    more = [name for name in recording.names if name not in leads]
    notes = [f"{' and '.join(leads)} read" + (f", {', '.join(more)} not" if more else "")]
    if max(len(part.leads) for part in parts) < WINDOW_LEADS:
        notes.append("a single lead; the network was trained on two")
    if glitches := sum(part.glitches for part in parts):
        notes.append(
            f"samples taken for missing, since they are more than {LARGEST:g} mV from the median: {glitches:,}"
        )
    if is_given:
        notes.append("R peaks given, not detected")
    return notes


def warnings_of(
    beats: BeatSequence, summary: Summary, parts: Sequence[Part], uncertain: float = 0.0, usual: float | None = None
) -> tuple[str, ...]:
    """Tell what makes beats doubtful: noise, few of them, an untrained rhythm.

    The warnings about V and F need the classes of AAMI, and that about the share of `uncertain` beats the `usual_share`
    of `cardiax.stats.class_trust`: the lower end of the share's exact 95 % interval (Clopper and Pearson 1934,
    doi:10.1093/biomet/26.4.404) must exceed it by `MARGIN`.
    """
    found, noisy, aami = [], noisy_share(parts), beats.aami
    wide = np.isin(beats.names, ("V", "F")) & aami
    irregular, spiked = irregular_share(beats.rr, wide), np.concatenate([part.paced for part in parts])
    if irregular > MUCH_IRREGULAR:
        found.append(
            f"{100 * irregular:.0f} % of the rhythm is irregularly irregular, as in atrial fibrillation, which the "
            f"network was hardly trained on: do not trust {'S, V and F' if aami else 'its classes'} there"
        )
    if spiked.sum() >= FEW_PACED and spiked.mean() > MUCH_PACED:
        found.append(
            f"{100 * spiked.mean():.0f} % of the beats begin with a spike as of a pacemaker, which the network was not "
            "trained on: do not trust their classes"
        )
    fusion = summary.beats_by_class.get("F", 0) if aami else 0
    if summary.beats >= FEW_BEATS and fusion > MUCH_FUSION * summary.beats:
        found.append(
            f"{100 * fusion / summary.beats:.0f} % of the beats are called F, which is rare, and "
            "was learnt from few patients: the rhythm may be one that the network was not trained on"
        )
    doubted = round(uncertain * summary.beats)
    surely = betaincinv(doubted, summary.beats - doubted + 1, 0.025) if doubted else 0.0
    if usual is not None and summary.beats >= FEW_BEATS and surely > usual + MARGIN:
        found.append(
            f"{100 * uncertain:.0f} % of the beats are uncertain, more than in any recording with which the network "
            f"was calibrated (at most {100 * usual:.0f} %): the recording is unlike these, do not trust its classes"
        )
    if noisy > MUCH_NOISE:
        found.append(
            f"QRS complexes do not stand out in {100 * noisy:.0f} % of what can be read (noise, or ventricular "
            "flutter): beats may be missed or false there; they are flagged noisy"
        )
    if summary.longest_rr_s is not None and summary.longest_rr_s >= PAUSE:
        found.append(
            f"the longest RR interval is {summary.longest_rr_s:.1f} s, at {clock(summary.longest_rr_at_s or 0)}: a "
            "pause, or missed beats"
        )
    if summary.beats < FEW_BEATS:
        found.append(
            f"{summary.beats} beats only: each is compared with the median beat and the usual RR interval of the "
            f"recording, which need {FEW_BEATS} or more"
        )
    if summary.unreadable_percent > 20:
        found.append(f"{summary.unreadable_percent:.0f} % of the recording cannot be read, and may hold other beats")
    rate = summary.rate_mean_per_min
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        found.append(f"a mean heart rate of {rate:.0f} /min is unlike the training data: do not trust the beats")
    return tuple(found)


def compared(
    reference: Beats | None, samples: np.ndarray, labels: np.ndarray, rate: float, classes: int
) -> np.ndarray | None:
    """Return the comparison with annotated beats, outside of ventricular flutter, as EC57 has it.

    Reference beats without a class, and the beats that match them, are left out.
    """
    if reference is None:
        return None

    def outside(at: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(at), bool)
        for start, end in reference.flutter:
            inside |= (at >= start) & (at <= end)
        return ~inside

    true, found, classed = outside(reference.samples), outside(samples), reference.labels >= 0
    ours, theirs = match(reference.samples / rate, samples / rate)
    found[theirs[~classed[ours]]] = False
    true &= classed
    return compare(
        reference.samples[true] / rate, reference.labels[true], samples[found] / rate, labels[found], classes
    )
