"""The beats of a recording, and a summary of their rhythm: a pure function of NumPy arrays."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from cardiax.catalog import AAMI_CLASSES, is_aami

AVERAGED = 10
"""Number of successive RR intervals whose mean gives the slowest and the fastest heart rate."""

RUN = 3
"""Least number of successive ectopic beats that are a run; two are a couplet."""

ECTOPIC = ("S", "V")
"""AAMI classes whose couplets and runs are counted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BeatSequence:
    """The beats of a recording, in order.

    Attributes:
      times: (n,), s, R peaks after the start of the recording.
      rr: (n,), s, the RR interval before each beat; NaN for the first one and across unreadable stretches.
      names: (n,), class of each beat, one of the `classes`.
      unreadable: (k, 2), start and end of each stretch that cannot be read, s.
      duration: length of the recording, s.
      classes: names of the classes, e.g. AAMI's.
      normal: the class of normal beats.
    """

    times: np.ndarray
    rr: np.ndarray
    names: np.ndarray
    unreadable: np.ndarray
    duration: float
    classes: Collection[str] = AAMI_CLASSES
    normal: str = "N"

    @property
    def aami(self) -> bool:
        """True if the classes are AAMI's, see `is_aami`."""
        return is_aami(self.classes)


@dataclass(frozen=True)
class Ectopy:
    """The ectopic beats of one class, in percent of all beats.

    A couplet is exactly two in succession, a run three or more. The longest run has 0 beats, at the time None of its
    first beat, without one.
    """

    beats: int
    percent: float
    couplets: int
    runs: int
    longest_run_beats: int
    longest_run_at_s: float | None


@dataclass(frozen=True)
class Summary:
    """The rhythm of a recording. Values are None where there are too few beats.

    The least and the most are of mean heart rates over ten successive RR intervals, or as many as there are, without
    unreadable stretches within, as is the longest RR interval; `at` is where they start. `ectopic` has classes S and V.
    """

    duration_s: float
    unreadable_s: float
    unreadable_percent: float
    beats: int
    beats_by_class: dict[str, int]
    rate_mean_per_min: float | None
    rate_least_per_min: float | None
    rate_least_at_s: float | None
    rate_most_per_min: float | None
    rate_most_at_s: float | None
    longest_rr_s: float | None
    longest_rr_at_s: float | None
    ectopic: dict[str, Ectopy]


def rr_intervals(times: np.ndarray, unreadable: np.ndarray) -> np.ndarray:
    """Return the RR interval that ends at each beat: (n,), s; NaN for the first beat and across unreadable stretches.

    `times` (n,) of the beats and `unreadable` (k, 2), start and end of each stretch, are in s and in order.
    """
    begun = np.searchsorted(unreadable[:, 0], times[1:])
    over = np.searchsorted(unreadable[:, 1], times[:-1], "right")
    return np.append(np.nan, np.where(begun > over, np.nan, np.diff(times)))[: len(times)]


def runs_of(mask: np.ndarray, joined: np.ndarray) -> list[tuple[int, int]]:
    """Return the start and stop index of each run of beats in `mask` (n,), each `joined` (n,) to the beat before it."""
    found: list[tuple[int, int]] = []
    for index in np.flatnonzero(mask).tolist():
        if found and found[-1][1] == index and joined[index]:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


def summarize(beats: BeatSequence) -> Summary:
    """Summarize the rhythm of a recording; the couplets and runs of `ECTOPIC` are counted if the classes are AAMI's."""
    times, rr, names = beats.times, beats.rr, beats.names
    known = np.flatnonzero(np.isfinite(rr))
    mean = 60 / float(np.mean(rr[known])) if len(known) else None
    least = most = longest = (None, None)
    if len(known):
        size = min(AVERAGED, len(known))
        sums = np.convolve(np.where(np.isfinite(rr), rr, 0.0), np.ones(size), "valid")
        whole = np.convolve(np.isfinite(rr).astype(float), np.ones(size), "valid") > size - 0.5
        rates = np.where(whole, 60 * size / np.where(whole, sums, 1.0), np.nan)
        if whole.any():
            ends = int(np.nanargmin(rates)), int(np.nanargmax(rates))
            least, most = ((float(rates[end]), float(times[end] - rr[end])) for end in ends)
        last = known[np.argmax(rr[known])]
        longest = float(rr[last]), float(times[last] - rr[last])
    lost = float(np.sum(beats.unreadable[:, 1] - beats.unreadable[:, 0]))
    return Summary(
        duration_s=float(beats.duration),
        unreadable_s=lost,
        unreadable_percent=100 * lost / beats.duration,
        beats=len(times),
        beats_by_class={name: int(np.sum(names == name)) for name in beats.classes},
        rate_mean_per_min=mean,
        rate_least_per_min=least[0],
        rate_least_at_s=least[1],
        rate_most_per_min=most[0],
        rate_most_at_s=most[1],
        longest_rr_s=longest[0],
        longest_rr_at_s=longest[1],
        ectopic={name: _ectopy(beats, name) for name in ECTOPIC if beats.aami and name in beats.classes},
    )


def _ectopy(beats: BeatSequence, name: str) -> Ectopy:
    mask = beats.names == name
    found = runs_of(mask, np.isfinite(beats.rr))
    lengths = np.array([stop - start for start, stop in found], int)
    longest = int(np.argmax(lengths)) if len(lengths) and lengths.max() >= RUN else None
    return Ectopy(
        beats=int(mask.sum()),
        percent=100 * float(mask.mean()) if len(mask) else 0.0,
        couplets=int(np.sum(lengths == 2)),
        runs=int(np.sum(lengths >= RUN)),
        longest_run_beats=0 if longest is None else int(lengths[longest]),
        longest_run_at_s=None if longest is None else float(beats.times[found[longest][0]]),
    )
