"""Plausibility checks of twelve leads: pure functions of NumPy arrays, mV.

Leads are (T, 12) at 1 kHz; channels are (n, C) as recorded, at any sampling rate, since resampling hides saturation and
filled gaps.
"""

import functools
import itertools

import numpy as np

from cardiax.ecg.leads import LEADS

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")

LIMB_OF_TWO = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
"""The six limb leads as linear combinations of I and II, (6, 2) (Einthoven 1913, Goldberger 1942): III = II - I,
aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2."""

RATES = (40.0, 50_000.0)
"""Plausible sampling rates of an ECG, Hz; values outside are in another unit."""

LARGEST = 30.0
"""Largest plausible absolute value of a surface ECG, mV; anything larger is in another unit."""

SMALLEST = 0.05
"""Smallest plausible peak-to-peak range of the largest lead, mV; anything smaller is in another unit."""

DEAD = 0.01
"""Peak-to-peak range, mV, below which a lead is considered dead."""

RAILED = 25
"""Time, ms, at its highest or lowest value, far from its median, from which a channel counts as saturated."""

FAR = (0.25, 0.2)
"""Share of a channel's range, and mV: an extreme value further than both from the median is far from it. The condition
is needed because a channel of small range rests on one converter step between beats for longer than `RAILED`."""

OFFSET = 1.0
"""Largest plausible absolute median of a lead, mV; more is an electrode offset that no filter has removed."""

GAP = (20.0, 10, 0.05, 0.05)
"""A filled gap is a run of equal samples in all channels, of at least this many ms and samples, with a jump at one end:
some channel changes there by more than this share of its range and this many mV."""

HELD = 400.0
"""Length, ms, from which a run of equal samples in all channels counts as a gap even without a jump."""

TOLERANCE = (0.15, 0.02)
"""Root mean square deviation of a limb lead from the fit to all limb leads, as a share of their largest range. Above
the first value the leads are inconsistent; above the second they are if a single change explains the deviation. Leads
are filtered one by one, so real ones deviate: 95 % of stretches of the Lobachevsky University Database are below 0.11.
"""

UNRELATED = 0.5
"""Share of the limb leads' root mean square that the identities leave unexplained, from which the leads are unrelated.
In 641 stretches of two databases it is at most 0.42, and at least 0.61 with their leads shifted against each other."""

EQUALIZED = 1.02
"""Ratio of the leads' largest to smallest standard deviation or range below which each lead was normalized by itself.
In the same stretches the ratio of the standard deviations is at least 1.17."""

EXPLAINED = 0.4
"""Largest share of the deviation that may remain after a change that explains it."""

ALONE = 0.08
"""Largest share of a deviation of usual size that may remain without the lead that breaks the identities. In the same
stretches at least 0.10 remains."""

SPIKE = (0.4, 1.0)
"""A channel has a spike if its range without the 2 ms around its extreme value is below this share of the range, and
smaller by more than this many mV. In the same stretches no lead has one."""

OPPOSITE = (-0.75, 0.2)
"""Correlation of an augmented lead with V1 or V6 below which they are opposite; by how much more than aVR and V6."""

FLAT = 0.1
"""Share of the largest range of I, II and III below which one is nearly flat; at least 0.17 in 33 persons."""

SHORTER = 0.88
"""Share of the length of the path from V1 to V6, in units of 1 - correlation, below which another order is likelier.
In 33 persons of LUDB and CPSC 2018 it is at least 0.89, and no swap is found in any. With the electrodes swapped, all
33 swaps of both arms and of right arm and left leg are found, and 32 reverse orders; 32 of V1 and V2, 30 of V2 and V3,
29 of V3 and V4, 26 of V4 and V5, and 13 of V5 and V6."""


def dead_leads(leads: np.ndarray) -> list[str]:
    """Return the names of the leads whose range is below `DEAD`."""
    return [name for name, spread in zip(LEADS, np.ptp(leads, axis=0), strict=True) if spread < DEAD]


