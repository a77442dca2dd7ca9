"""Tables of beats: what is understood of text and arrays, and one line for what cannot be."""

import gzip
import sys
import zipfile

import numpy as np
import pytest

from cardiax.datasets.own_beats.beat_table import read_table, scaled
from cardiax.errors import InputError
from cardiax.file_checks import Room

BEATS = np.array([[0, 2, 4, 2, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 5], [-2, 0, 2, 6, 2, 0, -2, -2]], float)
"""Three beats of eight samples; scaled by hand below."""

SCALED = np.array(
    [[0, 0.5, 1, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1], [0, 0.25, 0.5, 1, 0.5, 0.25, 0, 0]], np.float32
)


def text(header="x0,x1,x2,x3,x4,x5,x6,x7,label,patient", labels="abb", groups=("p1", "p2", "p1"), mark=","):
    rows = [[*map("{:g}".format, beat), label, who] for beat, label, who in zip(BEATS, labels, groups, strict=True)]
    return "\n".join([header, *(mark.join(row) for row in rows)]) + "\n"


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz", "b.tsv", "b.txt"])
def test_text_of_any_mark_gives_samples_labels_and_groups(tmp_path, name):
    content = text().replace(",", {"b.tsv": "\t", "b.txt": ";"}.get(name, ","))
    content = content.replace("0.5", "0,5") if name == "b.txt" else content
    with (gzip.open if name.endswith("gz") else open)(tmp_path / name, "wt") as file:
        file.write(f"# a comment\n\n{content}\n")
    found = read_table(tmp_path / name)
    np.testing.assert_array_equal(found.beats[:, :, 0], SCALED)
    assert (found.labels, found.groups, found.rate) == (["a", "b", "b"], ["p1", "p2", "p1"], 0)
    assert any("columns x0 to x7" in note for note in found.notes)


def test_columns_are_chosen_by_name_and_the_others_are_no_samples(tmp_path):
    header = ",x1,x2,x3,x4,x5,x6,x7,x8,kind,record,patient"  # as pandas writes it, with two columns of groups
    beats = [f"{row},{','.join(map(str, beat))},{'ab'[row % 2]},r{row},p1" for row, beat in enumerate(BEATS)]
    (tmp_path / "b.csv").write_text("\n".join([header, *beats]))
    found = read_table(tmp_path / "b.csv", labels="kind", groups="record")
    np.testing.assert_array_equal(found.beats[:, :, 0], SCALED)
    assert (found.labels, found.groups) == (["a", "b", "a"], ["r0", "r1", "r2"])
    assert read_table(tmp_path / "b.csv", labels="kind").groups == ["p1"] * 3
    assert read_table(tmp_path / "b.csv", labels="kind", groups="none").groups is None


@pytest.mark.parametrize("names", ["x1,x2,x3,x4,x5,x6,x7,x8", "0.0,0.4,0.8,1.2,1.6,2.0,2.4,2.8"])
def test_a_column_that_is_no_sample_is_left_out_and_named(tmp_path, names):
    header = f"age,{names},x_mean,label"
    beats = [f"70,{','.join(map(str, beat))},0.5,{'ab'[row % 2]}" for row, beat in enumerate(BEATS)]
    (tmp_path / "b.csv").write_text("\n".join([header, *beats]))
    found = read_table(tmp_path / "b.csv")
    np.testing.assert_array_equal(found.beats[:, :, 0], SCALED)
    assert any("without age, x_mean" in note for note in found.notes)


@pytest.mark.parametrize(
    ("names", "told"),
    [("0,1,2,4,5,6,7,8", "x4 after x2"), ("7,6,5,4,3,2,1,0", "x6 after x7"), ("0,0,1,2,3,4,5,6", "x0")],
)
def test_samples_that_are_missing_twice_or_in_another_order_are_refused(tmp_path, names, told):
    header = ",".join(f"x{name}" for name in names.split(","))
    (tmp_path / "b.csv").write_text(text(f"{header},label,patient"))
    with pytest.raises(InputError, match=rf"found the column {told}.*, expected the samples in order"):
        read_table(tmp_path / "b.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_encodings_of_windows_programs_are_read(tmp_path, encoding):
    (tmp_path / "b.csv").write_text(text(), encoding=encoding)
    np.testing.assert_array_equal(read_table(tmp_path / "b.csv").beats[:, :, 0], SCALED)


def test_arrays_of_several_leads_keep_the_ratio_of_the_leads(tmp_path):
    beats = np.stack([BEATS, BEATS / 2], axis=-1)
    np.savez(tmp_path / "b.npz", beats=beats, labels=[0, 1, 1], groups=["x", "y", "x"], rate=250, more=np.zeros(2))
    found = read_table(tmp_path / "b.npz")
    assert found.beats.shape == (3, 8, 2)
    np.testing.assert_allclose(found.beats[0, 2], [1.0, 0.5])  # 4 and 2 of 0 … 4
    np.testing.assert_allclose(found.beats[2, 3], [1.0, 5 / 8])  # 6 and 3 of −2 … 6
    assert (found.labels, found.groups, found.rate) == (["0", "1", "1"], ["x", "y", "x"], 250)
    assert found.notes == ("b.npz: not used: more",)


def test_a_flat_beat_is_zero_and_kaggles_form_is_kept():
    beats = np.array([[3, 3, 3, 3], [0, 1, 0.25, 0]], np.float32)[:, :, None]
    np.testing.assert_array_equal(scaled(beats)[..., 0], [[0, 0, 0, 0], [0, 1, 0.25, 0]])


def test_groups_are_kept_as_they_are_and_only_whole_labels_lose_their_decimals(tmp_path):
    groups, labels = ("1_2", "1e3", "0012"), ("12", "2.000000000000000000e+00", "1_2")
    (tmp_path / "b.csv").write_text(text(labels=labels, groups=groups))
    found = read_table(tmp_path / "b.csv")
    assert (found.labels, found.groups) == (["12", "2", "1_2"], [*groups])
    long = ["9007199254740993", "9007199254740992.0", "1e3"]
    (tmp_path / "b.tsv").write_text(text(labels=long, groups=("1,5", "1.5", "15"), mark="\t").replace(",", "\t", 9))
    found = read_table(tmp_path / "b.tsv")
    assert (found.labels, found.groups) == (["9007199254740993", "9007199254740992", "1e3"], ["1,5", "1.5", "15"])
    np.savez(tmp_path / "b.npz", beats=BEATS, labels=[0.0, 1.0, 1.5], groups=[2**62, 2**62 + 1, 7])
    found = read_table(tmp_path / "b.npz")
    assert (found.labels, found.groups) == (["0", "1", "1.5"], [f"{2**62}", f"{2**62 + 1}", "7"])


def test_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[Room.__module__], "FREE", 2**16)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((b"#" * 2**16 + b"\n") * 2**8))
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("beats.npy", bytes(2**24))
    for name in ("b.csv.gz", "b.npz"):
        with pytest.raises(InputError, match=rf"{name}: found .* \(it holds more than [0-9,]+ bytes"):
            read_table(tmp_path / name)


