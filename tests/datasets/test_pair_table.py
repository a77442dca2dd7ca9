"""Tables of two columns, as CSV of any mark or JSON, and one line for what is none."""

import itertools

import pytest

from cardiax.datasets.own_beats.beat_table import plain_label
from cardiax.datasets.own_beats.pair_table import read_pairs
from cardiax.errors import InputError


@pytest.mark.parametrize("content", ["", "a,b,c\n", "a\n", "a,x\na,y\n", "[1]", "[" * 2000, '{"a": 1}', "{", "a,\n"])
@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_table_that_is_none_is_one_line(tmp_path, content, ending):
    (tmp_path / f"c.{ending}").write_text(content)
    if ending == "csv" and content == "[1]":
        content += "\n"
    with pytest.raises(InputError, match=rf"c\.{ending}: found no table symbol → class \("):
        read_pairs(tmp_path / f"c.{ending}", "symbol → class")


def test_pairs_of_any_mark_and_header(tmp_path):
    for content, head in itertools.product(("a,x\nb,y\n", "a\tx\nb\ty\n", "a;x\nb;y\n"), ("", "symbol,class\n")):
        mark = content[1]
        (tmp_path / "c.csv").write_text(head.replace(",", mark) + content)
        assert read_pairs(tmp_path / "c.csv", "") == {"a": "x", "b": "y"}


def test_keys_that_are_equal_as_labels_are_refused(tmp_path):
    (tmp_path / "c.csv").write_text("1.0,a\n2,b\n")
    assert read_pairs(tmp_path / "c.csv", "label → class", plain_label) == {"1": "a", "2": "b"}
    (tmp_path / "c.csv").write_text("1.0,a\n1,b\n")
    with pytest.raises(InputError, match="one text is twice in the first column"):
        read_pairs(tmp_path / "c.csv", "label → class", plain_label)
