"""Reading Kaggle's CSV: any table comes back bit for bit, and every mistake is named by file, line and column."""

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.datasets.kaggle_heartbeat import csv_beats
from cardiax.datasets.storage.manual_files import File
from cardiax.errors import InputError


def make_rows(labels, seed=0) -> np.ndarray:
    """Rows (n, 188) float64 that hold float32 values, zero-padded from a random column on, as Kaggle's do."""
    rng = np.random.default_rng(seed)
    beats = rng.random((len(labels), 187), dtype=np.float32)
    beats[np.arange(187) >= rng.integers(60, 188, (len(labels), 1))] = 0
    return np.concatenate([beats.astype(np.float64), np.array(labels, np.float64)[:, None]], axis=1)


def write_rows(path: Path, rows: np.ndarray) -> None:
    np.savetxt(path, rows, delimiter=",", fmt="%.18e")  # Kaggle's own format


def read_all(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    digest = hashlib.sha256()
    chunks = list(csv_beats.read_beats(File(path, str(path)), (0, 1, 2, 3, 4), digest))
    return np.concatenate([beats for beats, _ in chunks]), np.concatenate([c[1] for c in chunks]), digest.hexdigest()


def with_cell(line: int, column: int, text: str):
    """A change of one cell, counted from 1."""

    def change(content: bytes) -> bytes:
        lines = content.decode().splitlines()
        cells = lines[line - 1].split(",")
        cells[column - 1] = text
        lines[line - 1] = ",".join(cells)
        return ("\n".join(lines) + "\n").encode()

    return change


MISTAKES = {
    "empty": (lambda content: b"", r": the file is empty, expected rows of 188 columns"),
    "cut in a row": (lambda content: content[:-2000], r": line 8, the last, is cut off in column \d+, expected 188"),
    "cut in the label": (
        lambda content: content[:-25],
        r": line 8, column 188: found '', expected the label 0 or 1 or",
    ),
    "binary": (lambda content: content[:3000] + b"\x93NUMPY" + content, r": binary content \(byte 0x93\)"),
    "zeros": (lambda content: content[:3000] + bytes(100), r": binary content \(byte 0x00\)"),
    "no line break": (lambda content: b"1," * (csv_beats.LONGEST), r": no line break in \d+ bytes"),
    "gzip": (gzip.compress, r": found gzip-compressed, expected a CSV file"),
    "zip": (lambda content: b"PK\x03\x04" + content, r": found a zip archive, expected a CSV file"),
    "HTML after an empty line": (lambda content: b"\n<!doctype html>\n<html>\n", r": found an HTML page, .* CSV file"),
    "JSON of several lines": (
        lambda content: b'{\n  "code": 403\n}\n',
        r": found a JSON document, expected a CSV file",
    ),
    "187 columns": (
        lambda content: content.split(b",", 1)[1],
        r": line 1 has 187 columns, expected 188 \(187 samples and a label\)",
    ),
    "189 columns": (with_cell(3, 4, "0.5,0.5"), r": line 3 has 189 columns, expected 188"),
    "all rows short": (lambda content: b"0.5,0.5\n0.1,0.2\n", r": line 1 has 2 columns, expected 188"),
    "empty line": (lambda content: content.replace(b"\n", b"\n\n", 1), r": line 2 is empty, expected 188"),
    "empty line after a short one": (
        lambda content: content.split(b",", 1)[1].replace(b"\n", b"\n\n", 3),
        r": line 1 has 187 columns, expected 188",
    ),
    "empty quotes": (lambda content: b'""\n' + content, r": line 1 is empty, expected 188"),
    "header": (lambda content: b"a,b\n" + content, r": line 1 has 2 columns, expected 188"),
    "NaN": (with_cell(2, 7, "nan"), r": line 2, column 7: found 'nan', expected a sample in \[0, 1\]"),
    "infinity": (with_cell(2, 187, "-inf"), r": line 2, column 187: found '-inf', expected a sample in \[0, 1\]"),
    "too large": (with_cell(5, 1, "1.0001"), r": line 5, column 1: found '1.0001', expected a sample in \[0, 1\]"),
    "negative": (with_cell(5, 1, "-1e-9"), r": line 5, column 1: found '-1e-9', expected a sample in \[0, 1\]"),
    "text": (with_cell(4, 12, "five"), r": line 4, column 12: found 'five', expected a sample in \[0, 1\]"),
    "no value": (with_cell(4, 12, ""), r": line 4, column 12: found '', expected a sample in \[0, 1\]"),
    "label 7": (
        with_cell(6, 188, "7.0"),
        r": line 6, column 188: found '7.0', expected the label 0 or 1 or 2 or 3 or 4",
    ),
    "label 1.5": (with_cell(6, 188, "1.5"), r": line 6, column 188: found '1.5', expected the label"),
    "label NaN": (with_cell(6, 188, "nan"), r": line 6, column 188: found 'nan', expected the label"),
    "label text": (with_cell(6, 188, "N"), r": line 6, column 188: found 'N', expected the label"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_file_is_named_with_the_way_out(tmp_path, mistake):
    change, expected = MISTAKES[mistake]
    path = tmp_path / "mitbih_train.csv"
    write_rows(path, make_rows([0, 1, 2, 3, 4, 0, 0, 4]))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        read_all(path)
    message = str(caught.value)
    assert re.match(re.escape(str(path)) + expected, message), message
    assert message.endswith("from https://www.kaggle.com/datasets/shayanfazeli/heartbeat")
    assert "\n" not in message


def columns(names: list[str], separator: str = ","):
    """A header before the rows."""
    return lambda lines: [separator.join(names), *lines]


def indexed(lines: list[str]) -> list[str]:
    return [f"{number},{line}" for number, line in enumerate(lines)]


NUMBERS = [str(number) for number in range(188)]
NAMES = [f"t{number}" for number in range(187)] + ["label"]
LAYOUTS = {
    "names": columns(NAMES),
    "pandas' numbers": columns(NUMBERS),
    "numbers and a name": columns([*NUMBERS[:187], "target"]),
    "pandas' numbers and index": lambda lines: columns(["", *NUMBERS])(indexed(lines)),
    "Unnamed: 0": lambda lines: columns(["Unnamed: 0", *NAMES])(indexed(lines)),
    "an index that was shuffled": lambda lines: columns(["", *NAMES])(
        [f"{9 * i % 7}{i},{v}" for i, v in enumerate(lines)]
    ),
    "an index alone": indexed,
    "quotes": lambda lines: ['"' + line.replace(",", '","') + '"' for line in columns(NAMES)(lines)],
    "semicolons": lambda lines: [line.replace(",", ";") for line in lines],
    "semicolons and decimal commas": lambda lines: [line.replace(",", ";").replace(".", ",") for line in lines],
    "tabs": lambda lines: [line.replace(",", "\t") for line in columns(NAMES)(lines)],
    "a byte order mark": lambda lines: ["\ufeff" + lines[0], *lines[1:]],
    "CRLF": lambda lines: [line + "\r" for line in columns(NAMES)(lines)],
    "blank last lines": lambda lines: [*lines, "", " ", ""],
    "labels as whole numbers": lambda lines: [line.rpartition(",")[0] + "," + line[-24] for line in lines],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block", [1, 1000])
def test_a_table_that_was_saved_anew_is_read(tmp_path, layout, block, monkeypatch):
    monkeypatch.setattr(csv_beats, "ROWS", block)
    rows = make_rows([0, 1, 2, 3, 4, 0, 0, 4])
    lines = [",".join(f"{value:.18e}" for value in row) for row in rows]
    path = tmp_path / "beats.csv"
    path.write_text("\n".join(LAYOUTS[layout](lines)) + "\n", newline="")
    beats, labels, _ = read_all(path)
    np.testing.assert_array_equal(beats, rows[:, :187].astype(np.float32), strict=True)
    np.testing.assert_array_equal(labels, rows[:, 187].astype(np.int32), strict=True)


REFUSED = {
    "a header alone": (lambda lines: [",".join(NAMES)], "found a header and no row, expected rows of 188 columns"),
    "the label first": (
        columns(["label", *NAMES[:187]]),
        "line 1: found the label in column 1 of 188, expected it in the last",
    ),
    "a row as header": (
        columns(["0.5", *(f"0.0.{number}" for number in range(1, 188))]),
        "line 1: found a row that was taken for a header and its values renamed",
    ),
    "a blank line between": (lambda lines: [*lines[:3], "", *lines[3:]], "line 4 is empty, expected 188"),
    "a header and a bad cell": (
        lambda lines: columns(["", *NAMES])(indexed([*lines[:2], "7," + lines[2].partition(",")[2]])),
        r"line 4, column 2: found '7', expected a sample in \[0, 1\]",
    ),
    "an index that does not count": (
        lambda lines: columns(["", *NAMES])([f"0.5,{line}" for line in lines]),
        "line 2 has 189 columns, expected 188",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_table_is_refused(tmp_path, case, monkeypatch):
    monkeypatch.setattr(csv_beats, "ROWS", 2)
    change, message = REFUSED[case]
    lines = [",".join(f"{value:.18e}" for value in row) for row in make_rows([0, 1, 2, 3, 4, 0, 0, 4])]
    path = tmp_path / "beats.csv"
    path.write_text("\n".join(change(lines)) + "\n")
    with pytest.raises(InputError, match=re.escape(str(path)) + ": " + message):
        read_all(path)


@pytest.mark.parametrize(("label", "labels"), [("0.0", (1,)), ("1.0", (0,))])
def test_a_label_of_the_other_file_is_refused(tmp_path, label, labels):
    path = tmp_path / "ptbdb.csv"
    path.write_text(",".join(["0.5"] * 187 + [label]) + "\n")
    with pytest.raises(InputError, match=f"line 1, column 188: found '{label}', expected the label {labels[0]}:"):
        list(csv_beats.read_beats(File(path, str(path)), labels, hashlib.sha256()))


@settings(max_examples=25, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
    form=st.sampled_from(["%.18e", "%r"]),
    line_break=st.sampled_from(["\n", "\r\n"]),
    ends=st.booleans(),
    block=st.integers(1, 8),
)
def test_any_table_is_read_back_whatever_the_blocks(tmp_path_factory, labels, seed, form, line_break, ends, block):
    rows = make_rows(labels, seed)
    lines = [",".join(form % float(value) for value in row) for row in rows]
    content = (line_break.join(lines) + (line_break if ends else "")).encode()
    path = tmp_path_factory.mktemp("csv") / "beats.csv"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_beats, "ROWS", block)
        beats, found, digest = read_all(path)
    np.testing.assert_array_equal(beats, rows[:, :187].astype(np.float32), strict=True)
    np.testing.assert_array_equal(found, rows[:, 187].astype(np.int32), strict=True)
    assert digest == hashlib.sha256(content).hexdigest()


@settings(max_examples=40, deadline=None)
@given(
    line=st.integers(1, 9),
    column=st.integers(1, 188),
    text=st.sampled_from(["nan", "inf", "-0.5", "1.5", "7", "x", "", "1e400", "0x1", "#", '"0"', "0 1", "1_0"]),
    block=st.integers(1, 8),
)
def test_any_bad_cell_is_found_where_it_stands(tmp_path_factory, line, column, text, block):
    path = tmp_path_factory.mktemp("csv") / "beats.csv"
    write_rows(path, make_rows([0, 1, 2, 3, 4, 0, 1, 2, 3]))
    path.write_bytes(with_cell(line, column, text)(path.read_bytes()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_beats, "ROWS", block)
        with pytest.raises(InputError) as caught:
            read_all(path)
    assert f"line {line}, column {column}: found {text!r}" in str(caught.value)
