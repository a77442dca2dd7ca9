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

RR_FEATURES = (
    *(f"log_rr{shift:+d}_over_median" for shift in range(1 - NEIGHBOURS, NEIGHBOURS + 1)),
    "log_rr_before_over_local_mean",
    "log_rr_after_over_local_mean",
    "log_deviation_of_21",
    "log_median_s",
    "log_mean_over_median",
    "log_deviation_of_record",
    "prematurity_before_by_median",
    "prematurity_before_by_quantile",
    "prematurity_after_by_median",
    "prematurity_before_by_quantile_of_21",
    "prematurity_after_by_quantile_of_21",
    "log_rr_before_over_quantile",
    "log_rr_after_over_quantile",
    "half_log_spread_of_21",
)
"""Names of the RR features of a beat, defined in `rr_features`; all are dimensionless but `log_median_s`."""

LOCAL = 5
"""Number of RR intervals before a beat, and after it, whose mean is its local RR interval (de Chazal et al. 2004)."""

LEAST_SPREAD = 0.03
"""Added to the spread of the log intervals, the unit of prematurity, so that a steady rhythm does not make it 0."""

LEAST_RANGE = 0.2
"""mV, added to the range of a record's median beat, so that the noise of a lead with little signal is not amplified."""


def beat_intervals(times: np.ndarray) -> np.ndarray:
    """Compute the RR interval before each beat, the one after it and the local mean of ten, s: (n,) → float32 (n, 3).

    The first and the last beat of a record take the missing interval from their other side.
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

    Natural logarithms of intervals (RR+0 ends at the beat and RR+1 begins at it):

    - `log_rr-3_over_median` … `log_rr+4_over_median`: eight intervals over the record's median;
    - `log_rr_{before,after}_over_local_mean`: the two intervals of the beat over their local mean (de Chazal et al.
      2004, doi:10.1109/TBME.2004.827359);
    - `log_deviation_of_21`, `log_deviation_of_record`: of 0.02 plus the standard deviation of the log intervals, of the
      21 around the beat and of the record;
    - `log_median_s`, `log_mean_over_median`: of the record's median in s, and of its mean over its median;
    - `log_rr_{before,after}_over_quantile`: the two intervals over the record's 80 % quantile;
    - `half_log_spread_of_21`: half of the log of the spread of the 21 intervals around the beat.

    Prematurity, asinh(x) / 2, where x is the log of an interval over a reference, in units of a spread: the record's
    median and spread for `prematurity_{before,after}_by_median`, its 80 % quantile and spread for
    `prematurity_before_by_quantile`, and the quantile and spread of the 21 intervals around the beat for
    `prematurity_{before,after}_by_quantile_of_21`. The spread is 0.03 plus the standard deviation of a normal
    distribution with the same quartiles. It is the unit because an early beat means little in an irregular rhythm such
    as atrial fibrillation. The 80 % quantile is a reference because the median is not the normal interval in a record
    with many ectopic beats.

    Beyond the ends of a record, its first and last intervals are repeated.

    Args:
      intervals: (n, 3), s, from `beat_intervals`: interval before, interval after and local mean.
      record: (n,), the record of each beat; beats of one record are in temporal order.
    """
    found = np.empty((len(record), len(RR_FEATURES)), np.float32)
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


def against_median_beat(signal: np.ndarray, record: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each beat and its deviation from the median beat of its record: float32 (n, T, L) each.

    Both are in units of the median beat's range in that lead plus 0.2 mV; `signal` (n, T, L) is in mV.
    """
    scaled, deviation = np.empty(signal.shape, np.float32), np.empty(signal.shape, np.float32)
    for one in np.unique(record):
        indices = np.flatnonzero(record == one)
        beats = signal[indices]
        median = np.median(beats, axis=0)
        scale = np.ptp(median, axis=0) + LEAST_RANGE
        scaled[indices], deviation[indices] = beats / scale, (beats - median) / scale
    return scaled, deviation
