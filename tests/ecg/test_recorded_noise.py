"""Real noise on top of an ECG: its ratio as NumPy measures it, and what it must leave alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.ecg.recorded_noise import (
    SNRS,
    add_noise,
    add_noise_to_beats,
    noise_of_beats,
    noise_of_twelve_leads,
    segments,
)
from cardiax.tasks import TASKS

RECORDING = np.cumsum(np.random.default_rng(1).normal(size=(5000, 2)), axis=0).astype(np.float32)


def decibels(signal, noise):
    return 10 * np.log10(np.var(signal, dtype=np.float64) / np.var(noise, dtype=np.float64))


def beats(seed, size=6):
    """Beats of Kaggle's form, (size, 187, 1), each from 0 to 1 and padded after its own length."""
    random = np.random.default_rng(seed)
    found = random.uniform(0.01, 0.99, (size, 187)).astype(np.float32)
    lengths = random.integers(20, 188, size)
    found[:, 3], found[:, 7] = 0.0, 1.0
    return np.where(np.arange(187) < lengths[:, None], found, 0)[..., None], lengths


@given(seed=st.integers(0, 10_000), ratio=st.sampled_from(SNRS))
@settings(deadline=None, max_examples=25)
def test_a_padded_beat(seed, ratio):
    clean, lengths = beats(seed)
    at_zero = noise_of_beats(clean, RECORDING, np.arange(len(clean)))
    noisy = add_noise_to_beats(clean, at_zero, ratio)
    assert noisy.dtype == np.float32
    for beat, noise, result, length in zip(clean, at_zero, noisy, lengths, strict=True):
        assert decibels(beat[:length], noise[:length] * 10 ** (-ratio / 20)) == pytest.approx(ratio, abs=1e-3)
        assert abs(noise[:length].mean()) < 1e-4 * noise[:length].std() + 1e-6
        assert not noise[length:].any()
        assert not result[length:].any()
        assert (result[:length].min(), result[:length].max()) == (0, 1)
        # Scaled again, what was added is still this noise: both differ by a line.
        summed = beat[:length, 0] + 10 ** (-ratio / 20) * noise[:length, 0]
        np.testing.assert_allclose(result[:length, 0], (summed - summed.min()) / np.ptp(summed), atol=1e-5)


def test_a_beat_whose_peak_the_file_cut_off_keeps_its_range():
    clean, _ = beats(0)
    clean = np.float32(0.2) + np.float32(0.5) * clean[:1, :100]
    faint = noise_of_beats(clean, RECORDING, np.arange(1))
    np.testing.assert_allclose(add_noise_to_beats(clean, faint, 120.0), clean, atol=1e-4)
    loud = add_noise_to_beats(clean, faint, -6)
    assert loud.min() == pytest.approx(clean.min())
    assert loud.max() == pytest.approx(clean.max())


@given(seed=st.integers(0, 10_000), ratio=st.sampled_from(SNRS))
@settings(deadline=None, max_examples=25)
def test_a_window_of_two_leads(seed, ratio):
    random = np.random.default_rng(seed)
    shapes = {"leads": (5, 192, 2), "deviation": (5, 192, 2), "rr": (5, 22)}
    inputs = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    inputs["leads"] *= np.array([1, 0.1], np.float32)
    clean, index = inputs["leads"], random.integers(0, 100, 5)
    noisy = TASKS["arrhythmia"].with_noise(inputs, RECORDING, index)(ratio)
    added = noisy["leads"] - clean
    np.testing.assert_allclose(noisy["deviation"] - inputs["deviation"], added, atol=1e-5)
    np.testing.assert_array_equal(noisy["rr"], inputs["rr"])
    for one, noise in zip(clean, added, strict=True):
        for lead in (0, 1):
            assert decibels(one[:, lead], noise[:, lead]) == pytest.approx(ratio, abs=1e-2)
    # The two leads meet the two channels of one place.
    drawn = segments(RECORDING, index, 192, 1)[:, :, 0]
    for case in range(5):
        for lead in (0, 1):
            assert np.corrcoef(added[case, :, lead], drawn[case, :, lead])[0, 1] == pytest.approx(1, abs=1e-4)


