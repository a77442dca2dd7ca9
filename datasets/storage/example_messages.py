"""Many records of one layout parsed at once: `tf.train.Example` messages, the protocol buffers that TFDS writes.

The parser of the protobuf package makes objects of every record, which takes longer than to read it. Records of equal
length mostly differ in their values alone: then one record tells where the values lie in all of them.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

FIRST, SECOND = 0x0A, 0x12
"""Tags of a message's first and second field, where they are preceded by their length."""

BYTES, INTEGERS = 0x0A, 0x1A
"""The tags of a feature's list, by what is in it."""

Span = tuple[int, int]


def same_layout(records: Sequence[bytes]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The values of those records of equal length that are laid out as the first is.

    Returns:
      Which records these are, bool (n,), and their features, each of one value: name → uint8 (m, bytes of the value),
      or int64 (m,) where it is a number. None of them where the first record holds anything else.
    """
    try:
        found = spans(records[0])
    except ValueError:
        return np.zeros(len(records), bool), {}
    data = np.frombuffer(b"".join(records), np.uint8).reshape(len(records), -1)
    same, fixed = np.ones(len(records), bool), np.ones(data.shape[1], bool)
    for kind, (start, end) in found.values():
        # Every byte of a number but its last has the highest bit set: with its first byte as many, it is one number.
        fixed[start:end] = False
        if kind == INTEGERS:
            same &= np.all((data[:, start:end] >= 128) == (np.arange(start, end) < end - 1), axis=1)
    same &= np.all(data[:, fixed] == data[0, fixed], axis=1)
    values = {name: (kind, data[same, slice(*span)]) for name, (kind, span) in found.items()}
    return same, {name: _numbers(value) if kind == INTEGERS else value for name, (kind, value) in values.items()}


def _numbers(digits: np.ndarray) -> np.ndarray:
    """Numbers of seven bits a byte, the lowest first, uint8 (n, bytes) → int64 (n,)."""
    total = np.zeros(len(digits), np.uint64)
    for index, digit in enumerate(digits.T):
        total |= (digit & np.uint8(127)).astype(np.uint64) << np.uint64(7 * index)
    return total.view(np.int64)


def spans(record: bytes) -> dict[str, tuple[int, Span]]:
    """Where the values of a record lie: feature → `BYTES` or `INTEGERS`, and the bytes of its one value.

    Raises:
      ValueError: it is not a `tf.train.Example`, or has a feature of several values, of none, or of floats.
    """
    found = {}
    # A message of one map, of names to features, each of one list, of one value.
    (features,) = _fields(record, (0, len(record)), FIRST)
    for entry in _fields(record, features, FIRST):
        name, feature = _fields(record, entry, FIRST, SECOND)
        kind = BYTES if record[slice(*feature)].startswith(bytes([BYTES])) else INTEGERS
        (values,) = _fields(record, feature, kind)
        (value,) = _fields(record, values, FIRST)
        if kind == INTEGERS and _varint(record, value[0])[1] != value[1]:
            raise ValueError("found several integers, expected one")
        found[record[slice(*name)].decode()] = (kind, value)
    return found


def _fields(record: bytes, span: Span, *tags: int) -> Iterator[Span]:
    """Where the contents of a message's fields lie, which have these tags, the last of them as often as it likes."""
    at, end = span
    expected = itertools.chain(tags, itertools.repeat(tags[-1]))
    while at < end:
        if record[at] != (tag := next(expected)):
            raise ValueError(f"found a field of tag {record[at]}, expected {tag}")
        length, start = _varint(record, at + 1)
        at = start + length
        if at > end:
            raise ValueError(f"found a field that ends at byte {at}, expected {end} at most")
        yield start, at


def _varint(record: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    number = 0
    for index in range(10):
        if at + index >= len(record):
            break
        byte = record[at + index]
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number, at + index + 1
    raise ValueError(f"found a number at byte {at} that does not end")
