"""Can twelve leads be what they are said to be? Pure functions of NumPy arrays (T, 12), mV at 1 kHz."""

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
"""ms from which a lead that stays at its highest or lowest value, far from its median, is at the amplifier's limit."""

TOLERANCE = (0.15, 0.02)
"""Root mean square of what a limb lead differs from what all make of it, as a share of their greatest range: above the
first they do not fit together; above the second they do not where one change explains it. Leads are filtered one by
one: nineteen in twenty stretches of the Lobachevsky University Database are below 0.11."""

EXPLAINED = 0.4
"""Share of that difference that may be left by a change that explains it."""


def dead_leads(leads: np.ndarray) -> list[str]:
    """The leads that hardly change."""
    return [name for name, spread in zip(LEADS, np.ptp(leads, axis=0), strict=True) if spread < DEAD]


def railed_leads(leads: np.ndarray) -> list[str]:
    """The leads that stay at an extreme value, far from their median, for `RAILED` samples or more in a row."""
    found = []
    for name, lead in zip(LEADS, leads.T, strict=True):
        spread, median = np.ptp(lead), np.median(lead)
        for extreme in (lead.max(), lead.min()):
            at = np.abs(lead - extreme) <= 1e-3 * spread
            runs = [sum(1 for _ in run) for there, run in itertools.groupby(at) if there]
            if abs(extreme - median) > 0.4 * spread > 0 and max(runs) >= RAILED:
                found.append(name)
                break
    return found


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
            left[f"{name} breaks them: its sign is turned"] = misfit(turned)
            left[f"{name} breaks them: it is off by {offset:.3g} mV"] = misfit(moved)
        for one, other in itertools.combinations(range(len(indices)), 2):
            swapped = limb.copy()
            swapped[:, [one, other]] = limb[:, [other, one]]
            left[f"{given[one]} and {given[other]} are in each other's place"] = misfit(swapped)
        found = min(left, key=left.__getitem__)
        if left[found] <= EXPLAINED * misfit(limb):
            return found
    if misfit(limb) <= TOLERANCE[0] * largest:
        return None
    for index, name in enumerate(given if len(indices) > 3 else ()):
        rest = [other for other in range(len(indices)) if other != index]
        if misfit(limb[:, rest], made[rest]) <= EXPLAINED * misfit(limb):
            return f"{name} breaks them: it is not what the others make of it"
    return f"{', '.join(given)} do not fit together"
