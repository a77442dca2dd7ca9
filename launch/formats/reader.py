"""What every format's reader yields: a recording that is read in pieces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATES = (40.0, 50_000.0)
"""Hz, of an ECG; what lies outside is in another unit."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording of several channels, of which nothing is held in memory.

    Attributes:
      path: its file.
      names: of the channels; None where the file does not name them.
      units: of each channel as the file states it, in lower case; None where it states none.
      samples: how many there are of each channel.
      rate: samples a second; None where the file does not tell.
      times: the file's own time of each sample, s; None where it has none, and the first sample is at 0.
      read: (first, last, channels) → float64 (last - first, channels), in the units of the file; NaN where it has gaps.
      rate_from: what the file tells the rate by, in words.
      note: what had to be assumed to read it, in words; empty where nothing was.
    """

    path: Path
    names: tuple[str, ...] | None
    units: tuple[str | None, ...]
    samples: int
    rate: float | None
    times: np.ndarray | None
    read: Callable[[int, int, Sequence[int]], np.ndarray]
    rate_from: str = ""
    note: str = ""

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return len(self.units)
