"""Batch order: a pure function of (seed, step)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiax.errors import InputError
from cardiax.random_streams import stream
from cardiax.tasks.class_balance import class_shares
from cardiax.training.batch_order import Order, fingerprint, padded_batches


@given(seed=st.integers(0, 2**31 - 1), size=st.integers(1, 300), data=st.data())
def test_an_epoch_is_a_permutation_and_any_step_can_be_asked_first(seed, size, data):
    batch = data.draw(st.integers(1, size))
    order = Order(seed, size, batch)
    epochs = [[order.indices(e * order.steps_per_epoch + i) for i in range(order.steps_per_epoch)] for e in (0, 1)]
    for epoch in epochs:
        drawn = np.concatenate(epoch)
        assert len(np.unique(drawn)) == len(drawn) == size // batch * batch
        assert drawn.min() >= 0
        assert drawn.max() < size
    step = data.draw(st.integers(0, 2 * order.steps_per_epoch - 1))
    again = Order(seed, size, batch).indices(step)
    np.testing.assert_array_equal(again, epochs[step // order.steps_per_epoch][step % order.steps_per_epoch])


def test_seeds_and_epochs_differ():
    order = Order(0, 1000, 1000)
    assert not np.array_equal(order.indices(0), order.indices(1))
    assert not np.array_equal(order.indices(0), Order(1, 1000, 1000).indices(0))


def test_the_order_follows_the_raw_philox_stream():
    raw = stream("batch order", 3, 5).random_raw(8)
    np.testing.assert_array_equal(Order(3, 8, 8).indices(5), np.argsort(raw))


def test_sampling_draws_in_proportion_to_the_shares():
    shares = np.repeat([1.0, 4.0, 0.0], [5000, 5000, 100])
    order = Order(7, len(shares), len(shares), shares)
    drawn = order.indices(0)
    np.testing.assert_array_equal(drawn, order.indices(0))
    assert drawn.max() < 10000
    fraction = np.mean(drawn >= 5000)
    assert abs(fraction - 0.8) < 4 * np.sqrt(0.8 * 0.2 / len(drawn))


def test_class_shares_by_hand():
    targets = np.array([0] * 8 + [1] * 2)
    np.testing.assert_allclose(class_shares(targets, 2, 0.0), [1, 1])
    # power 1: both classes weigh as much in all: 8·w0 = 2·w1, and the mean over examples is 1.
    np.testing.assert_allclose(class_shares(targets, 2, 1.0), [0.625, 2.5])
    np.testing.assert_allclose(class_shares(np.array([0, 0, 0, 1]), 2, 1.0), [2 / 3, 2])  # of one example as of others
    # power 1/2: w ∝ 1/√8, 1/√2 → 1 : 2, 8a + 2·2a = 10.
    np.testing.assert_allclose(class_shares(targets, 3, 0.5), [10 / 12, 20 / 12, 0])


@given(size=st.integers(1, 200), batch=st.integers(1, 64))
def test_padded_batches_cover_each_place_once(size, batch):
    batches = list(padded_batches(size, batch))
    assert all(len(indices) == batch for indices, _ in batches)
    np.testing.assert_array_equal(np.concatenate([indices[:count] for indices, count in batches]), np.arange(size))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(
        InputError,
        match=r"batch_size: found 128, expected at most the 100 examples .*; give --batch_size 25",
    ):
        Order(0, 100, 128)


def test_fingerprint_sees_values_types_and_shapes():
    array = np.arange(6, dtype=np.float32)
    prints = {
        fingerprint(array),
        fingerprint(array.reshape(2, 3)),
        fingerprint(array.astype(np.int32)),
        fingerprint(-array),
    }
    assert len(prints) == 4
    assert fingerprint(array[::2]) == fingerprint(array[::2].copy())
