"""Archives that are made to do harm: paths that lead out, links, devices, bombs, members of one name, wrong sizes."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import warnings
import zipfile

from tests.campaign.mutations import mutated

NAMES = (
    "mitbih_train.csv",
    "archive/mitbih_train.csv",
    "archive/mitbih_test.csv",
    "../mitbih_train.csv",
    "../../escaped/mitbih_train.csv",
    "/tmp/escaped/mitbih_train.csv",
    "a/../../mitbih_train.csv",
    "..\\mitbih_train.csv",
    "C:\\mitbih_train.csv",
    "./mitbih_train.csv",
    "mitbih_train.csv/",
    "mitbih_train.csv (1)",
    "mitbih_train (1).csv",
    "MITBIH_TRAIN.CSV",
    "a.zip",
    "a.tar",
    "b.tgz",
    "x" * 300 + ".zip",
    "x" * 300 + "/mitbih_train.csv",
    "",
    ".",
    "..",
    "/",
    "\n",
    "mitbih_train.csv\n",
    "a\x1b[2J.zip",
    "\udcff.zip",
    "mitbih_train.csv\0.zip",
    "é.zip",
)
TYPES = (tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
TYPES += (tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, b"?")
TARGETS = ("mitbih_train.csv", "../../etc/passwd", "/etc/passwd", "mitbih_test.csv", "", ".")
BOMB = bytes(40 << 20)
"""Zeros, which pack to a thousandth."""


def hostile_archive(draw: random.Random, rows: bytes) -> dict[str, bytes]:
    """Return an archive of one of the formats: name → content; `rows` are those of a valid table."""
    make = draw.choice((tar_archive, tar_archive, zip_archive, zip_archive, nested))
    content = make(draw, rows)
    if draw.random() < 0.3:
        content = mutated(draw, content)
    pack = draw.choice((bytes, bytes, gzip_quickly, bz2.compress, lzma.compress))
    content = pack(content) if len(content) < 1 << 20 else content
    if draw.random() < 0.1:
        content = mutated(draw, content)
    return {draw.choice(("a.zip", "a.tar", "a.tgz", "a.gz", "mitbih_train.csv.gz", "mitbih_train.csv")): content}


def gzip_quickly(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def _content(draw: random.Random, rows: bytes) -> bytes:
    how = draw.randrange(100)
    if how < 2:
        return BOMB
    return mutated(draw, rows) if how < 50 else draw.choice((rows, b"", b"\n", b"PK\x03\x04", b"\x1f\x8b"))


def tar_archive(draw: random.Random, rows: bytes) -> bytes:
    content = io.BytesIO()
    form = draw.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    try:
        with tarfile.open(fileobj=content, mode="w", format=form, errors="surrogateescape") as archive:
            for _ in range(draw.randrange(5)):
                info = tarfile.TarInfo(draw.choice(NAMES))
                info.type, info.linkname = draw.choice((tarfile.REGTYPE, draw.choice(TYPES))), draw.choice(TARGETS)
                data = _content(draw, rows)
                info.size = len(data) if info.isreg() else draw.choice((0, 512, 2**33))
                if draw.random() < 0.1:
                    info.pax_headers = {
                        draw.choice(("path", "size", "GNU.sparse.size", "a")): draw.choice(("-1", "x", "9" * 30))
                    }
                archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    except (ValueError, UnicodeError):  # a name that the format does not hold
        pass
    found = content.getvalue()
    if draw.random() < 0.2 and len(found) >= 512:  # another size in the first header, with its right checksum
        head = bytearray(found[:512])
        head[124:136] = draw.choice((b"77777777777\0", b"\x80" + b"\xff" * 11, b"-0000000001\0", b"\xff" * 12))
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        found = bytes(head) + found[512:]
    return found


def zip_archive(draw: random.Random, rows: bytes) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", draw.choice((0, 8, 8, 12, 14))) as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for _ in range(draw.randrange(5)):
            info = zipfile.ZipInfo(draw.choice(NAMES).encode("utf-8", "replace").decode(), (1980, 1, 1, 0, 0, 0))
            info.external_attr = draw.choice((0, 0o120777 << 16, 0o020666 << 16, 0o40755 << 16))  # a link, a device
            data = draw.choice(TARGETS).encode() if draw.random() < 0.1 else _content(draw, rows)
            archive.writestr(info, data, draw.choice((0, 8)))
    found = content.getvalue()
    at = found.find(b"PK\1\2")
    if draw.random() < 0.3 and at >= 0:  # other sizes, methods and flags in the table of contents
        where, size = draw.choice(((8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (38, 4), (42, 4)))
        value = draw.choice((0, 1, 0x41, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)) % 256**size
        found = found[: at + where] + struct.pack("<I", value)[:size] + found[at + where + size :]
    return found


def nested(draw: random.Random, rows: bytes) -> bytes:
    """Archives in archives, up to seven deep, each of two copies."""
    content, name = zip_archive(draw, rows), "a.zip"
    for _ in range(draw.randrange(7)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", 8) as archive:
            for copy in range(2):
                archive.writestr(f"{copy}{name}", content)
        content = packed.getvalue()
    return content
