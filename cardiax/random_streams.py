"""Random number streams on the host, one for each purpose.

Only the raw output of the bit generator is used (`Philox.random_raw`): NumPy guarantees that its stream is stable
between versions, but not that of `Generator.permutation`.
"""

import hashlib

import numpy as np


def stream(purpose: str, *numbers: int) -> np.random.Philox:
    """Return the bit generator of a purpose, for example `split`, and of the integers that distinguish its streams.

    Its key is the first 128 bits of a SHA-256 digest, so streams of different purposes or numbers are independent.
    """
    digest = hashlib.sha256(repr((purpose, *map(int, numbers))).encode()).digest()
    return np.random.Philox(key=np.frombuffer(digest[:16], "<u8"))


def standard_normal(uniform: np.ndarray) -> np.ndarray:
    """Convert uniform numbers (..., 2 n) in [0, 1) to standard normal ones (..., n) by the Box-Muller transform."""
    radius, angle = np.split(uniform, 2, axis=-1)
    return np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle)
