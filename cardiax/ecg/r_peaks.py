"""Detection of R peaks in one or two leads: pure functions of NumPy arrays at 180 Hz.

`sleepecg.detect_heartbeats` (Pan and Tompkins 1985, modified) finds candidates in each lead. The leads then vote: a
candidate counts by the slope of its QRS complex, relative to the beats around it, in every lead that can be read.
"""

import numpy as np

from cardiax.catalog import WINDOW_RATE

SAME = 0.15
"""s, the greatest distance of candidates of two leads that are one beat."""

QRS_BAND = (5.0, 30.0)
"""Band in which QRS complexes stand out, Hz."""

REFRACTORY, OF_MEDIAN = 0.2, 0.95
"""s, the least distance of two R peaks, and in units of the median distance, if that is less: at 300 per minute."""

FASTER = 1.5
"""Factor by which the detector is told a lower sampling rate where it skips beats, since its own refractory period is
0.2 s."""

EQUAL = (0.9, 0.7)
"""Least correlation and share of the height with which what is halfway between beats is a beat too."""

SHAPE = (18, 24)
"""Samples of a beat before and after its R peak, 0.1 s and 0.13 s, whose shape is compared."""

AROUND = 30
"""Number of beats around a candidate whose median slope is 1."""

HIGHEST = 1.2
"""Highest slope that counts, so that one lead does not outvote the other."""

LEAST = (0.25, 0.45)
"""Least slope of a beat in one lead, and weighted over two."""

LONG, FAINT, APART = 1.5, 0.4, 0.4
"""An RR interval of a single lead that is longer than `LONG` of the median around it is searched for a beat, at least
`APART` s from its ends and of a slope of `FAINT` of the median around it. Chosen on DS1, where sensitivity and positive
predictivity of MLII alone are .9949 and .9878, and without this .9878 and .9888."""

SHORT, WEAKER = 0.36, 0.65
"""A candidate within `SHORT` s of another, as a T wave is, whose slope is less than `WEAKER` of the other's is none."""

SHORTEST = 5.0
"""s of a lead in which beats are searched for; a shorter one is continued by its last value."""

REFINED = 0.08
"""s around a detected beat in which its R peak lies."""

UPRIGHT = 0.5
"""Height of an R wave over the depth of the S wave from which the R peak is the upper one. Chosen on DS1: 1.2 % of its
N beats and 6 % of its V beats are then more than 30 ms from their annotation."""

BASELINE = 0.2
"""s before and after a beat over which the median is the baseline of these."""


