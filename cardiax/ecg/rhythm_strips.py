"""Choice of the stretches of a recording that show its rhythm best: a pure function of NumPy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cardiax.ecg.rhythm_summary import RUN, BeatSequence, runs_of

LENGTH = 10.0
"""Length of a strip, s."""

WHOLE = 30.0
"""A recording up to this length, s, is shown from its start to within its last second."""

SHOWN = ("V", "S", "F")
"""AAMI classes that are worth showing, most first; of other classes all but that of normal beats are."""

PAUSE = 2.0
"""The longest RR interval is shown from this length on, s."""


@dataclass(frozen=True, eq=False)
class Strip:
    """A stretch of one lead, `signal` (n,), mV at 180 Hz, with the R peaks `times` (m,), s after its first sample.

    The caption tells what it shows and when; each beat has a class of the name, which may be uncertain.
    """

    caption: str
    signal: np.ndarray
    times: np.ndarray
    names: Sequence[str]
    uncertain: Sequence[bool]


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def choose_strips(beats: BeatSequence) -> list[tuple[str, float]]:
    """Return what is worth showing and the start of its 10 s: ectopic beats, the longest RR interval, and normal
    beats; or without any of these, the most beats."""
    times, rr, names, duration = beats.times, beats.rr, beats.names, beats.duration
    if duration <= WHOLE:
        return [("", float(start)) for start in np.arange(0, max(duration - 1, 1), LENGTH)]
    events: list[tuple[str, float]] = []
    for name in SHOWN if beats.aami else [name for name in beats.classes if name != beats.normal]:
        runs = runs_of(names == name, np.isfinite(rr))
        if runs:
            longest = max(runs, key=lambda run: run[1] - run[0])
            count = longest[1] - longest[0]
            what = "first" if count == 1 else "couplet of" if count < RUN else f"longest run ({count} beats) of"
            events.append((f"{what} {name}", float(times[longest[0]])))
    if np.isfinite(rr).any() and np.nanmax(rr) >= PAUSE:
        last = int(np.nanargmax(rr))
        events.append((f"longest RR interval, {rr[last]:.2f} s", float(times[last] - rr[last] / 2)))
    chosen: list[tuple[str, float]] = []
    for what, time in events:
        start = min(max(time - LENGTH / 3, 0.0), duration - LENGTH)
        near = [index for index, (_, other) in enumerate(chosen) if abs(start - other) < LENGTH / 2]
        if near:
            chosen[near[0]] = f"{chosen[near[0]][0]}; {what}", chosen[near[0]][1]
        else:
            chosen.append((what, start))
    starts = np.arange(0, duration - LENGTH, LENGTH / 2)
    counts, others = (
        np.searchsorted(some, starts + LENGTH) - np.searchsorted(some, starts)
        for some in (times, times[names != beats.normal])
    )
    begun, ended = beats.unreadable.T
    lost = np.searchsorted(begun, starts + LENGTH) > np.searchsorted(ended, starts, "right")
    usual = np.flatnonzero((others == 0) & (counts >= 3) & ~lost)  # normal beats alone, readable
    if len(usual):
        what = "normal beats" if beats.normal == "N" else f"beats of class {beats.normal}"
        chosen.append((what, float(starts[usual[0]])))
    return chosen or [("", float(starts[np.argmax(counts)]))]
