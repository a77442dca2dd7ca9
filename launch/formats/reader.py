"""The recording that every reader returns, which is read in parts."""

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from cardiax.errors import InputError

RATES = (40.0, 50_000.0)
"""Plausible sampling rates of an ECG, Hz; values outside are in another unit."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording of several channels, whose samples stay on disk.

    Attributes:
      path: file of the recording.
      names: names of the channels; None if the file does not have them.
      units: unit of each channel as stated in the file, in lower case; None if it states none.
      samples: number of samples per channel.
      rate: sampling rate, Hz; None if the file does not state it.
      times: time of each sample in the file, s; None if it has none, and the first sample is at 0.
      read: function (first, last, channels) → float64 (last - first, channels), in the units of the file; gaps are NaN.
      rate_from: description of where the file states the rate.
      note: description of assumptions made to read the file; empty if there were none.
      default: names of the channels if neither the file nor the user states them; None if they cannot be assumed.
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
    default: tuple[str, ...] | None = None

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.units)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be gzip-compressed, whatever its name.

    Raises:
      InputError: within the context, the content proves to be damaged.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        except (EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{path}: found content that cannot be read ({error}), expected a complete file"
            ) from error
