"""Changes of a valid file, drawn from a seeded generator: bits, spans, numbers, tokens, lines and encodings."""

import random
import re
from collections.abc import Callable, Sequence

INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
NUMBERS = (
    *(b"0 1 -1 2 0.5 127 128 255 256 32767 65536 2147483647 2147483648 4294967296 9223372036854775808 -0".split()),
    *(b"1e308 -1e308 1e309 1e-320 1e-9 1e9 nan NaN inf -inf Infinity 1_000 0x10 1e 1.2.3 1,5 1/0 +5 - .".split()),
    b"9" * 400,
    b"9" * 5000,
    b"0." + b"0" * 400 + b"1",
    "٣".encode(),
    "１２".encode(),
    "−1".encode(),
)
"""Numbers as text, of which many are none."""

SIGNS = (b"\0", b"\r", b"\n", b"\r\n", b"\x85", b"\x1a", b"\x1b[2J", b'"', b"'", b"#", b"%", b",", b";", b"\t", b"|")
SIGNS += (b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\xc3", "\u2028".encode(), "\u202e".encode(), b"/", b"../", b"~", b"*")
NESTS = ((b"[", b"]"), (b"(", b")"), (b'{"a":', b"}"), (b"-", b""), (b"~", b""))

Change = Callable[[random.Random, bytes], bytes]


def _at(draw: random.Random, data: bytes) -> int:
    return draw.randrange(len(data) + 1)


def _span(draw: random.Random, data: bytes) -> tuple[int, int]:
    first = _at(draw, data)
    return first, min(len(data), first + draw.choice((1, 2, 4, 8, 16, 64, len(data))))


def _flip(draw: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found)


def _binary(draw: random.Random, data: bytes) -> bytes:
    size, value = draw.choice((1, 2, 4, 8)), draw.choice(INTEGERS)
    if len(data) < size:
        return data
    first = draw.randrange(min(len(data), draw.choice((64, 512, len(data)))) - size + 1) if len(data) > size else 0
    return data[:first] + (value % 256**size).to_bytes(size, draw.choice(("little", "big"))) + data[first + size :]


def _number(draw: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"[-+]?\d[\d.]*", data[: draw.choice((200, 2000, len(data)))]))
    if not found:
        return data
    one = draw.choice(found)
    return data[: one.start()] + draw.choice(NUMBERS) + data[one.end() :]


def _delete(draw: random.Random, data: bytes) -> bytes:
    first, last = _span(draw, data)
    return data[:first] + data[last:]


def _truncate(draw: random.Random, data: bytes) -> bytes:
    return data[: _at(draw, data)]


def _repeat(draw: random.Random, data: bytes) -> bytes:
    first, last = _span(draw, data)
    count = draw.choice((1, 2, 10, 1000)) if last - first <= 64 else 1
    return data[:last] + data[first:last] * count + data[last:]


def _move(draw: random.Random, data: bytes) -> bytes:
    first, last = _span(draw, data)
    rest, at = data[:first] + data[last:], _at(draw, data[: len(data) - last + first])
    return rest[:at] + data[first:last] + rest[at:]


def _insert(draw: random.Random, data: bytes) -> bytes:
    at = _at(draw, data)
    more = draw.choice((draw.choice(SIGNS), draw.choice(NUMBERS), draw.randbytes(draw.choice((1, 4, 100)))))
    return data[:at] + more + data[at:]


def _line(draw: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    how = draw.randrange(4)
    if how == 0:
        del lines[one]
    elif how == 1:
        lines[one], lines[other] = lines[other], lines[one]
    elif how == 2:
        lines.insert(one, lines[other])
    else:
        lines[one] = b""
    return b"\n".join(lines)


def _encoding(draw: random.Random, data: bytes) -> bytes:
    text = data.decode("latin-1")
    how = draw.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "newlines", "upper"))
    if how == "newlines":
        return data.replace(b"\n", draw.choice((b"\r", b"\r\n", b"\n\n", b"")))
    return data.upper() if how == "upper" else text.encode(how)


def _nest(draw: random.Random, data: bytes) -> bytes:
    at, (first, last), depth = _at(draw, data), draw.choice(NESTS), draw.choice((3, 100, 3000, 100_000))
    return data[:at] + first * depth + b"1" + last * depth + data[at:]


COMMON = (_flip, _flip, _binary, _number, _number, _delete, _truncate, _repeat, _move, _insert, _line)
RARE = (_encoding, _nest)


def mutated(draw: random.Random, data: bytes, others: Sequence[bytes] = (), tokens: Sequence[bytes] = ()) -> bytes:
    """Return a changed file.

    Args:
      draw: the generator.
      data: the file.
      others: files whose parts may be spliced in.
      tokens: words of the format.
    """
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        how = draw.randrange(100)
        if how < 12 and tokens:
            first, last = _span(draw, data) if draw.random() < 0.5 else (_at(draw, data),) * 2
            data = data[:first] + draw.choice(tokens) + data[last:]
        elif how < 18 and others:
            other = draw.choice(others)
            first, last = _span(draw, other)
            at = _at(draw, data)
            data = data[:at] + other[first:last] + data[at + (last - first) * draw.randrange(2) :]
        else:
            data = draw.choice(RARE if how > 97 else COMMON)(draw, data)
    return data
