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

NUMBERS = 2 * NEIGHBOURS + 14
"""Numbers of `rhythm_numbers`."""

LOCAL = 5
"""Intervals before a beat, and as many after, whose mean is its local interval (de Chazal et al. 2004)."""

LEAST_SPREAD = 0.03
"""Of logarithms of intervals, added to the spread that prematurity is measured in: no rhythm is steadier."""

LEAST_RANGE = 0.2
"""mV, added to the range of a record's median beat: a lead that shows little is not blown up to noise."""


def beat_intervals(times: np.ndarray) -> np.ndarray:
    """Of beats at times (n,), s, the interval before each, the one after, and the mean of the ten around it: float32
    (n, 3), s. What the first and the last beat lack is taken from their other side."""
    between = np.diff(times)
    before = np.append(between[:1], between)
    after = np.append(between, between[-1:])
    total = np.append(0.0, np.cumsum(between))
    low = np.maximum(np.arange(len(times)) - LOCAL, 0)
    high = np.minimum(np.arange(len(times)) + LOCAL, len(between))
    return np.stack([before, after, (total[high] - total[low]) / (high - low)], axis=1).astype(np.float32)


def rhythm_numbers(intervals: np.ndarray, record: np.ndarray) -> np.ndarray:
    """The rhythm around each beat: float32 (n, 22).

    Logarithms of eight intervals, the last four before the beat, its own among them, and the next four, each against
    the record's median; of the intervals before and after against their local mean; of 0.02 plus the standard deviation
    of the logarithms of 21 intervals around the beat; of the median, in seconds; of the record's mean against its
    median; and of 0.02 plus the deviation of all.

    Then how early the beat is for this rhythm: the logarithm of its own interval against the record's median and
    against its longest fifth, and that of the next against the median, in units of the record's spread; that of its
    own and of the next against the longest fifth of 21 intervals around, in units of their spread; inverse hyperbolic
    sines, halved. The spread is 0.03 plus that of a normal distribution with the same quartiles. Where every interval
    is another, as in atrial fibrillation, an early beat means little; where few beats are usual, as in a record of
    paired ectopic ones, the longest intervals tell what is. The two logarithms against the record's longest fifth
    follow, and half that of the local spread.

    What lies beyond a record's ends is as its last interval there.

    Args:
      intervals: (n, 3), s, of `beat_intervals`: to the beat before, to the one after, and the mean around.
      record: (n,), the record of each beat; beats of one record are in the order of time.
    """
    found = np.empty((len(record), NUMBERS), np.float32)
    for one in np.unique(record):
        indices = np.flatnonzero(record == one)
        found[indices] = _of_one_record(*intervals[indices].astype(np.float64).T)
    return found


def _of_one_record(before: np.ndarray, after: np.ndarray, local: np.ndarray) -> np.ndarray:
    median = np.median(before)
    spans = np.log(np.clip(np.append(before, after[-1]) / median, 0.2, 5.0))
    surroundings = _windows(np.pad(spans[:-1], SURROUNDING, mode="edge"), 2 * SURROUNDING + 1)
    neighbours = _windows(np.pad(spans, NEIGHBOURS - 1, mode="edge"), 2 * NEIGHBOURS)
    steady = np.log([median, before.mean() / median, 0.02 + spans[:-1].std()])

    own, following = spans[:-1], spans[1:]
    longest, around = np.quantile(own, 0.8), np.quantile(surroundings, 0.8, axis=1)
    spread, local_spread = _spread(own), _spread(surroundings)
    early = [own / spread, (own - longest) / spread, following / spread]
    early += [(own - around) / local_spread, (following - around) / local_spread]
    return np.column_stack(
        [
            *(neighbours, np.log(before / local), np.log(after / local)),
            np.log(0.02 + surroundings.std(axis=1)),
            np.broadcast_to(steady, (len(before), 3)),
            *(np.arcsinh(one) / 2 for one in early),
            *(own - longest, following - longest, np.log(local_spread) / 2),
        ]
    )


def _spread(logarithms: np.ndarray) -> np.ndarray:
    lower, upper = np.quantile(logarithms, (0.25, 0.75), axis=-1)
    return LEAST_SPREAD + (upper - lower) / 1.349


def _windows(values: np.ndarray, size: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, size, axis=-1)


def against_median_beat(signal: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Each beat, and what is left of it without the median beat of its record: float32 (n, T, 2 L).

    Both are in units of the median beat's range, plus 0.2 mV, in that lead.

    Args:
      signal: (n, T, L), mV.
      record: (n,), the record of each beat.
    """
    found = np.empty((*signal.shape[:2], 2 * signal.shape[2]), np.float32)
    for one in np.unique(record):
        indices = np.flatnonzero(record == one)
        beats = signal[indices]
        median = np.median(beats, axis=0)
        scale = np.ptp(median, axis=0) + LEAST_RANGE
        found[indices] = np.concatenate([beats / scale, (beats - median) / scale], axis=2)
    return found
