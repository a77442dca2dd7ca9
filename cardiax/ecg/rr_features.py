"""Features of a beat relative to its own record: RR features, and the difference from the record's median beat.

Patients differ more from each other than the beats of one patient do. The class of a beat is easier to tell from its
difference from the patient's usual beat, and from its timing, than from its shape alone; neither needs a label. Pure
functions of NumPy arrays that hold complete records, with beats in temporal order.
"""

import numpy as np

NEIGHBOURS = 4
"""Number of RR intervals before a beat, and after it, among the RR features."""

SURROUNDING = 10
"""Number of RR intervals on either side of a beat over which the variability of the rhythm is computed."""

RR_FEATURES = 2 * NEIGHBOURS + 14
"""Number of RR features of a beat (`rr_features`)."""

LOCAL = 5
"""Number of RR intervals before a beat, and after it, whose mean is its local RR interval (de Chazal et al. 2004)."""

LEAST_SPREAD = 0.03
"""Added to the spread of the log intervals, the unit of prematurity, so that a steady rhythm does not make it 0."""

LEAST_RANGE = 0.2
"""mV, added to the range of a record's median beat, so that the noise of a lead with little signal is not amplified."""


def beat_intervals(times: np.ndarray) -> np.ndarray:
    """Compute the RR interval before each beat, the one after it and the local mean of ten: float32 (n, 3), s.

    The first and the last beat take the missing interval from their other side.

    Args:
      times: (n,), s, times of the beats of one record.
    """
    between = np.diff(times)
    before = np.append(between[:1], between)
    after = np.append(between, between[-1:])
    total = np.append(0.0, np.cumsum(between))
    low = np.maximum(np.arange(len(times)) - LOCAL, 0)
    high = np.minimum(np.arange(len(times)) + LOCAL, len(between))
    return np.stack([before, after, (total[high] - total[low]) / (high - low)], axis=1).astype(np.float32)


def rr_features(intervals: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Compute the RR features of each beat: float32 (n, 22).

    Logarithms of intervals:

    - (8) the four intervals up to the beat and the four after it, over the record's median;
    - (2) the intervals before and after the beat, over the local mean;
    - (1) 0.02 plus the standard deviation of the 21 log intervals around the beat;
    - (3) the record's median, s; its mean over its median; 0.02 plus the standard deviation of all its log intervals.

    Prematurity, as asinh(x) / 2:

    - (3) x in units of the record's spread: log of the own interval over the median, of the own interval over the
      record's 80 % quantile, and of the next interval over the median;
    - (2) x in units of the local spread: log of the own and of the next interval over the 80 % quantile of the 21
      intervals around.

    Then (2) the logs of the own and of the next interval over the record's 80 % quantile, and (1) half the log of the
    local spread. The spread is 0.03 plus the standard deviation of a normal distribution with the same quartiles. It is
    the unit because an early beat means little in an irregular rhythm such as atrial fibrillation. The 80 % quantile is
    a reference because the median is not the normal interval in a record with many ectopic beats.

    Beyond the ends of a record, its first and last intervals are repeated.

    Args:
      intervals: (n, 3), s, from `beat_intervals`: interval before, interval after and local mean.
      record: (n,), the record of each beat; beats of one record are in temporal order.
    """
    found = np.empty((len(record), RR_FEATURES), np.float32)
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
    """Return each beat beside its difference from the median beat of its record: float32 (n, T, 2 L).

    Both are in units of the median beat's range in that lead plus 0.2 mV.

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
