"""Rows on disk: those that were written, whoever asks, and nothing left on the disk."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardiax.launch.run.disk_arrays import Rows

SHAPES = st.sampled_from([(), (3,), (4, 2)])


@given(
    array=st.one_of(
        hnp.arrays(np.float32, SHAPES.map(lambda shape: (7, *shape))),
        hnp.arrays(np.int32, SHAPES.map(lambda shape: (7, *shape))),
    ),
    cuts=st.lists(st.integers(0, 7), max_size=3).map(sorted),
    indices=hnp.arrays(np.int64, hnp.array_shapes(max_dims=3), elements=st.integers(0, 6)),
)
def test_rows_are_those_of_the_array(tmp_path_factory, array, cuts, indices):
    folder = tmp_path_factory.mktemp("rows")
    rows = Rows(folder, array.shape[1:], array.dtype)
    for part in np.split(array, cuts):
        rows.append(part)
    found = rows.take(indices)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[indices])
    assert not list(folder.iterdir())


def test_arrays_that_are_not_contiguous_are_written_in_order(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(1, 2, 0)
    rows = Rows(tmp_path, array.shape[1:], array.dtype)
    rows.append(array)
    np.testing.assert_array_equal(rows.take(np.array([2, 0])), array[[2, 0]])


@pytest.mark.parametrize("index", [-1, 5])
def test_a_row_that_was_not_written_is_an_error(tmp_path, index):
    rows = Rows(tmp_path, (2,), np.dtype(np.float32))
    rows.append(np.zeros((5, 2)))
    with pytest.raises(IndexError, match=f"found no row {index}"):
        rows.take(np.array([0, index]))


def test_several_threads_read_at_once(tmp_path):
    array = np.random.default_rng(0).normal(size=(100, 50)).astype(np.float32)
    rows = Rows(tmp_path, (50,), array.dtype)
    rows.append(array)
    orders = [np.random.default_rng(seed).permutation(100) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for order, found in zip(orders, pool.map(rows.take, orders), strict=True):
            np.testing.assert_array_equal(found, array[order])
