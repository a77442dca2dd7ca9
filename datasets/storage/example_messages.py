"""Vectorised parsing of records with equal layout: `tf.train.Example` messages, the protocol buffers that TFDS writes.

The parser of the protobuf package creates objects for every record, which takes longer than reading it. Records of
equal length mostly differ only in their values, so the positions of the values in one record apply to all.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

FIRST, SECOND = 0x0A, 0x12
"""Tags of the first and second field of a message, if length-delimited."""

BYTES, INTEGERS = 0x0A, 0x1A
"""Tags of a feature's list, by the type of its values."""

Span = tuple[int, int]


def same_layout(records: Sequence[bytes]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Parse those records of equal length that have the layout of the first one.

    Args:
      records: n serialized examples of equal length.

    Returns:
      A mask of the m parsed records, bool (n,), and their features, each with one value: name → uint8
      (m, bytes of the value), or int64 (m,) for an integer. No record is parsed if the first one holds anything else.
    """
    try:
        found = spans(records[0])
    except ValueError:
        return np.zeros(len(records), bool), {}
    data = np.frombuffer(b"".join(records), np.uint8).reshape(len(records), -1)
    same, fixed = np.ones(len(records), bool), np.ones(data.shape[1], bool)
    for kind, (start, end) in found.values():
        # All bytes of a varint except the last have the highest bit set, so this checks that the span is one varint.
        fixed[start:end] = False
        if kind == INTEGERS:
            same &= np.all((data[:, start:end] >= 128) == (np.arange(start, end) < end - 1), axis=1)
    same &= np.all(data[:, fixed] == data[0, fixed], axis=1)
    values = {name: (kind, data[same, slice(*span)]) for name, (kind, span) in found.items()}
    return same, {name: _numbers(value) if kind == INTEGERS else value for name, (kind, value) in values.items()}


def _numbers(digits: np.ndarray) -> np.ndarray:
    """Decode varints, seven bits per byte with the lowest first: uint8 (n, bytes) → int64 (n,)."""
    total = np.zeros(len(digits), np.uint64)
    for index, digit in enumerate(digits.T):
        total |= (digit & np.uint8(127)).astype(np.uint64) << np.uint64(7 * index)
    return total.view(np.int64)


def spans(record: bytes) -> dict[str, tuple[int, Span]]:
    """Locate the values of a record: feature → `BYTES` or `INTEGERS`, and the byte span of its only value.

    Raises:
      ValueError: if it is not a `tf.train.Example`, or a feature has no value, several values or floats.
    """
    found = {}
    # The message is a map from names to features; a feature holds one list of one value.
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
    """Yield the spans of a message's fields, which must have these tags in order; the last one may repeat."""
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
    """Decode the varint at `at`; return its value and the index after it."""
    number = 0
    for index in range(10):
        if at + index >= len(record):
            break
        byte = record[at + index]
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number, at + index + 1
    raise ValueError(f"found a number at byte {at} that does not end")