BROKEN = {
    "": "found nothing",
    "0,1,2,3,4,5,6,7,1\n": "found numbers in line 1, expected the names of the columns",
    text().splitlines()[0]: "found a header alone",
    text().replace("p2", "p2,7"): "found 11 cells in line 3, expected 10",
    text().replace("1,1,1,1,1", "1,1,nan,1,1"): "found 'nan' in line 3, column 'x2', expected a finite number",
    text().replace("1,1,1,1,1", "1,1,,1,1"): "found '' in line 3, column 'x2'",
    text().replace("b,p2", ",p2"): "found nothing in line 3, column label",
    text("x0,x1,x2,x3,x4,x5,x6,x,label,age"): "found 'p1' in line 2, column 'age', expected a finite number",
    "x,label\n1,a\n2,b\n": "found 1 samples a beat, expected 8 or more",
    text().replace("1,1,1,1,1", "1,1,1_0,1,1"): "found '1_0' in line 3, column 'x2'",
    text().replace("1,1,1,1,1", "1,1,1e39,1,1"): "found '1e39' in line 3, column 'x2'",
    text().replace("1,1,1,1,1", "1,1,1e38,1,1"): "found a sample of 1.0e+38, expected voltages",
    text().replace("p2", f'"{"p" * 140_000}"'): "found line 3 that cannot be read (field larger",
    "label,patient\na,p1\n": "found no column of samples",
}


@pytest.mark.parametrize("content", BROKEN)
def test_broken_text_is_one_line_that_says_where(tmp_path, content):
    (tmp_path / "b.csv").write_text(content)
    with pytest.raises(InputError, match=r"b\.csv: found ") as error:
        read_table(tmp_path / "b.csv")
    assert BROKEN[content] in str(error.value)
    assert "expected" in str(error.value)


def test_a_column_that_is_missing_or_twice_is_named(tmp_path):
    (tmp_path / "b.csv").write_text(text())
    with pytest.raises(InputError, match="found 0 columns 'kind', expected one for --labels among x0, x1"):
        read_table(tmp_path / "b.csv", labels="kind")
    (tmp_path / "b.csv").write_text(text().replace("x1", "x0"))
    with pytest.raises(InputError, match="found 2 columns 'x0'"):
        read_table(tmp_path / "b.csv", groups="x0")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": BEATS}, "found x, expected the arrays beats"),
        ({"beats": BEATS[0]}, r"found beats float64 \(8,\)"),
        ({"beats": BEATS[:, :0]}, r"found beats float64 \(3, 0\)"),
        ({"beats": np.where(BEATS == 5, np.nan, BEATS)}, "found NaN or infinity in beat 1"),
        ({"beats": BEATS, "labels": [1, 2]}, r"found labels int64 \(2,\), expected texts or whole numbers \(3,\)"),
        ({"beats": BEATS, "labels": np.array([1, "a", None], object)}, "cannot be read"),  # needs pickle
        ({"beats": BEATS, "labels": [1.0, np.nan, 2.0]}, "found the label 'nan' of beat 2 and 0 more"),
        ({"beats": 0 * BEATS, "labels": [1, 2, 1]}, "found beats that are all flat"),
        ({"beats": BEATS, "labels": [1, 2, 1], "rate": [1.0, 2.0]}, "expected a single number"),
    ],
)
def test_broken_arrays_are_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "b.npz")


def test_damaged_files_are_one_line(tmp_path):
    (tmp_path / "b.npz").write_bytes(b"PK\3\4 no archive")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text().encode() * 100)[:-20])
    (tmp_path / "c.csv").write_bytes(b"label,\xff\xfe\n")
    header = b"\x93NUMPY\1\0" + (20).to_bytes(2, "little") + b"{'descr': (((((((((("
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("beats.npy", header)  # SyntaxError or RecursionError of NumPy's parser
    for name in ("b.npz", "c.npz", "b.csv.gz", "c.csv", "none.csv"):
        with pytest.raises(InputError, match=name):
            read_table(tmp_path / name)