def find_r_peaks(signals: np.ndarray, readable: np.ndarray) -> np.ndarray:
    """Find the R peaks of a recording: int (m,), samples at 180 Hz, increasing.

    Args:
      signals: (n, L), mV at 180 Hz, from `cardiax.ecg.beat_windows.filtered`; one or two leads.
      readable: bool (w, L), for w windows of equal length whether each lead can be read.
    """
    window = np.minimum(np.arange(len(signals)) * len(readable) // len(signals), len(readable) - 1)
    masked = np.where(readable[window], signals, 0)
    found = [detect(lead) for lead in masked.T]
    found = found if len(found) > 1 else [searched_back(masked[:, 0], found[0])]
    found = [beats[readable[window[beats], lead]] for lead, beats in enumerate(found)]
    beats, shared = _joined(found)
    if not len(beats):
        return beats
    slopes = np.stack([qrs_slope(qrs_band(lead)) for lead in masked.T])
    there = readable[window[beats]].T
    relative, weights = np.zeros(there.shape), np.zeros(there.shape)
    for lead, slope in enumerate(slopes):
        peaks = _near(slope, beats, round(0.05 * WINDOW_RATE)).max(axis=1)
        usual = np.flatnonzero(shared & there.all(axis=0))
        usual = usual if len(usual) > 5 else np.flatnonzero(there[lead])
        if len(usual):
            count = min(AROUND, len(usual))
            first = np.clip(np.searchsorted(usual, np.arange(len(beats))) - count // 2, 0, len(usual) - count)
            around = first[:, None] + np.arange(count)
            relative[lead] = peaks / (np.median(peaks[usual][around], axis=1) + 1e-9)
            background = np.median(slope[readable[window, lead]])
            weights[lead] = there[lead] * np.median(peaks[usual]) / (background + 1e-9)
    score = np.sum(weights * np.minimum(relative, HIGHEST), axis=0) / weights.sum(axis=0)
    kept = score > np.where(there.sum(axis=0) > 1, LEAST[1], LEAST[0])
    beats, score = _without_weaker(beats[kept], score[kept])
    first = readable[window[beats]].argmax(axis=1)
    peaks = np.stack([_refined(lead, beats) for lead in signals.T])
    return np.unique(peaks[first, np.arange(len(beats))])


def detect(lead: np.ndarray) -> np.ndarray:
    """Find candidates in one lead (n,) at 180 Hz: int (m,), samples."""
    from sleepecg.heartbeats import detect_heartbeats  # takes a second to import

    if np.ptp(lead) == 0:
        return np.empty(0, int)
    low, high = np.quantile(qrs_band(lead), (0.01, 0.99))
    upright = np.ascontiguousarray(lead if high >= -low else -lead, np.float64)  # sleepecg looks for upper peaks
    # From its first change on it must be long enough: sleepecg 0.6 writes past the end of its arrays otherwise.
    changes = np.flatnonzero(upright != upright[0])[0]
    upright = np.pad(upright, (0, max(round(SHORTEST * WINDOW_RATE) - len(upright) + int(changes), 0)), mode="edge")
    beats = detect_heartbeats(upright, WINDOW_RATE)
    beats = detect_heartbeats(upright, WINDOW_RATE / FASTER) if skips_beats(upright, beats) else beats
    return beats[beats < len(lead)]


def searched_back(lead: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Add to the beats (m,) of a lead (n,) at 180 Hz those in long RR intervals, as Pan and Tompkins search back."""
    slope, apart = qrs_slope(qrs_band(lead)), round(APART * WINDOW_RATE)
    for _ in range(2):  # two may be missed in succession
        if len(beats) < 3:
            return beats
        rr, heights = np.diff(beats), _near(slope, beats, round(0.05 * WINDOW_RATE)).max(axis=1)
        missed = []
        for index in np.flatnonzero(rr > 2 * apart).tolist():
            around = slice(max(index - AROUND // 4, 0), index + AROUND // 4)
            if rr[index] > LONG * np.median(rr[around]):
                first = beats[index] + apart
                at = first + int(slope[first : beats[index + 1] - apart].argmax())
                missed += [at] if slope[at] >= FAINT * np.median(heights[around]) else []
        beats = np.sort(np.append(beats, missed).astype(int))
    return beats


def skips_beats(lead: np.ndarray, beats: np.ndarray) -> bool:
    """Return True if there is an equal complex halfway between most beats (m,) of a lead (n,), at 180 Hz."""
    if len(beats) < 3:
        return False
    middle = (beats[1:] + beats[:-1]) // 2
    alike = likeness(lead, middle, usual=beats)
    heights = [np.ptp(_near(lead, at, SHAPE[0]), axis=1) for at in (middle, beats)]
    return bool(np.median(alike) >= EQUAL[0] and np.median(heights[0]) >= EQUAL[1] * np.median(heights[1]))


def likeness(lead: np.ndarray, beats: np.ndarray, usual: np.ndarray | None = None) -> np.ndarray:
    """Return the correlation (m,) of beats of a lead (n,), at their R peaks int (m,), at 180 Hz, with the median beat.

    The median is over the beats `usual` (k,), by default over all.
    """
    if not len(beats):
        return np.empty(0)
    padded = np.pad(lead, SHAPE, mode="edge")
    shapes, others = (padded[at[:, None] + np.arange(sum(SHAPE))] for at in (beats, beats if usual is None else usual))
    median = np.median(others, axis=0)
    shapes, median = shapes - shapes.mean(axis=1, keepdims=True), median - median.mean()
    return shapes @ median / (np.linalg.norm(shapes, axis=1) * np.linalg.norm(median) + 1e-9)


def qrs_band(lead: np.ndarray) -> np.ndarray:
    """Return a lead (n,) at 180 Hz in the band of QRS complexes."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(2, QRS_BAND, "bandpass", fs=WINDOW_RATE, output="sos"), lead)


def qrs_slope(qrs: np.ndarray) -> np.ndarray:
    """Return the root mean square slope over 150 ms of a lead (n,) at 180 Hz, from `qrs_band`."""
    from scipy.ndimage import uniform_filter1d

    slope = np.convolve(qrs, np.array([1, 2, 0, -2, -1]) / 8, "same")
    return np.sqrt(np.maximum(uniform_filter1d(slope**2, round(0.15 * WINDOW_RATE)), 0))


def _joined(found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates of one or two leads, each once, (m,), and which of them are in every lead."""
    first, *others = found
    if not others:
        return first, np.ones(len(first), bool)
    shared = _distance(first, others[0]) <= SAME * WINDOW_RATE
    alone = others[0][_distance(others[0], first) > SAME * WINDOW_RATE]
    beats = np.concatenate([first, alone])
    order = np.argsort(beats, kind="stable")
    return beats[order], np.append(shared, np.zeros(len(alone), bool))[order]


def _distance(beats: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of each beat (n,) to the closest of the others (m,), in order; infinite without any."""
    padded = np.concatenate([[-np.inf], others, [np.inf]])
    after = np.searchsorted(padded, beats)
    return np.minimum(padded[after] - beats, beats - padded[after - 1])


def _without_weaker(beats: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove the weaker of two candidates that are too close, and T waves."""
    kept: list[int] = []
    least = min(REFRACTORY * WINDOW_RATE, OF_MEDIAN * float(np.median(np.diff(beats)))) if len(beats) > 1 else 0.0
    for index in range(len(beats)):
        if kept and beats[index] - beats[kept[-1]] < least:
            if score[index] > score[kept[-1]]:
                kept[-1] = index
        else:
            kept.append(index)
    beats, score = beats[kept], score[kept]
    for _ in range(2):
        close = np.diff(beats) < SHORT * WINDOW_RATE
        after = np.append(False, close & (score[1:] < WEAKER * score[:-1]))
        before = np.append(close & (score[:-1] < WEAKER * score[1:]), False)
        weak = (after | before)[: len(beats)]
        beats, score = beats[~weak], score[~weak]
    return beats, score


def _near(signal: np.ndarray, beats: np.ndarray, reach: int) -> np.ndarray:
    """Return the signal (n,) around each beat (m,): (m, 2 * reach + 1); past an end it repeats the value there."""
    return np.pad(signal, reach, mode="edge")[beats[:, None] + np.arange(2 * reach + 1)]


def _refined(lead: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Move each beat (m,) to its R peak: the highest sample near it, or the lowest of a much deeper S wave."""
    reach = round(REFINED * WINDOW_RATE)
    baseline = np.median(_near(lead, beats, round(BASELINE * WINDOW_RATE)), axis=1, keepdims=True)
    near = _near(lead, beats, reach) - baseline
    upright = near.max(axis=1) >= -UPRIGHT * near.min(axis=1)
    peak = np.where(upright, near.argmax(axis=1), near.argmin(axis=1))
    return np.clip(beats - reach + peak, 0, len(lead) - 1)
