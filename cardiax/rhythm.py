"""A beat against its own record: beside the record's median beat, and with the rhythm around it.

Hearts differ more from each other than a patient's beats do. What a beat is can be told better from how it differs from
its patient's usual one, and from when it comes, than from its shape alone; neither needs a label. Pure functions of
NumPy arrays that hold whole records, beats in the order of time.
"""

import numpy as np

NEIGHBOURS = 4
"""Intervals before a beat, and as many after it, that tell of its rhythm."""

SURROUNDING = 10
"""Intervals on either side among which the rhythm is steady or not."""

NUMBERS = 2 * NEIGHBOURS + 6
"""Numbers of `rhythm_numbers`."""

LEAST_RANGE = 0.2
"""mV, added to the range of a record's median beat: a lead that shows little is not blown up to noise."""


def rhythm_numbers(intervals: np.ndarray, record: np.ndarray) -> np.ndarray:
    """The rhythm around each beat: float32 (n, 14).

    Logarithms of eight intervals, the last four before the beat, its own among them, and the next four, each against
    the record's median; of the intervals before and after against their local mean; of the median, in seconds; of the
    record's mean against its median; and of 0.02 plus the standard deviation of the logarithms of 21 intervals around
    the beat, and of all, since where every interval is another, as in atrial fibrillation, an early beat means little.
    What lies beyond a record's ends is as its last interval there.

    Args:
      intervals: (n, 3), s: to the beat before, to the one after, and the mean around.
      record: (n,), the record of each beat; beats of one record are in the order of time.
    """
    found = np.empty((len(record), NUMBERS), np.float32)
    for one in np.unique(record):
        places = np.flatnonzero(record == one)
        before, after, local = intervals[places].astype(np.float64).T
        median = np.median(before)
        spans = np.log(np.clip(np.append(before, after[-1]) / median, 0.2, 5.0))
        around = _windows(np.pad(spans, NEIGHBOURS - 1, mode="edge"), 2 * NEIGHBOURS)
        local_spread = _windows(np.pad(spans[:-1], SURROUNDING, mode="edge"), 2 * SURROUNDING + 1).std(axis=1)
        steady = np.log([median, before.mean() / median, 0.02 + spans[:-1].std()])
        found[places] = np.column_stack(
            [
                *(around, np.log(before / local), np.log(after / local), np.log(0.02 + local_spread)),
                np.broadcast_to(steady, (len(places), 3)),
            ]
        )
    return found


def _windows(values: np.ndarray, size: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, size)


def against_median_beat(signal: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Each beat, and what is left of it without the median beat of its record: float32 (n, T, 2 L).

    Both are in units of the median beat's range, plus 0.2 mV, in that lead.

    Args:
      signal: (n, T, L), mV.
      record: (n,), the record of each beat.
    """
    found = np.empty((*signal.shape[:2], 2 * signal.shape[2]), np.float32)
    for one in np.unique(record):
        places = np.flatnonzero(record == one)
        beats = signal[places]
        median = np.median(beats, axis=0)
        scale = np.ptp(median, axis=0) + LEAST_RANGE
        found[places] = np.concatenate([beats / scale, (beats - median) / scale], axis=2)
    return found