def offset_leads(leads: np.ndarray) -> list[str]:
    """Return the leads whose absolute median exceeds `OFFSET`, each as its name and its median."""
    medians = np.median(leads, axis=0)
    return [f"{name} ({median:.3g} mV)" for name, median in zip(LEADS, medians, strict=True) if abs(median) > OFFSET]


def equalized(leads: np.ndarray) -> str | None:
    """Return the measure of size that is the same in all leads, since each was normalized by itself, or None."""
    for name, measure in (("standard deviation", np.std), ("range", np.ptp)):
        sizes = measure(leads, axis=0)
        if sizes.max() < EQUALIZED * sizes.min():
            return name
    return None


def railed_channels(channels: np.ndarray, rate: float) -> list[int]:
    """Return the indices of the channels that stay at an extreme value, far from their median, for `RAILED` ms."""
    found = []
    for index, channel in enumerate(channels.T):
        spread, median = np.ptp(channel), np.median(channel)
        for extreme in (channel.max(), channel.min()):
            longest = max(last - first for first, last in runs(np.abs(channel - extreme) <= 1e-3 * spread))
            if abs(extreme - median) > max(FAR[0] * spread, FAR[1]) and longest >= max(RAILED * rate / 1000, 3):
                found.append(index)
                break
    return found


def spiked_channels(channels: np.ndarray, rate: float) -> list[int]:
    """Return the indices of the channels with a spike (see `SPIKE`), which is narrower than any QRS complex."""
    found = []
    for index, channel in enumerate(channels.T):
        extreme = int(np.abs(channel - np.median(channel)).argmax())
        without = channel[np.abs(np.arange(len(channel)) - extreme) > rate / 1000]
        spread, rest = np.ptp(channel), np.ptp(without)
        if rest < SPIKE[0] * spread and spread - rest > SPIKE[1]:
            found.append(index)
    return found


def equal_channels(channels: np.ndarray) -> tuple[int, int] | None:
    """Return the indices of two channels that are bit-identical and not flat, or None."""
    for one, other in itertools.combinations(range(channels.shape[1]), 2):
        if np.ptp(channels[:, one]) > 0 and np.array_equal(channels[:, one], channels[:, other]):
            return one, other
    return None


