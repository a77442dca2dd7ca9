"""Checks of a file before it is read: its kind, by its first bytes, its unpacked size, and the end of annotations.

HTML pages, pointers and archives may take the place of data, and a bomb of some kilobytes must not fill memory.
"""

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

HEAD = 512
"""Number of first bytes of a file that `kind` needs."""

EMPTY = "an empty file"
LFS = "a Git LFS pointer (`git lfs pull` fetches the file itself)"
ANNEX = "a git-annex pointer (`git annex get` fetches the file itself)"
HTML = "an HTML page, e.g. of a login or an error"
ZIP, GZIP, BZIP2, XZ, TAR = "a zip archive", "gzip-compressed", "bzip2-compressed", "xz-compressed", "a tar archive"
ARRAY, UTF16 = "a NumPy array", "text in UTF-16"
EDF, BDF, MATLAB = "an EDF recording", "a BDF recording", "a MATLAB file"
ARCHIVES = (ZIP, GZIP, BZIP2, XZ, TAR)
"""Kinds that Python's standard library can open."""

STAND_INS = (EMPTY, LFS, ANNEX, HTML, "an XML document", "a JSON document")
"""Kinds that a server or a version control system may leave in place of any file."""

_MAGIC = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\0", XZ),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed (`zstd -d` decompresses it)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (`7z x` unpacks it)"),
    (b"Rar!\x1a\x07", "a RAR archive (`unrar x` unpacks it)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook or Word document of 1997 to 2003"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", ARRAY),
    (b"PAR1", "a Parquet file"),
    (b"MATLAB 5.0 MAT-file", MATLAB),
    (b"MATLAB 7.3 MAT-file", MATLAB),
    (b"\xffBIOSEMI", BDF),
    (b"GIF8", "a GIF image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "a rich text document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"version https://git-lfs.github.com/", LFS),
    (b"/annex/objects/", ANNEX),
    *((bytes([0x80, protocol]), "a Python pickle, which is never loaded") for protocol in range(2, 6)),
)
_OFFICE = {b"xl/": "an Excel workbook", b"word/": "a Word document", b"spreadsheet": "an OpenDocument spreadsheet"}
_ECG_XML = (
    (rb"<([a-z0-9]+:)?annotatedecg[\s>]", "an annotated ECG of HL7 (aECG, XML)"),
    (rb"<(!doctype )?restingecg[\s>]", "a GE MUSE ECG (XML)"),
    (rb"<restingecgdata[\s>]", "a Philips ECG (XML)"),
)
"""Root of an XML document of an ECG, in lower case, → what it is."""


def kind(head: bytes) -> str | None:
    """Return the kind of a file from its first `HEAD` bytes, or None for plain text and unknown kinds.

    The result completes the phrase "found ...", e.g. `a tar archive`, `gzip-compressed`.
    """
    if not head.strip(b" \t\r\n"):
        return EMPTY
    if head[257:262] == b"ustar":
        return TAR
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if head[16:22] == b"SCPECG":
        return "an SCP-ECG file"
    if head.startswith(b"0       ") and b"\n" not in head[:256] and len(head) >= 256:
        return EDF
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return _zip_kind(head) if name == ZIP else name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")) or b"<html" in text:
        return HTML
    if b"\0" not in head and re.match(rb"<[a-z!?][^<]*>", text):
        return next((name for mark, name in _ECG_XML if re.search(mark, text)), "an XML document")
    return "a JSON document" if re.match(rb'{\s*"|\[\s*[\[{]', text) else None


def _zip_kind(head: bytes) -> str:
    """Tell office documents, which are zip archives that begin with a table of contents, from other zip archives."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if name == b"mimetype" or name.startswith((b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/")):
        return next((kind for mark, kind in _OFFICE.items() if mark in head), "an Excel workbook or other document")
    return ZIP


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


def header_lines(content: bytes) -> list[str]:
    """Return the lines of a WFDB header, in UTF-8 or Latin-1, without comments and blank ones."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line for line in re.split(r"[\r\n]+", text) if line.strip() and not line.startswith("#")]


SKIP, AUX = 59, 63
"""Codes of a longer step in time, and of the text of an annotation."""

RATE = re.compile(r"## time resolution: \d+\.?\d*.*", re.DOTALL)
NOTE = "found a note that begins with ##, expected one of WFDB's; the file is damaged"
BEGIN, END = "## annotation type definitions", "## end of definitions"


def annotation_fault(content: bytes) -> str | None:
    """Return what is wrong with annotations, after annot(5) of PhysioNet: cut off, or notes that WFDB lacks; or None.

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
