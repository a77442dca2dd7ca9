"""Batches as a pure function of (seed, step): there is no state to save, and resuming a run is bit-identical."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np

from cardiax.errors import InputError
from cardiax.random_streams import stream

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Order:
    """The order of the training examples.

    Attributes:
      seed: random seed, a non-negative integer.
      size: number of examples in the training split.
      batch_size: number of examples per step; an epoch has complete batches only and drops the remaining examples.
      shares: sampling weight of each example, float64 (size,), of any scale; None to draw each once per epoch.
    """

    seed: int
    size: int
    batch_size: int
    shares: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.batch_size > self.size:
            raise InputError(
                f"batch_size: found {self.batch_size}, expected at most the {self.size} examples of the training split"
                f"; give --batch_size {max(1, self.size // 4)}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Number of complete batches in an epoch."""
        return self.size // self.batch_size

    def indices(self, step: int) -> np.ndarray:
        """Return the indices of the examples of a step, counted from 0: int64 (batch_size,)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        return self._epoch_order(epoch)[within * self.batch_size : (within + 1) * self.batch_size]

    @cached_property
    def _epoch_order(self) -> Callable[[int], np.ndarray]:
        # One cache per instance: several orders would evict each other's epochs from a shared one.
        return lru_cache(maxsize=1)(partial(_epoch_order, self))


def _epoch_order(order: Order, epoch: int) -> np.ndarray:
    random = stream("batch order", order.seed, epoch).random_raw(order.size)
    if order.shares is None:
        return np.argsort(random, kind="stable")
    cumulative = np.cumsum(order.shares)
    return np.searchsorted(cumulative, (random >> np.uint64(11)) * 2.0**-53 * cumulative[-1], side="right")


def padded_batches(size: int, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the indices 0 … size - 1 in order, as pairs of indices (batch_size,) and the number that are valid.

    The last batch is padded with index 0, so that all shapes are equal; the caller drops the padding.
    """
    for start in range(0, size, batch_size):
        indices = np.arange(start, min(start + batch_size, size))
        yield np.pad(indices, (0, batch_size - len(indices))), len(indices)


def fingerprint(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of the types, shapes and bytes of arrays: equal for equal data, on any machine."""
    return fingerprint_of_chunks((array.dtype, array.shape, [array]) for array in arrays)


def fingerprint_of_chunks(arrays: Iterable[tuple[np.dtype, tuple[int, ...], Iterable[np.ndarray]]]) -> str:
    """Return the `fingerprint` of arrays that do not fit in memory, given as type, shape and chunks of rows."""
    digest = hashlib.sha256()
    for dtype, shape, chunks in arrays:
        digest.update(f"{dtype.str}{shape}".encode())
        for chunk in chunks:
            digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()
