"""The beats of a recording of twelve leads, each from its onset on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.catalog import WINDOW, WINDOW_RATE
from cardiax.ecg.beat_windows import filtered
from cardiax.ecg.leads import LEADS
from cardiax.ecg.qrs_onset import AFTER, BASELINE, BEFORE, baseline, begins_with_complex, qrs_onsets
from cardiax.ecg.r_peaks import find_r_peaks
from cardiax.errors import InputError
from cardiax.launch.formats.columns import unevenness
from cardiax.launch.formats.open_recording import open_recording
from cardiax.launch.formats.reader import sampling_rate
from cardiax.launch.formats.twelve_lead_beat import read_beat, whole_leads
from cardiax.launch.predictors.recording_parts import refuse_unlike_beats

LONGEST = 300
"""s, the longest recording whose beats are found."""

SEARCHED = [LEADS.index(name) for name in ("II", "V5")]
"""Leads in which R peaks are found."""

SHOWN = 10_000
"""ms, the length of the recording that is drawn on paper."""

SLOWEST = 4.0
"""s, the greatest mean distance of beats."""


@dataclass(frozen=True, eq=False)
class FoundBeats:
    """The beats of one recording.

    Attributes:
      leads: float32 (n, 500, 12), mV at 1 kHz; without the baseline, unless nothing is recorded before the onset.
      onsets: (n,), ms, the onset of each beat in the times of the recording.
      lead_in: ms from the first sample of each beat to its onset.
      notes: notes for the user.
      recorded: (10000, 12), mV at 1 kHz, the first 10 s, each lead about its median; None of a shorter recording.
    """

    leads: np.ndarray
    onsets: np.ndarray
    lead_in: int
    notes: tuple[str, ...]
    recorded: np.ndarray | None = None


def read_beats(
    source: Path | np.ndarray,
    rate: float | None,
    start: float | None,
    names: Sequence[str] | None,
    unit: str | None,
    lead_in: int = 0,
) -> FoundBeats:
    """Read one beat, from `start` ms on or of a recording of 500 ms, or else all beats of a longer recording.

    `lead_in` are the ms from the first sample of a beat to the onset of its QRS complex; a beat before which fewer are
    recorded begins with its onset. For the other arguments see `cardiax.launch.formats.twelve_lead_beat.read_beat`.
    Raises `InputError` if the recording is not valid, or its beats cannot be trusted.
    """
    recording = open_recording(source)
    path, begin = recording.path, 0.0 if recording.times is None else 1000 * float(recording.times[0])
    is_known = rate is not None or recording.rate is not None
    length = recording.samples / sampling_rate(recording, recording.rate, rate) if is_known else 0.0
    clear, whole = recording, None
    is_one = 1000 * length <= WINDOW + 1000 * length / recording.samples
    if not is_one and length <= LONGEST and (recording.rate is not None or recording.times is None):
        recording, clear, whole = whole_leads(recording, rate, names, unit)
    if start is not None or is_one:
        beat = read_beat(recording, rate, start, names, unit)
        if not begins_with_complex(beat.leads):
            raise _no_complex(path, begin if start is None else start)
        if start is None or start - begin < max(lead_in, -BASELINE[0]):
            return FoundBeats(beat.leads[None], np.asarray([begin if start is None else start]), 0, beat.notes)
        beat, before = (read_beat(clear, rate, start + by, names, unit) for by in (-lead_in, BASELINE[0]))
        rest = np.median(before.leads[: BASELINE[1] - BASELINE[0]], axis=0)
        return FoundBeats((beat.leads - rest)[None], np.asarray([start]), lead_in, beat.notes)
    if recording.rate is None and recording.times is not None:
        raise InputError(
            f"{path}: found {unevenness(recording.times)}, expected equal steps between all samples to find the beats; "
            "give --start MS, where one begins"
        )
    if whole is None:
        raise InputError(
            f"{path}: found {length:.0f} s, expected at most {LONGEST} s to find its beats; cut it, or give --start "
            "MS, where one begins"
        )
    onsets = _onsets(whole, lead_in)
    if len(onsets) < max(1.0, length / SLOWEST):
        raise InputError(
            f"{path}: found {len(onsets)} beats in {length:.0f} s, expected one every {SLOWEST:g} s or more often; "
            "give --start MS, where one begins"
        )
    beats, kept, notes, faults = [], [], (), []
    for onset in onsets:
        try:
            beat = read_beat(recording, rate, float(onset - lead_in + begin), names, unit)
            if clear is not recording:  # hum hides neither a gap nor saturation
                beat = read_beat(clear, rate, float(onset - lead_in + begin), names, unit)
        except InputError as error:
            faults.append((onset + begin, error))
            continue
        beats.append(beat.leads)
        kept.append(onset)
        notes = beat.notes
    if not beats:
        raise faults[0][1]
    at, leads = np.asarray(kept), np.stack(beats)
    if len(at) > 2:
        found = leads - _rest(whole, at, lead_in)
        usual = np.median(found, axis=0).ravel()
        refuse_unlike_beats(path, float(np.median([np.corrcoef(beat.ravel(), usual)[0, 1] for beat in found])))
    begins = np.array([begins_with_complex(beat[lead_in:]) for beat in leads])  # in short recordings T waves are found
    faults += [(onset + begin, _no_complex(path, onset + begin)) for onset in at[~begins]]
    if not begins.any():
        raise faults[-1][1]
    at, leads = at[begins], leads[begins]
    reasons = [(onset, str(error).removeprefix(f"{path}: ").partition(";")[0]) for onset, error in faults]
    left_out = [f"beat at {onset:.0f} ms left out: {reason}" for onset, reason in reasons]
    first = whole[:SHOWN] - np.median(whole[:SHOWN], axis=0) if len(whole) >= SHOWN else None
    found = (leads - _rest(whole, at, lead_in)).astype(np.float32)
    return FoundBeats(found, at + begin, lead_in, (*notes, *left_out), first)


def _rest(whole: np.ndarray, onsets: np.ndarray, lead_in: int) -> np.ndarray:
    """Return the baseline (n, 500, 12) of the beats with these onsets, int (n,), ms, in leads (T, 12)."""
    return baseline(whole, onsets)[onsets[:, None] - lead_in + np.arange(WINDOW)]


def _no_complex(path: Path, onset: float) -> InputError:
    return InputError(
        f"{path}: found no QRS complex that begins at {onset:g} ms, expected the onset of a beat; choose another "
        "--start, or leave it out to find the beats of a longer recording"
    )


def _onsets(leads: np.ndarray, lead_in: int) -> np.ndarray:
    """Return the onsets of the complexes of leads (T, 12), mV at 1 kHz, whose 500 ms lie within: int (n,), ms."""
    signals = filtered(leads[:, SEARCHED], 1000)
    peaks = find_r_peaks(signals, np.ones((1, len(SEARCHED)), bool))
    peaks = np.rint(peaks * 1000 / WINDOW_RATE).astype(int)
    peaks = peaks[(peaks >= BEFORE) & (peaks + AFTER <= len(leads))]
    onsets = qrs_onsets(leads, peaks)
    return onsets[(onsets >= lead_in) & (onsets - lead_in + WINDOW <= len(leads))]
