"""The notes in a WFDB annotation file, after annot(5) of PhysioNet: pure functions of bytes."""

import re
from collections.abc import Iterator

NOTE, SKIP, AUX = 22, 59, 63
"""Codes of a comment, of a longer step in time, and of the text of an annotation."""

RATE = re.compile(r"## time resolution: \d+\.?\d*.*", re.DOTALL)
BEGIN, END = "## annotation type definitions", "## end of definitions"


def are_sound(content: bytes) -> bool:
    """Return True if the notes that begin with `##` are those that WFDB defines.

    The package `wfdb` (4.3) never returns from a file with another one, or with a second sampling rate.
    """
    rates, is_open = 0, False
    for note in _notes(content):
        if is_open:
            is_open = note != END
        elif note == BEGIN:
            is_open = True
        elif note.startswith("## "):
            rates += 1
            if rates > 1 or not RATE.match(note):
                return False
    return not is_open


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
