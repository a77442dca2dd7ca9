"""Random words for each purpose on the host: no two purposes share a stream.

Only NumPy's bit generator itself is used (`Philox.random_raw`), since NumPy promises its stream for ever and promises
nothing of `Generator.permutation`.
"""

import hashlib

import numpy as np


def stream(purpose: str, *numbers: int) -> np.random.Philox:
    """The generator of a purpose, such as `split`, and of the integers that tell its streams apart.

    Its key is the first 128 bits of a SHA-256 digest, so that different purposes or numbers give unrelated words.
    """
    digest = hashlib.sha256(repr((purpose, *map(int, numbers))).encode()).digest()
    return np.random.Philox(key=np.frombuffer(digest[:16], "<u8"))