@given(seed=st.integers(0, 10_000), ratio=st.sampled_from(SNRS))
@settings(deadline=None, max_examples=15)
def test_twelve_leads_obey_einthoven_and_goldberger(seed, ratio):
    clean = np.random.default_rng(seed).normal(size=(3, 500, 12)).astype(np.float32)
    at_zero = noise_of_twelve_leads(clean, RECORDING, np.arange(3) + seed)
    noise = add_noise(clean, at_zero, ratio) - clean
    one, two, three, right, left, foot = np.moveaxis(noise[..., :6], -1, 0)
    limit = 1e-5 * np.abs(noise).max()
    np.testing.assert_allclose(one + three, two, atol=limit)
    np.testing.assert_allclose(right + left + foot, 0, atol=limit)
    np.testing.assert_allclose(left - right, 1.5 * one, atol=limit)
    for signal, added in zip(clean, noise, strict=True):
        powers = [np.var(values, axis=0, dtype=np.float64).mean() for values in (signal, added)]
        assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(ratio, abs=1e-2)
    assert np.linalg.matrix_rank(noise[0], tol=1e-3 * np.abs(noise).max()) == 8  # nine electrodes but for a reference


@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_noise_is_a_function_of_the_index_and_stays_inside(data):
    index = np.asarray(data.draw(st.lists(st.integers(0, 500), min_size=1, max_size=20)))
    length = data.draw(st.integers(1, 300))
    ramp = np.stack([np.arange(300.0), -np.arange(300.0)], axis=1).astype(np.float32)
    drawn = segments(ramp, index, length, 2)
    assert drawn.shape == (len(index), length, 2, 2)
    assert 0 <= drawn[..., 0].min() <= drawn[..., 0].max() <= 299
    assert (np.diff(drawn[..., 0], axis=1) == 1).all()  # one piece
    for place, one in enumerate(index):
        np.testing.assert_array_equal(segments(ramp, np.array([one]), length, 2)[0], drawn[place])


def test_places_and_channels_spread():
    drawn = segments(np.arange(10.0)[:, None], np.arange(4000), 4, 1)[:, 0, 0, 0]
    np.testing.assert_allclose(np.bincount(drawn.astype(int), minlength=10)[:7] / 4000, 1 / 7, atol=0.03)
    assert drawn.max() == 6
    whole = segments(np.arange(10.0)[:, None], np.array([5]), 10, 1)  # of which there is one
    np.testing.assert_array_equal(whole[0, :, 0, 0], np.arange(10))
    two = np.stack([np.sin(np.arange(400.0)), np.arange(400.0) % 7], axis=1).astype(np.float32)
    clean = np.random.default_rng(0).uniform(0.1, 1, (300, 50, 1)).astype(np.float32)
    noise = noise_of_beats(clean, two, np.arange(300))[..., 0]
    smooth = np.abs(np.diff(noise, 2)).max(axis=1) / noise.std(axis=1) < 2
    assert 0.4 < smooth.mean() < 0.6


def test_flat_signals():
    flat = np.zeros((2, 187, 1), np.float32)
    assert not add_noise_to_beats(flat, noise_of_beats(flat, RECORDING, np.arange(2)), 0).any()
    single = np.where(np.arange(187) < 1, np.float32(0.7), np.float32(0))[None, :, None]  # one sample varies in nothing
    assert not noise_of_beats(single, RECORDING, np.arange(1)).any()
    signal = np.random.default_rng(0).uniform(0.1, 1, (2, 187, 1)).astype(np.float32)
    assert not noise_of_beats(signal, np.ones((400, 2), np.float32), np.arange(2)).any()
