"""Annotation files, read and written as `wfdb` does."""

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.formats.wfdb_annotations import annotation_file, read_annotations

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")


def test_what_is_written_is_read_by_wfdb(tmp_path):
    content = annotation_file(np.array([10, 400, 90_000]), ["N", "S", "V"], np.array([[500, 80_000]]), 250.0)
    (tmp_path / "one.cardiax").write_bytes(content)
    found = wfdb.rdann(str(tmp_path / "one"), "cardiax")
    assert found.sample.tolist() == [10, 400, 500, 80_000, 90_000]
    assert found.symbol == ["N", "S", "~", "~", "V"]
    assert found.subtype.tolist() == [0, 0, -1, 0, 0]
    assert found.fs == 250


def test_beats_and_flutter_at_the_rate_of_the_recording(tmp_path):
    samples = np.array([5, 100, 200, 300, 400, 500, 600])
    wfdb.wrann("a", "atr", samples, ["+", "L", "A", "[", "]", "E", "["], fs=180, write_dir=str(tmp_path))
    for name in ("a.hea", "a.csv.gz", "a.edf", "a"):
        found = read_annotations(tmp_path / name, "atr", 360.0, 5000)
        assert found.samples.tolist() == [200, 400, 1000]
        assert found.labels.tolist() == [0, 1, 2]
        assert found.flutter.tolist() == [[600, 800], [1200, 5000]]


def test_beats_without_a_class_are_kept_and_other_marks_are_not(tmp_path):
    wfdb.wrann("a", "atr", np.array([5, 100, 200, 300]), ["N", "A", "+", "x"], fs=360, write_dir=str(tmp_path))
    found = read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000, {"N": 2, "x": 0})
    assert found.samples.tolist() == [5, 100, 300]
    assert found.labels.tolist() == [2, -1, 0]
    with pytest.raises(InputError, match="found no beats, expected some of the symbols V"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000, {"V": 0})


def test_mistakes_are_reported(tmp_path):
    with pytest.raises(InputError, match=r"a\.atr: found no such file, expected the annotations of a\.hea"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)
    wfdb.wrann("a", "atr", np.array([5, 9]), ["+", "|"], fs=360, write_dir=str(tmp_path))
    with pytest.raises(InputError, match="found no beats, expected some of the symbols N L R"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)
    wfdb.wrann("a", "atr", np.array([5, 6000]), ["N", "N"], fs=360, write_dir=str(tmp_path))
    with pytest.raises(InputError, match=r"an annotation at sample 6000, expected all from 0 to 5000 as in a\.hea"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1\2\3", "found no end of the annotations, expected two bytes 0"),
        (b"\5\4\5\4", "found no end of the annotations, expected two bytes 0"),
        (b"\5\4\5\xfc\0\0", "found annotations that cannot be read, expected a complete file"),  # a text of 5 letters
        (b"\5\4\5\xa8\0\0", "found the code 42, expected one of WFDB's annotations"),
        (b"\0\xec\xff\xff\xfd\xff\0\4\5\4\0\0", "found an annotation at sample -3, expected all from 0 to 5000"),
        (b"\5\4\0\xec\xff\xff\xfe\xff\0\4\0\0", "found an annotation at sample 3 after one at 5, expected them in"),
    ],
)
def test_a_damaged_file_is_told(content, message, tmp_path):
    """A word of 16 bits is a code times 1024 and the samples since the last one; code 59 skips back by 2."""
    (tmp_path / "a.atr").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.atr: {message}"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)


def test_random_bytes_are_no_annotations(tmp_path):
    random = np.random.default_rng(0)
    for size in (20, 200, 2000):
        (tmp_path / "a.atr").write_bytes(random.bytes(size) + b"\0\0")
        with pytest.raises(InputError, match=r"a\.atr: found"):
            read_annotations(tmp_path / "a.hea", "atr", 360.0, 650_000)


@pytest.mark.parametrize("ending", ["../atr", "", "a b", ".atr"])
def test_what_is_no_ending_of_a_file(ending, tmp_path):
    with pytest.raises(InputError, match=r"found no ending of a file, expected e\.g\. atr for a\.atr"):
        read_annotations(tmp_path / "a.hea", ending, 250.0, 1000)
