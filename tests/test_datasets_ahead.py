"""Reading ahead: the order and the errors of reading when it is wanted, and no thread left behind."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.datasets.ahead import ahead
from cardiax.errors import InputError


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@given(count=st.integers(0, 12), depth=st.integers(1, 4))
def test_reading_ahead_keeps_the_order_and_holds_few(count, depth):
    begun = []

    def read(one):
        begun.append(one)
        return one * one

    found = []
    for value in ahead(read, range(count), depth):
        found.append(value)
        assert len(begun) <= len(found) + depth
    assert found == [one * one for one in range(count)]
    assert not readers()


def test_an_error_of_the_thread_comes_in_its_place():
    def read(one):
        if one == 3:
            raise InputError("the third")
        return one

    values = ahead(read, range(10), 2)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match="the third"):
        next(values)
    assert not readers()


def test_closing_early_ends_the_thread():
    values = ahead(lambda one: one, iter(range(10**9)), 3)
    assert next(values) == 0
    assert readers()
    values.close()
    assert not readers()
