"""Simulated RR features of rare rhythms, to train with.

The about sixteen patients that a network is trained on cover only a few rhythms. Only RR intervals are simulated; they
are combined with normal beats of real patients.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from cardiax.ecg.rr_features import beat_intervals, rr_features
from cardiax.random_streams import standard_normal, stream

RECORDS = 60
"""Number of records of each rhythm."""

BEATS = 600
"""Number of beats in a record."""


class Rhythm(NamedTuple):
    """The beats of simulated records: RR features float32 (n, 22), and bool (n,), supraventricular or else normal."""

    features: np.ndarray
    supraventricular: np.ndarray


@cache
def fibrillation() -> Rhythm:
    """Simulate atrial fibrillation, in which all beats count as normal: 36,000 beats.

    Sixty records of 600 independent log-normal intervals. The median of a record is log-uniform in 0.45 … 1.1 s, the
    standard deviation of the log intervals is uniform in 0.1 … 0.3, and no interval is below 0.28 s. In fibrillation
    the ventricular response is irregular without a pattern (Bootsma et al. 1970, doi:10.1161/01.CIR.41.5.783).
    """
    uniform = _uniform("fibrillation", 2 + 2 * BEATS)
    median = _between(np.log(0.45), np.log(1.1), uniform[:, :1])
    deviation = _between(0.1, 0.3, uniform[:, 1:2])
    intervals = np.exp(median + deviation * standard_normal(uniform[:, 2:]))
    return of_records(np.cumsum(np.maximum(intervals, 0.28), axis=1), np.zeros((RECORDS, BEATS), bool))


@cache
def pauses() -> Rhythm:
    """Simulate sinus arrest with atrial ectopic rhythm, and second-degree atrioventricular block: 72,000 beats.

    In both, long intervals occur among regular shorter ones, so the usual interval does not identify the normal beat.
    Each has sixty records; in each record a two-state Markov chain determines which intervals are long.

    - Sick sinus node (Ferrer 1968, JAMA 206:645): pauses last 1.4 to 2.8 times the ectopic interval of 0.45 to 0.95 s
      and are irregular (standard deviation of the logarithm 0.05 to 0.3). A normal beat ends the pause; the ectopic
      beats are supraventricular and regular (0.01 to 0.06).
    - Block: where one beat is not conducted, the interval is 1.6 to 2.05 times the record's usual one of 0.5 to 1.1 s,
      regular (0.01 to 0.05). All beats are normal.
    """
    one, chain, noise = _drawn("sick sinus node", 6)
    ectopic = _chain(chain, _between(0.2, 0.95, one[0]), _between(0.3, 0.95, one[1]))
    short = _between(np.log(0.45), np.log(0.95), one[2])
    long = short + np.log(_between(1.4, 2.8, one[3]))
    deviation = np.where(ectopic, _between(0.01, 0.06, one[4]), _between(0.05, 0.3, one[5]))
    logarithms = np.where(ectopic, short, long) + deviation * standard_normal(noise)
    logarithms = np.where(ectopic, logarithms, np.maximum(logarithms, short + np.log(1.25)))
    sick = of_records(np.cumsum(np.exp(logarithms), axis=1), ectopic)

    one, chain, noise = _drawn("block", 5)
    blocked = _chain(chain, _between(0.05, 0.7, one[0]), _between(0.3, 0.97, one[1]))
    short = _between(np.log(0.5), np.log(1.1), one[2])
    logarithms = short + np.log(_between(1.6, 2.05, one[3])) * blocked
    logarithms = logarithms + _between(0.01, 0.05, one[4]) * standard_normal(noise)
    block = of_records(np.cumsum(np.exp(logarithms), axis=1), np.zeros_like(blocked))
    return Rhythm(*(np.concatenate(parts) for parts in zip(sick, block, strict=True)))


def of_records(times: np.ndarray, supraventricular: np.ndarray) -> Rhythm:
    """Compute the RR features of records as of real ones, from the times (R, n), s, and ectopy bool (R, n) of beats."""
    columns = np.concatenate([beat_intervals(one) for one in times])
    rr = rr_features(columns, np.repeat(np.arange(len(times)), times.shape[1]))
    return Rhythm(rr, supraventricular.reshape(-1))


def _chain(uniform: np.ndarray, enter: np.ndarray, stay: np.ndarray) -> np.ndarray:
    """Simulate two-state Markov chains, bool (R, n), with probabilities (R, 1) to enter and to stay."""
    inside = np.zeros(uniform.shape, bool)
    for step in range(1, uniform.shape[1]):
        inside[:, step] = uniform[:, step] < np.where(inside[:, step - 1], stay[:, 0], enter[:, 0])
    return inside


def _between(low: float, high: float, uniform: np.ndarray) -> np.ndarray:
    return low + (high - low) * uniform


def _drawn(rhythm: str, parameters: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Draw uniform numbers: parameters of a record, (RECORDS, 1) each, one of each beat, and two for its noise."""
    one, chain, noise = np.split(_uniform(rhythm, parameters + 3 * BEATS), [parameters, parameters + BEATS], axis=1)
    return np.split(one, parameters, axis=1), chain, noise


def _uniform(rhythm: str, columns: int) -> np.ndarray:
    """Draw uniform numbers in [0, 1): (RECORDS, columns)."""
    return stream(f"simulated {rhythm}").random_raw((RECORDS, columns)) * 2.0**-64
