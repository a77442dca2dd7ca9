"""Can twelve leads be what they are said to be? Pure functions of NumPy arrays, mV.

Leads are (T, 12) at 1 kHz; channels are (n, C) as they were recorded, at any rate, since resampling hides what was cut
off or filled in.
"""

import itertools

import numpy as np

from cardiax.ecg.leads import LEADS

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")

LIMB_OF_TWO = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
"""The six limb leads (6, 2) as sums of I and II (Einthoven 1913, Goldberger 1942): III = II - I, aVR = -(I + II)/2,
aVL = I - II/2, aVF = II - I/2."""

LARGEST = 30.0
"""mV; no surface ECG is larger, so that what is larger is in another unit."""

SMALLEST = 0.05
"""mV from the lowest to the highest sample of the largest lead; what is smaller is in another unit."""

DEAD = 0.01
"""mV from the lowest to the highest sample, below which a lead is taken to record nothing."""

RAILED = 25
"""ms from which a channel that stays at its highest or lowest value, far from its median, is at the amplifier's limit.
"""

FAR = (0.25, 0.2)
"""Share of a channel's range, and mV, between its median and an extreme value, from which the two are far apart.
Between beats a channel of small range rests on one step of its converter for longer than `RAILED`."""

OFFSET = 1.0
"""mV of a lead's median; more is the offset of an electrode that no filter has removed."""

GAP = (20.0, 10, 0.05, 0.05)
"""Equal samples in all channels at once are a gap that was filled: from so many ms and samples on where some channel
jumps by this share of its range, and by so many mV, at an end of them."""

HELD = 400.0
"""ms of equal samples in all channels at once, from which they are a gap without a jump too."""

TOLERANCE = (0.15, 0.02)
"""Root mean square of what a limb lead differs from what all make of it, as a share of their greatest range: above the
first they do not fit together; above the second they do not where one change explains it. Leads are filtered one by
one: nineteen in twenty stretches of the Lobachevsky University Database are below 0.11."""

EXPLAINED = 0.4
"""Share of that difference that may be left by a change that explains it."""


def dead_leads(leads: np.ndarray) -> list[str]:
    """The leads that hardly change."""
    return [name for name, spread in zip(LEADS, np.ptp(leads, axis=0), strict=True) if spread < DEAD]


def offset_leads(leads: np.ndarray) -> list[str]:
    """The leads whose median is further than `OFFSET` from 0, each with it."""
    medians = np.median(leads, axis=0)
    return [f"{name} ({median:.3g} mV)" for name, median in zip(LEADS, medians, strict=True) if abs(median) > OFFSET]


def railed_channels(channels: np.ndarray, rate: float) -> list[int]:
    """Indices of the channels that stay at an extreme value, far from their median, for `RAILED` ms or more."""
    found = []
    for index, channel in enumerate(channels.T):
        spread, median = np.ptp(channel), np.median(channel)
        for extreme in (channel.max(), channel.min()):
            longest = max(last - first for first, last in _runs(np.abs(channel - extreme) <= 1e-3 * spread))
            if abs(extreme - median) > max(FAR[0] * spread, FAR[1]) and longest >= max(RAILED * rate / 1000, 3):
                found.append(index)
                break
    return found


def equal_channels(channels: np.ndarray) -> tuple[int, int] | None:
    """Indices of two channels that are the same to the bit, and not flat; None where no two are."""
    for one, other in itertools.combinations(range(channels.shape[1]), 2):
        if np.ptp(channels[:, one]) > 0 and np.array_equal(channels[:, one], channels[:, other]):
            return one, other
    return None


def filled_gap(channels: np.ndarray, rate: float) -> tuple[float, float] | None:
    """Where all channels hold their values at once, as a gap is filled: its first and last ms; None without one."""
    change = np.diff(channels, axis=0)
    jumps = (np.abs(change) > np.maximum(GAP[2] * np.ptp(channels, axis=0), GAP[3])).any(axis=1)
    for first, last in _runs((change == 0).all(axis=1)):
        samples = last - first + 1
        ms = 1000 * samples / rate
        jumped = (first > 0 and jumps[first - 1]) or (last < len(jumps) and jumps[last])
        if ms >= HELD or (ms >= GAP[0] and samples >= GAP[1] and jumped):
            return 1000 * first / rate, 1000 * last / rate
    return None


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First index, and the one after the last, of each run of True in (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def broken_identity(leads: np.ndarray, given: tuple[str, ...] = LIMB) -> str | None:
    """Which limb lead breaks Einthoven's and Goldberger's identities, and how, in words; None where all hold.

    Args:
      leads: (T, 12).
      given: the limb leads that were recorded; the others were worked out from them and say nothing.
    """
    indices = [LIMB.index(name) for name in given]
    limb, made = leads[:, indices], LIMB_OF_TWO[indices]
    largest = float(np.ptp(limb, axis=0).max(initial=0))

    def misfit(values: np.ndarray, rows: np.ndarray = made) -> float:
        fitted = values @ np.linalg.pinv(rows).T @ rows.T
        return float(np.sqrt(np.mean((values - fitted) ** 2, axis=0)).max())

    if len(indices) < 3 or misfit(limb) <= TOLERANCE[1] * largest:
        return None
    left = {}
    if len(indices) > 3:  # of three leads any one may be the wrong one
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
        if left[found] <= EXPLAINED * misfit(limb):
            return found
    if misfit(limb) <= TOLERANCE[0] * largest:
        return None
    for index, name in enumerate(given if len(indices) > 3 else ()):
        rest = [other for other in range(len(indices)) if other != index]
        if misfit(limb[:, rest], made[rest]) <= EXPLAINED * misfit(limb):
            return f"{name} breaks them: it differs from what the others give"
    return f"{', '.join(given)} are inconsistent"
