"""Rhythms that few patients have, as `cardiax.ecg.rr_features` tells of them: to train with.

The sixteen or so patients that a network learns from leave out most of what a rhythm can be. These are intervals alone;
the beats that they are given to are somebody's normal ones.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from cardiax.ecg.rr_features import beat_intervals, rhythm_numbers
from cardiax.random_streams import stream

RECORDS = 60
"""Of each rhythm."""

BEATS = 600
"""A record."""


class Rhythm(NamedTuple):
    """Beats of made-up records.

    Attributes:
      numbers: `rhythm_numbers` of each beat, float32 (n, 22).
      supraventricular: whether the beat is ectopic, from above the ventricles, bool (n,); else it is a normal one.
    """

    numbers: np.ndarray
    supraventricular: np.ndarray


@cache
def fibrillation() -> Rhythm:
    """Atrial fibrillation, in which all beats count as normal: 36,000 beats.

    Sixty records of 600 independent intervals, lognormal: each record's median from 0.45 to 1.1 s, uniform in its
    logarithm, the logarithms' standard deviation from 0.1 to 0.3, no interval below 0.28 s. In fibrillation conduction
    to the ventricles is irregular without a pattern (Bootsma et al. 1970, doi:10.1161/01.CIR.41.5.783).
    """
    uniform = _uniform("fibrillation", 2 + 2 * BEATS)
    median = _between(np.log(0.45), np.log(1.1), uniform[:, :1])
    deviation = _between(0.1, 0.3, uniform[:, 1:2])
    intervals = np.exp(median + deviation * _normal(uniform[:, 2:]))
    return of_records(np.cumsum(np.maximum(intervals, 0.28), axis=1), np.zeros((RECORDS, BEATS), bool))


@cache
def pauses() -> Rhythm:
    """Sinus arrest with atrial ectopic rhythm, and second-degree atrioventricular block: 72,000 beats.

    In both, long intervals lie among regular shorter ones, so that the usual interval does not tell the normal beat.
    Sixty records each; in each record a two-state Markov chain says which intervals are long.

    - A sick sinus node (Ferrer 1968, JAMA 206:645) pauses for 1.4 to 2.8 times the ectopic
      interval of 0.45 to 0.95 s, and irregularly: the logarithms deviate by 0.05 to 0.3. A normal beat ends the pause,
      ectopic ones follow each other regularly (0.01 to 0.06), and are supraventricular.
    - In block one beat is not conducted: the interval is 1.6 to 2.05 times the record's usual one of 0.5 to 1.1 s,
      regularly (0.01 to 0.05), and all beats are normal.
    """
    uniform = _uniform("sick sinus node", 6 + 3 * BEATS)
    parameters, chain, noise = np.split(uniform, [6, 6 + BEATS], axis=1)
    one = [parameters[:, index, None] for index in range(6)]
    ectopic = _chain(chain, _between(0.2, 0.95, one[0]), _between(0.3, 0.95, one[1]))
    short = _between(np.log(0.45), np.log(0.95), one[2])
    long = short + np.log(_between(1.4, 2.8, one[3]))
    deviation = np.where(ectopic, _between(0.01, 0.06, one[4]), _between(0.05, 0.3, one[5]))
    logarithms = np.where(ectopic, short, long) + deviation * _normal(noise)
    logarithms = np.where(ectopic, logarithms, np.maximum(logarithms, short + np.log(1.25)))
    sick = of_records(np.cumsum(np.exp(logarithms), axis=1), ectopic)

    uniform = _uniform("block", 5 + 3 * BEATS)
    parameters, chain, noise = np.split(uniform, [5, 5 + BEATS], axis=1)
    one = [parameters[:, index, None] for index in range(5)]
    blocked = _chain(chain, _between(0.05, 0.7, one[0]), _between(0.3, 0.97, one[1]))
    short = _between(np.log(0.5), np.log(1.1), one[2])
    logarithms = short + np.log(_between(1.6, 2.05, one[3])) * blocked + _between(0.01, 0.05, one[4]) * _normal(noise)
    block = of_records(np.cumsum(np.exp(logarithms), axis=1), np.zeros_like(blocked))
    return Rhythm(*(np.concatenate(parts) for parts in zip(sick, block, strict=True)))


def of_records(times: np.ndarray, supraventricular: np.ndarray) -> Rhythm:
    """The beats of records as the features of real ones are made.

    Args:
      times: (R, n), s, when each beat of a record comes.
      supraventricular: bool (R, n).
    """
    columns = np.concatenate([beat_intervals(one) for one in times])
    numbers = rhythm_numbers(columns, np.repeat(np.arange(len(times)), times.shape[1]))
    return Rhythm(numbers, supraventricular.reshape(-1))


def _chain(uniform: np.ndarray, enter: np.ndarray, stay: np.ndarray) -> np.ndarray:
    """Two-state Markov chains (R, n): in or not, by the chances (R, 1) to enter and to stay."""
    inside = np.zeros(uniform.shape, bool)
    for step in range(1, uniform.shape[1]):
        inside[:, step] = uniform[:, step] < np.where(inside[:, step - 1], stay[:, 0], enter[:, 0])
    return inside


def _between(low: float, high: float, uniform: np.ndarray) -> np.ndarray:
    return low + (high - low) * uniform


def _uniform(rhythm: str, columns: int) -> np.ndarray:
    """(RECORDS, columns), from 0 to below 1."""
    return stream(f"simulated {rhythm}").random_raw((RECORDS, columns)) * 2.0**-64


def _normal(uniform: np.ndarray) -> np.ndarray:
    """Standard normal (R, n) from uniform (R, 2 n), by Box and Muller."""
    first, second = np.split(uniform, 2, axis=1)
    return np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
