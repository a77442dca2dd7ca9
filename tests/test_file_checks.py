"""What files are by their first bytes, each made by what writes it where the standard library can."""

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from cardiax.file_checks import ARCHIVES, HEAD, STAND_INS, kind


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return stream.getvalue()


def array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


KINDS = {
    "a zip archive": zipped("mitbih_train.csv"),
    "an empty zip archive": zipped(),
    "an Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "gzip-compressed": gzip.compress(b"1,2"),
    "bzip2-compressed": bz2.compress(b"1,2"),
    "xz-compressed": lzma.compress(b"1,2"),
    "a tar archive": tarred(),
    "a NumPy array": array(),
    "a Python pickle, which is never loaded": pickle.dumps({"a": 1}),
    "an HTML page, e.g. of a login or an error": b"\xef\xbb\xbf\n <!DOCTYPE HTML><title>Sign in</title>",
    "an XML document": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an annotated ECG of HL7 (aECG, XML)": b'<?xml version="1.0"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3">',
    "a GE MUSE ECG (XML)": b'<?xml version="1.0"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>',
    "a Philips ECG (XML)": b'<?xml version="1.0"?><restingecgdata xmlns="http://www3.medical.philips.com">',
    "an SCP-ECG file": b"\x12\x34" + b"\0" * 14 + b"SCPECG" + b"\0" * 40,
    "a DICOM file": b"\0" * 128 + b"DICM" + b"\2\0",
    "an EDF recording": b"0       X X X X" + b" " * 400,
    "a BDF recording": b"\xffBIOSEMI" + b" " * 400,
    "a GIF image": b"GIF89a",
    "a MATLAB file": b"MATLAB 7.3 MAT-file, Platform: GLNXA64",
    "a JSON document": b'{"code": 403, "message": "Forbidden"}',
    "text in UTF-16": "1,2".encode("utf-16"),
    "an empty file": b"",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_named_by_its_first_bytes(name):
    assert kind(KINDS[name][:HEAD]) == name


@pytest.mark.parametrize("text", [b"[[0.1, 0.2],", b'[ {"I": 1}]', b'{\n  "a": 1}', b'\xef\xbb\xbf{ "a": 1}'])
def test_json_however_it_is_indented(text):
    assert kind(text) == "a JSON document"


@pytest.mark.parametrize("text", [b"<Ecg restingecg>", b"<table>\n<tr>", b"<!-- note -->\n<a>"])
def test_markup_without_a_declaration(text):
    assert kind(text) == "an XML document"


@pytest.mark.parametrize(
    "text",
    [
        b"0       1.5\n" * 40,
        b"<\x00a b>\x00" * 20,
        b"1,2\r\n",
        b"I,II\n0.1,0.2\n",
        b"# a comment\n1;2\n",
        b"\xef\xbb\xbftime,I\n",
        b"100 2 360",
    ],
)
def test_tables_and_headers_are_none_of_them(text):
    assert kind(text) is None


def test_pointers_say_how_to_get_the_file():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    assert kind(pointer) == "a Git LFS pointer (`git lfs pull` fetches the file itself)"
    assert kind(pointer) in STAND_INS
    assert not set(ARCHIVES) & set(STAND_INS)
