"""How much compressed files may hold: a bomb of some kilobytes must not fill memory or the disk."""

import io
from typing import Any, BinaryIO

FREE = 2**28
"""Bytes that any compressed file may hold."""

RATIO = 200
"""A larger one may hold this many times its own size; ECGs and their tables hold 2 to 20 times, zeros 1000 times."""


class UnpackedSizeError(ValueError):
    """Raised for a compressed file that holds more than `FREE` bytes and more than `RATIO` times its size."""


class Room:
    """The bytes that may still be unpacked from one file.

    Args:
      packed: size of the file, bytes.
    """

    def __init__(self, packed: int):
        self.size = self.left = max(FREE, RATIO * packed)

    def take(self, count: int) -> None:
        """Count bytes that are unpacked; raise `UnpackedSizeError` if there is no room for them."""
        self.left -= count
        if self.left < 0:
            raise UnpackedSizeError(f"it holds more than {self.size:,} bytes, {RATIO} times its size or more")

    def stream(self, unpacked: Any) -> BinaryIO:
        """Return a stream of the content of `unpacked`, a stream that decompresses, which counts what is read."""
        return io.BufferedReader(_Counted(unpacked, self), 1 << 16)


class _Counted(io.RawIOBase):
    def __init__(self, unpacked: Any, room: Room):
        self._unpacked, self._room, self._reached, self._at = unpacked, room, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._unpacked.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = self._unpacked.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        content = self._unpacked.read(len(buffer))
        buffer[: len(content)] = content
        self._at += len(content)
        if self._at > self._reached:
            self._room.take(self._at - self._reached)
            self._reached = self._at
        return len(content)

    def close(self) -> None:
        self._unpacked.close()
        super().close()
