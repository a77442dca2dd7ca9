"""Text tables that are read in parts."""

import contextlib

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.formats import text_table


def test_a_table_is_scanned_once_and_closed_after_its_last_row(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("II,V1\n" + "".join(f"{row},{-row}\n" for row in range(10)))
    opened, is_open = text_table.opened, []

    @contextlib.contextmanager
    def counted(path):
        with opened(path) as file:
            is_open.append(True)
            index = len(is_open) - 1
            try:
                yield file
            finally:
                is_open[index] = False

    monkeypatch.setattr(text_table, "opened", counted)
    table = text_table.open_table(path)
    assert not any(is_open)
    before = len(is_open)
    np.testing.assert_array_equal(table.read(0, 6, [0, 1])[:, 0], np.arange(6))
    np.testing.assert_array_equal(table.read(6, 10, [1])[:, 0], -np.arange(6, 10))
    assert is_open[before:] == [False]
    np.testing.assert_array_equal(table.read(2, 4, [0])[:, 0], [2, 3])
    np.testing.assert_array_equal(table.read(5, 6, [0])[:, 0], [5])
    assert is_open[before:] == [False, True]
    del table
    assert not any(is_open)


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        ([",0", "0,0.5", "1,-0.25"], 1),  # as pandas writes one lead or two without names
        (['"","0","1"', '"0",0.5,1', '"1",-0.25,0.0'], 2),
        (["0,1", "0.5,1.0", "-0.25,0.0"], 2),
        (["1;2", "0,5;1,0", "-0,25;0,0"], 2),
    ],
)
def test_a_header_that_counts_few_columns_is_no_sample(tmp_path, lines, columns):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    table = text_table.open_table(path)
    assert (table.samples, table.channels) == (2, columns)
    np.testing.assert_array_equal(table.read(0, 2, range(columns)), np.array([[0.5, 1.0], [-0.25, 0.0]])[:, :columns])


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_empty_cells_between_rows_are_missing_samples(tmp_path, mark):
    path = tmp_path / "a.csv"
    rows = ["II,V1", ",", "0.5,1", ",", ",,", "", "0.25,2", ",", ","]
    path.write_text("\n".join(rows).replace(",", mark))
    table = text_table.open_table(path)
    nan = np.nan
    np.testing.assert_array_equal(table.read(0, table.samples, [0, 1]), [[0.5, 1], [nan, nan], [nan, nan], [0.25, 2]])
    np.testing.assert_array_equal(table.read(2, 4, [0])[:, 0], [nan, 0.25])


@pytest.mark.parametrize("lines", [["0,1", "1,0", "1,1"], ["1,2", "0.5,2", "0.5,1"], ["0", "0.25", "0.5"]])
def test_samples_that_could_count_columns_are_samples(tmp_path, lines):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    assert text_table.open_table(path).samples == 3


def test_numbers_that_are_split_at_their_decimal_comma_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("-0,14\n0,25\n-1,05\n")
    table = text_table.open_table(path)
    with pytest.raises(
        InputError, match=r"a\.csv: found '-1,05', expected two columns, or numbers with decimal points"
    ):
        table.read(0, 3, [0, 1])
    path.write_text("ECG\n" + '"-0,14"\n"0,25"\n"-1,05"\n')
    np.testing.assert_array_equal(text_table.open_table(path).read(0, 3, [0])[:, 0], [-0.14, 0.25, -1.05])
    for lines in ("1024,998\n1020,1001\n", "1,0\n-2,-05\n", "0.5,01\n0.25,02\n"):
        path.write_text(lines)
        assert text_table.open_table(path).read(0, 2, [0, 1]).shape == (2, 2)


@pytest.mark.parametrize("name", ["s3", "t0", "h 1", "min_2", "ms10"])
def test_a_numbered_letter_is_a_signal_and_no_time(tmp_path, name):
    path = tmp_path / "a.csv"
    path.write_text(f"time_s,{name},II\n" + "".join(f"{row / 250},{row % 3},{row % 5}\n" for row in range(20)))
    table = text_table.open_table(path)
    assert table.names == (name, "II")
    assert table.rate == 250
    path.write_text(f"{name},II\n" + "".join(f"{row % 3},{row % 5}\n" for row in range(20)))
    assert text_table.open_table(path).names == (name, "II")


@pytest.mark.parametrize("name", ["time 1", "time_s", "Time2 (s)", "s", "t"])
def test_words_for_a_time_are_a_time(tmp_path, name):
    path = tmp_path / "a.csv"
    path.write_text(f"{name},II\n" + "".join(f"{row / 250},{row % 5}\n" for row in range(20)))
    assert text_table.open_table(path).names == ("II",)
