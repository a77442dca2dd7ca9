"""What `wfdb` does not find wrong with an annotation file, after annot(5) of PhysioNet: pure functions of bytes."""

import re
from collections.abc import Iterator

SKIP, AUX = 59, 63
"""Codes of a longer step in time, and of the text of an annotation."""

RATE = re.compile(r"## time resolution: \d+\.?\d*.*", re.DOTALL)
NOTE = "found a note that begins with ##, expected one of WFDB's; the file is damaged"
BEGIN, END = "## annotation type definitions", "## end of definitions"


def fault(content: bytes) -> str | None:
    """Return what was found wrong and what was expected, or None: a file that is cut off, or notes that WFDB lacks.

    The package `wfdb` (4.3) reads a file that is cut off as if it were whole. It never returns from one with a note
    that begins with `##` and is not of WFDB, or with a second sampling rate.
    """
    if len(content) < 4 or len(content) % 2 or content[-2:] != b"\0\0":
        return "found no end of the annotations, expected two bytes 0; the file is incomplete"
    rates, is_open = 0, False
    for note in _notes(content):
        if is_open:
            is_open = note != END
        elif note == BEGIN:
            is_open = True
        elif note.startswith("## "):
            rates += 1
            if rates > 1 or not RATE.match(note):
                return NOTE
    return NOTE if is_open else None


def _notes(content: bytes) -> Iterator[str]:
    """Yield the text of each annotation that has one."""
    at = 0
    while at + 2 <= len(content):
        low, code = content[at], content[at + 1] >> 2
        at += 2
        if code == SKIP:
            at += 4
        elif code == AUX:
            yield content[at : at + low].decode("latin-1")
            at += low + low % 2
