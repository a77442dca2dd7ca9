"""Annotation files, read and written as `wfdb` does."""

from types import SimpleNamespace

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
    for name in ("a.hea", "a.csv.gz", "a"):
        found = read_annotations(tmp_path / name, "atr", 360.0, 5000)
        assert found.samples.tolist() == [200, 400, 1000]
        assert found.labels.tolist() == [0, 1, 2]
        assert found.flutter.tolist() == [[600, 800], [1200, 5000]]


def test_mistakes_are_told(tmp_path):
    with pytest.raises(InputError, match=r"a\.atr: found no such file, expected the annotations of a\.hea"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)
    wfdb.wrann("a", "atr", np.array([5, 9]), ["+", "|"], fs=360, write_dir=str(tmp_path))
    with pytest.raises(InputError, match="found no beats, expected some of the symbols N L R"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)
    wfdb.wrann("a", "atr", np.array([5, 6000]), ["N", "N"], fs=360, write_dir=str(tmp_path))
    with pytest.raises(InputError, match=r"found a beat at sample 6000, expected all from 0 to 4999 as in a\.hea"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)
    (tmp_path / "a.atr").write_bytes(b"\1\2\3")
    with pytest.raises(InputError, match=r"a\.atr: found annotations that cannot be read \(.*\), expected a complete"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)


def test_a_beat_before_the_recording_is_the_one_that_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.atr").touch()
    found = SimpleNamespace(sample=np.array([-3, 40]), symbol=["N", "N"], fs=360)
    monkeypatch.setattr(wfdb, "rdann", lambda *_: found)
    with pytest.raises(InputError, match=r"a\.atr: found a beat at sample -3, expected all from 0 to 4999"):
        read_annotations(tmp_path / "a.hea", "atr", 360.0, 5000)


@pytest.mark.parametrize("ending", ["../atr", "", "a b", ".atr"])
def test_what_is_no_ending_of_a_file(ending, tmp_path):
    with pytest.raises(InputError, match=r"found no ending of a file, expected e\.g\. atr for a\.atr"):
        read_annotations(tmp_path / "a.hea", ending, 250.0, 1000)
