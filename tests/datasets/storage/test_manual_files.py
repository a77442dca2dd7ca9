"""Files found below folders and in archives of any nesting, and what stands in their place told apart."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cardiax.datasets.storage.manual_files import OTHER, Found, find
from cardiax.errors import InputError

NAME = "beats.csv"
TEXT = b"0.5,0\n"
HTML = b"<!DOCTYPE html><title>Sign in</title>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def look(root: Path, scratch: Path) -> Found:
    scratch.mkdir()
    return find([root], {NAME}.__contains__, scratch)


ONE = {NAME: TEXT}
HOLDING = {
    "beside": ONE,
    "three folders deeper": {f"a/b/c/{NAME}": TEXT},
    "upper case": {"BEATS.CSV": TEXT},
    "a browser's second download": {"beats (1).csv": TEXT},
    "in a folder of its name": {f"{NAME}/{NAME}": TEXT},
    "gzip": {f"{NAME}.gz": gzip.compress(TEXT)},
    "gzip under the plain name": {NAME: gzip.compress(TEXT)},
    "bzip2": {f"{NAME}.bz2": bz2.compress(TEXT)},
    "xz": {f"{NAME}.xz": lzma.compress(TEXT)},
    "zip": {"archive (1).zip": zipped({f"archive/{NAME}": TEXT})},
    "zip of another name": {"data": zipped(ONE)},
    "zip under the plain name": {NAME: zipped(ONE)},
    "zip in zip": {"out.zip": zipped({"x/in.zip": zipped(ONE)})},
    "gzip in zip": {"out.zip": zipped({f"{NAME}.gz": gzip.compress(TEXT)})},
    "tar": {"a.tar": tarred(ONE)},
    "tgz": {"a.tgz": tarred({f"deep/er/{NAME}": TEXT}, "w:gz")},
    "tar.bz2 in zip": {"out.zip": zipped({"in.tar.bz2": tarred(ONE, "w:bz2")})},
    "beside macOS's shadows": {NAME: TEXT, f"__MACOSX/{NAME}": b"\0", f"._{NAME}": b"\0", ".DS_Store": b"\0"},
    "a zip with macOS's shadows": {"a.zip": zipped({NAME: TEXT, f"__MACOSX/._{NAME}": b"\0"})},
    "twice, equal": {NAME: TEXT, "archive.zip": zipped(ONE)},
    "beside a page of its name": {f"old/{NAME}": HTML, f"new/{NAME}": TEXT},
}


@pytest.mark.parametrize("case", HOLDING)
def test_a_file_is_found_wherever_it_lies(tmp_path, case):
    write(tmp_path / "given", HOLDING[case])
    found = look(tmp_path / "given", tmp_path / "scratch")
    file = found.pick(NAME, "fetch it")
    assert file is not None
    assert file.path.read_bytes() == TEXT
    assert file.shown.startswith(str(tmp_path / "given"))
    assert not [one for one in found.left_out if one.reason != "a folder"]


def test_an_archive_itself_may_be_given(tmp_path):
    write(tmp_path, {"a.zip": zipped(ONE)})
    file = look(tmp_path / "a.zip", tmp_path / "scratch").pick(NAME, "")
    assert file is not None
    assert file.shown == f"{tmp_path / 'a.zip'}:{NAME}"


STANDING_IN = {
    "a Git LFS pointer": POINTER,
    "an HTML page": HTML,
    "an empty file": b"",
    "an XML document": b"<?xml version='1.0'?><Error/>",
    "a JSON document": b'{"code": 403}',
}


@pytest.mark.parametrize("kind", STANDING_IN)
@pytest.mark.parametrize("packed", [False, True])
def test_what_stands_in_its_place_is_named(tmp_path, kind, packed):
    files = {NAME: STANDING_IN[kind]}
    write(tmp_path / "given", {"a.zip": zipped(files)} if packed else files)
    with pytest.raises(InputError, match=rf"{NAME}: found {kind}.*, expected {NAME} itself; fetch it$"):
        look(tmp_path / "given", tmp_path / "scratch").pick(NAME, "fetch it")


def test_two_that_differ_are_refused(tmp_path):
    write(tmp_path / "given", {f"a/{NAME}": TEXT, f"b/{NAME}": TEXT * 2})
    with pytest.raises(InputError, match=rf"found two files that differ, .*a/{NAME} and .*b/{NAME}, expected one"):
        look(tmp_path / "given", tmp_path / "scratch").pick(NAME, "")


BIG = {"other.bin": bytes(range(256)) * 100, NAME: TEXT * 10_000}
_FLIPPED = bytearray(tarred(BIG, "w:gz"))
_FLIPPED[-8] ^= 1  # of the checksum, as a bit in the middle would tell
DAMAGED = {
    "a bit.tgz": bytes(_FLIPPED),
    "a.zip": zipped(BIG)[:-100],
    "a.tgz": tarred(BIG, "w:gz")[:-20],
    "a.tar": tarred(BIG)[:40_000],
    "b.csv.gz": gzip.compress(TEXT * 1000)[:-12],
    "c.zip": HTML,
    "e.rar": b"Rar!\x1a\x07\x01\0",
    "f.7z": b"7z\xbc\xaf\x27\x1c and more",
    "d.zip": b"PK\x03\x04 and no more",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_named(tmp_path, name):
    write(tmp_path / "given", {name.replace("b.", "beats."): DAMAGED[name]})
    found = look(tmp_path / "given", tmp_path / "scratch")
    assert found.pick(NAME, "") is None
    assert [one.damaged for one in found.left_out if one.reason != OTHER] == [True]
    with pytest.raises(InputError, match=r"found an archive that cannot be read \(.+\), expected a complete"):
        found.raise_damaged()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
def test_an_error_of_the_disk_leaves_no_file_out(tmp_path):
    (tmp_path / NAME).symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path / NAME}'"):
        look(tmp_path, tmp_path / "scratch")


def test_nothing_leads_out_of_an_archive(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo(NAME)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        sparse = tarfile.TarInfo(NAME)
        sparse.size, sparse.pax_headers = len(TEXT), {"GNU.sparse.map": "0,4", "GNU.sparse.size": "8589934592"}
        archive.addfile(sparse, io.BytesIO(TEXT))
    members = {"a.zip": zipped({f"../{NAME}": TEXT, f"/{NAME}": TEXT}), "b.tar": stream.getvalue()}
    write(tmp_path / "given", members)
    found = look(tmp_path / "given", tmp_path / "scratch")
    assert not found.files
    assert [one.reason.partition(", which")[0] for one in found.left_out] == [
        "a path that leads out of the archive",
        "a path that leads out of the archive",
        *["a link, device or sparse file within an archive"] * 2,
    ]
    assert not list((tmp_path / "scratch").rglob(NAME))


def test_archives_without_end_are_not_followed(tmp_path):
    content = zipped(ONE)
    for _ in range(6):
        content = zipped({"in.zip": content})
    write(tmp_path / "given", {"out.zip": content})
    (one,) = look(tmp_path / "given", tmp_path / "scratch").left_out
    assert "nested too deeply" in one.reason


def test_every_other_file_is_named(tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "a link").symlink_to(tmp_path / "nowhere")
    write(tmp_path / "given", {NAME: TEXT, "notes.txt": b"x", "beats.xlsx": zipped({"[Content_Types].xml": b""})})
    found = look(tmp_path / "given", tmp_path / "scratch")
    assert [(Path(one.shown).name, one.reason) for one in found.left_out] == [
        ("a link", "a broken link"),
        ("beats.xlsx", "an Excel workbook or other document"),
        ("notes.txt", OTHER),
    ]
