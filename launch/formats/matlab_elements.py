"""Reading of the numeric arrays in MATLAB files of versions 5 to 7.2, after MathWorks' "MAT-File Format".

`scipy.io.loadmat` (1.17.1) uses the type in a file as the index of a C array without a check, so that the files
`other_first_bytes` and `unknown_type_of_data` in tests/campaign/corpus/matlab end the process. It can replace this
module when the oldest SciPy that cardiax allows has the check (https://github.com/scipy/scipy/pull/25829).
"""

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from cardiax.unpacked_size import Room

COMPRESSED, MATRIX = 15, 14
"""Types of elements."""

STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Type of a data element → NumPy's."""

NUMERIC = range(6, 16)
"""Classes of arrays of numbers: double, single and integers; the others are never looked into."""

COMPLEX = 0x0800
"""Flag of an array that also has an imaginary part."""

HEADER = 128
"""Bytes of the header of a file; the last two give the order of bytes."""

SLICE = 2**16
"""Bytes that are decompressed at a time."""


def read_arrays(content: Any, room: Room) -> dict[str, np.ndarray]:
    """Return the arrays of real numbers by name, as they are stored.

    Args:
      content: bytes or memory map of the file.
      room: counts what is decompressed.

    Raises:
      ValueError: the file is damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[HEADER - 2 : HEADER]))
    if order is None:
        raise ValueError("another order of bytes")
    found = {}
    for kind, data in _elements(memoryview(content)[HEADER:], order, padded=False):
        if kind == COMPRESSED:
            ((kind, data),) = _elements(_decompressed(data, room), order, padded=True)
        if kind == MATRIX and (array := _array(data, order)) is not None:
            found[array[0]] = array[1]
    return found


def _elements(content: memoryview, order: str, padded: bool) -> Iterator[tuple[int, memoryview]]:
    """Yield the type and the data of each element; within an array, they begin at multiples of 8 bytes."""
    at = 0
    while at < len(content):
        if at + 8 > len(content):
            raise ValueError("an element without its tag")
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # up to four bytes of data within the tag
            kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            if size > 4:
                raise ValueError("a short element of more than 4 bytes")
        else:
            start, end = at + 8, at + 8 + size
            end += -size % 8 if padded and kind != COMPRESSED else 0
        if start + size > len(content):
            raise ValueError("an element that is not complete")
        yield kind, content[start : start + size]
        at = end


def _decompressed(data: memoryview, room: Room) -> memoryview:
    unpack, parts = zlib.decompressobj(), []
    for at in range(0, len(data), SLICE):
        rest = data[at : at + SLICE]
        while rest:
            parts.append(unpack.decompress(rest, 1 << 20))
            room.take(len(parts[-1]))
            rest = unpack.unconsumed_tail  # a copy
    if not unpack.eof:
        raise ValueError("compressed data that are not complete")
    return memoryview(b"".join(parts))


def _array(data: memoryview, order: str) -> tuple[str, np.ndarray] | None:
    """Return the name and the values of an array, or None if it has no name or is not one of real numbers."""
    elements = _elements(data, order, padded=True)
    (_, flags), (_, shape), (_, name) = (next(elements, (0, b"")) for _ in range(3))
    (flag,) = struct.unpack_from(f"{order}I", flags)
    if flag & 0xFF not in NUMERIC or flag & COMPLEX or not len(name):
        return None
    kind, values = next(elements, (0, b""))
    sizes = np.frombuffer(shape, f"{order}i4").tolist()
    if kind not in STORED or len(sizes) < 2 or min(sizes) < 0:
        raise ValueError("an array without sizes or values")
    found = np.frombuffer(values, order + STORED[kind])
    if math.prod(sizes) != len(found):
        raise ValueError(f"{len(found)} values of an array of {math.prod(sizes)}")
    return bytes(name).decode("latin-1"), found.reshape(sizes, order="F")
