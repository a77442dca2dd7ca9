"""Text tables that are read in parts."""

import contextlib

import numpy as np

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
