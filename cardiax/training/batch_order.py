"""Batches as a pure function of (seed, step): nothing to save, so a run that was killed resumes to the same bits."""

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
    """The order in which training meets its examples.

    Attributes:
      seed: any whole number from 0.
      size: examples in the training split.
      batch_size: examples a step; an epoch is the whole batches that fit, the rest waits for another epoch's order.
      shares: how often each example is drawn, float64 (size,), any scale; None: each once an epoch.
    """

    seed: int
    size: int
    batch_size: int
    shares: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.batch_size > self.size:
            raise InputError(
                f"batch_size: found {self.batch_size}, expected at most the {self.size} examples of the training split"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return self.size // self.batch_size

    def indices(self, step: int) -> np.ndarray:
        """The examples of step 0, 1, …: int64 (batch_size,)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        return self._epoch_order(epoch)[within * self.batch_size : (within + 1) * self.batch_size]

    @cached_property
    def _epoch_order(self) -> Callable[[int], np.ndarray]:
        # A cache of one's own: the members of a population would drive each other's orders out of a common one.
        return lru_cache(maxsize=1)(partial(_epoch_order, self))


def _epoch_order(order: Order, epoch: int) -> np.ndarray:
    random = stream("batch order", order.seed, epoch).random_raw(order.size)
    if order.shares is None:
        return np.argsort(random, kind="stable")
    cumulative = np.cumsum(order.shares)
    return np.searchsorted(cumulative, (random >> np.uint64(11)) * 2.0**-53 * cumulative[-1], side="right")


def padded_batches(size: int, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Every place 0 … size - 1 once, in order, as (places (batch_size,), how many of them count).

    The last batch is filled up with place 0, which the caller drops: each figure stays exact, each shape the same.
    """
    for start in range(0, size, batch_size):
        indices = np.arange(start, min(start + batch_size, size))
        yield np.pad(indices, (0, batch_size - len(indices))), len(indices)


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' types, shapes and bytes: equal for equal data, on any machine."""
    return fingerprint_of_chunks((array.dtype, array.shape, [array]) for array in arrays)


def fingerprint_of_chunks(arrays: Iterable[tuple[np.dtype, tuple[int, ...], Iterable[np.ndarray]]]) -> str:
    """`fingerprint` of arrays that are never whole in memory: of each its type, its shape, and its rows in chunks."""
    digest = hashlib.sha256()
    for dtype, shape, chunks in arrays:
        digest.update(f"{dtype.str}{shape}".encode())
        for chunk in chunks:
            digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()