def filled_gap(channels: np.ndarray, rate: float) -> tuple[float, float] | None:
    """Return the start and end, ms, of the first gap that was filled by holding all channels constant, or None."""
    change = np.diff(channels, axis=0)
    jumps = (np.abs(change) > np.maximum(GAP[2] * np.ptp(channels, axis=0), GAP[3])).any(axis=1)
    for first, last in runs((change == 0).all(axis=1)):
        samples = last - first + 1
        ms = 1000 * samples / rate
        jumped = (first > 0 and jumps[first - 1]) or (last < len(jumps) and jumps[last])
        if ms >= HELD or (ms >= GAP[0] and samples >= GAP[1] and jumped):
            return 1000 * first / rate, 1000 * last / rate
    return None


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return the start and stop index of each run of True in (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def broken_identity(leads: np.ndarray, given: tuple[str, ...] = LIMB) -> str | None:
    """Describe how the limb leads break Einthoven's and Goldberger's identities; None if the identities hold.

    Args:
      leads: (T, 12).
      given: names of the limb leads that were recorded; the others were derived from them and carry no information.
    """
    indices = [LIMB.index(name) for name in given]
    limb, made = leads[:, indices], LIMB_OF_TWO[indices]
    largest = float(np.ptp(limb, axis=0).max(initial=0))

    def misfit(values: np.ndarray, of: list[int] = indices) -> float:
        return float(np.sqrt(np.mean((values - values @ _fit(tuple(of))) ** 2, axis=0)).max())

    if len(indices) < 3 or (whole := misfit(limb)) <= TOLERANCE[1] * largest:
        return None
    left = {}
    if len(indices) > 3:  # with three leads, any one could be the wrong one
        for index, name in enumerate(given):
            turned, moved = limb.copy(), limb.copy()
            turned[:, index] *= -1
            rest = [other for other in range(len(indices)) if other != index]
            expected = limb[:, rest] @ np.linalg.pinv(made[rest]).T @ made[index]
            offset = float(np.mean(limb[:, index] - expected))
            moved[:, index] -= offset
            left[f"{name} breaks them: its sign is inverted"] = misfit(turned)
            left[f"{name} breaks them: it is off by {offset:.3g} mV"] = misfit(moved)
        for one, other in itertools.combinations(range(len(indices)), 2):
            swapped = limb.copy()
            swapped[:, [one, other]] = limb[:, [other, one]]
            left[f"{given[one]} and {given[other]} are swapped"] = misfit(swapped)
        found = min(left, key=left.__getitem__)
        if left[found] <= EXPLAINED * whole:
            return found
    centred = limb - limb.mean(axis=0)
    rest = centred - centred @ _fit(tuple(indices))
    usual = whole <= TOLERANCE[0] * largest and np.linalg.norm(rest) <= UNRELATED * np.linalg.norm(centred)
    for index, name in enumerate(given if len(indices) > 3 else ()):
        others = [other for other in range(len(indices)) if other != index]
        if misfit(limb[:, others], [indices[other] for other in others]) <= (ALONE if usual else EXPLAINED) * whole:
            return f"{name} breaks them: it differs from what the others give"
    return None if usual else f"{', '.join(given)} are inconsistent"


@functools.cache
def _fit(limb: tuple[int, ...]) -> np.ndarray:
    """Return the matrix (n, n) that maps these limb leads, by their rows of `LIMB_OF_TWO`, to their fit by I and II."""
    rows = LIMB_OF_TWO[list(limb)]
    return np.linalg.pinv(rows).T @ rows.T


def swapped_electrodes(leads: np.ndarray) -> list[str]:
    """Describe electrodes that were probably swapped, from one beat; a swap of left arm and left leg is not seen.

    aVR and V6 are opposite, more so than another augmented lead and V1 or V6. The chest leads change from one to the
    next, so their correlations fall with their distance. Kors and van Herpen (Am. J. Cardiol. 88:396-399, 2001) and
    Jekova et al. (Comput. Methods Programs Biomed. 134:31-41, 2016) tell swaps by correlations, too.

    Args:
      leads: (T, 12), mV.
    """
    correlation, found = np.corrcoef(leads.T), []
    chest, sizes = list(range(6)), np.ptp(leads[:, :3], axis=0)
    opposite = correlation[3:6, [6, 11]]
    limb, at_v6 = np.unravel_index(opposite.argmin(), opposite.shape)
    if sizes.min() < FLAT * sizes.max():
        found.append(f"that of the right leg and another limb ({LEADS[int(sizes.argmin())]} is nearly flat)")
    elif opposite.min() < OPPOSITE[0] and opposite[0, 1] > opposite.min() + OPPOSITE[1]:
        limbs = ("", "those of both arms", "those of the right arm and the left leg")[limb]
        found.append(" and ".join(filter(None, [limbs, "" if at_v6 else "V1 to V6 in reverse order"])))

    def length(order: list[int]) -> float:
        return sum(1 - correlation[6 + one, 6 + other] for one, other in itertools.pairwise(order))

    swaps = [(first, last) for first, last in itertools.combinations(chest, 2) if last - first <= 2]
    orders = {(first, last): [{first: last, last: first}.get(lead, lead) for lead in chest] for first, last in swaps}
    (first, last), best = min(orders.items(), key=lambda item: length(item[1]))
    if length(best) < SHORTER * length(chest) - 1e-9:  # equal shapes have no order
        found.append(f"V{first + 1} and V{last + 1}")
    return found
