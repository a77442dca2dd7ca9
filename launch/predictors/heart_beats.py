"""The beats of a recording of twelve leads, each from its onset on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiax.catalog import WINDOW, WINDOW_RATE
from cardiax.ecg.beat_windows import filtered
from cardiax.ecg.leads import LEADS
from cardiax.ecg.qrs_onset import AFTER, BEFORE, baseline, qrs_onsets
from cardiax.ecg.r_peaks import find_r_peaks
from cardiax.errors import InputError
from cardiax.launch.formats.reader import Recording
from cardiax.launch.formats.twelve_lead_beat import opened_recording, read_beat, sampling_rate, whole_leads

LONGEST = 300
"""s, the longest recording whose beats are found."""

SEARCHED = [LEADS.index(name) for name in ("II", "V5")]
"""Leads in which R peaks are found."""


def read_beats(
    source: Path | np.ndarray,
    rate: float | None,
    start: float | None,
    names: Sequence[str] | None,
    unit: str | None,
    lead_in: int = 0,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read one beat, from `start` ms on or of a recording of 500 ms, or else all beats of a longer recording.

    Args:
      source: as for `cardiax.launch.formats.twelve_lead_beat.read_beat`, and so are the arguments that follow.
      lead_in: ms from the first sample of a beat that is found to the onset of its QRS complex.

    Returns:
      The leads of each beat, float32 (n, 500, 12), mV at 1 kHz, without the baseline if beats were found; the time of
      its first sample in the recording (n,), ms; and notes for the user.

    Raises:
      InputError: the recording is not valid, or none of its beats can be trusted.
    """
    recording = opened_recording(source)
    length = (
        None
        if recording.rate is None and rate is None
        else recording.samples / sampling_rate(recording, recording.rate, rate)
    )
    if start is not None or length is None or 1000 * length <= WINDOW + 1000 * length / recording.samples:
        beat = read_beat(recording, rate, start, names, unit)
        return beat.leads[None], np.asarray([_begin(recording) if start is None else start]), beat.notes
    if length > LONGEST:
        raise InputError(
            f"{recording.path}: found {length:.0f} s, expected at most {LONGEST} s to find its beats; cut it, or "
            "give --start MS, where one beat begins"
        )
    whole = whole_leads(recording, rate, names, unit)
    found = _onsets(whole, lead_in)
    if not len(found):
        raise InputError(f"{recording.path}: found no beat, expected at least one; give --start MS, where one begins")
    beats, onsets, notes, faults, begin = [], [], (), [], _begin(recording)
    for onset in found:
        try:
            beat = read_beat(recording, rate, float(onset - lead_in + begin), names, unit)
        except InputError as error:
            faults.append((onset + begin, error))
            continue
        beats.append(beat.leads)
        onsets.append(onset)
        notes = beat.notes
    if not beats:
        raise faults[0][1]
    starts = np.asarray(onsets) - lead_in
    rest = baseline(whole, np.asarray(onsets))[starts[:, None] + np.arange(WINDOW)]
    prefix = f"{recording.path}: "
    reasons = [(onset, str(error).removeprefix(prefix).partition(";")[0]) for onset, error in faults]
    left_out = [f"beat at {onset:.0f} ms left out: {reason}" for onset, reason in reasons]
    return (np.stack(beats) - rest).astype(np.float32), starts + begin, (*notes, *left_out)


def _begin(recording: Recording) -> float:
    """Return the time of a recording's first sample, ms."""
    return 0.0 if recording.times is None else 1000 * float(recording.times[0])


def _onsets(leads: np.ndarray, lead_in: int) -> np.ndarray:
    """Return the onsets of the complexes of leads (T, 12), mV at 1 kHz, whose 500 ms lie within: int (n,), ms."""
    signals = filtered(leads[:, SEARCHED], 1000)
    peaks = find_r_peaks(signals, np.ones((1, len(SEARCHED)), bool))
    peaks = np.rint(peaks * 1000 / WINDOW_RATE).astype(int)
    peaks = peaks[(peaks >= BEFORE) & (peaks + AFTER <= len(leads))]
    onsets = qrs_onsets(leads, peaks)
    return onsets[(onsets >= lead_in) & (onsets - lead_in + WINDOW <= len(leads))]
