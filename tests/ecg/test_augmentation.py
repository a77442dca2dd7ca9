"""Changes of training examples: padding stays padding, and the numbers are those worked by hand."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, PartitionSpec
from scipy import stats

from cardiax.ecg.augmentation import (
    EXTRA,
    augment_extra,
    check_extra,
    delay,
    drop_lead,
    electrode_gain,
    electrode_mixing,
    gramian_angular_field,
    lead_noise,
    lead_rotation,
    mix_pairs,
    noise_at,
    padding_mask,
    rescale_time,
    smaller_share,
    stretch_time,
    warp_amplitude,
    white_noise,
)
from cardiax.ecg.leads import twelve_leads
from cardiax.errors import InputError


def beat(length, seed=0):
    """A beat of so many samples that is nowhere 0, zero-padded to 187."""
    values = np.random.default_rng(seed).uniform(0.1, 1, 187).astype(np.float32)
    return jnp.asarray(np.where(np.arange(187) < length, values, 0))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 1.5, 32.0, 1000.0])
def test_shares_are_distributed_as_the_smaller_part_of_beta(alpha):
    shares = jax.jit(smaller_share, static_argnums=2)(jax.random.key(3), alpha, 20_000)
    found = stats.kstest(np.asarray(shares, np.float64), lambda share: 2 * stats.beta.cdf(share, alpha, alpha))
    assert found.pvalue > 0.001


def test_padding_mask_keeps_inner_zeros():
    signal = jnp.array([0.5, 0.0, 0.2, 0.0, 0.0])
    np.testing.assert_array_equal(padding_mask(signal), [True, True, True, False, False])
    np.testing.assert_array_equal(padding_mask(jnp.stack([signal, jnp.zeros(5)])).sum(axis=1), [3, 0])


@given(length=st.integers(1, 187), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_warp_and_noise_leave_the_padding(length, seed):
    key = jax.random.key(seed)
    for change in (warp_amplitude, white_noise):
        changed = change(key, beat(length), 0.05)
        assert changed.shape == (187,)
        assert not np.any(np.asarray(changed)[length:])
        assert np.isfinite(np.asarray(changed)).all()
        assert not np.array_equal(changed, beat(length))


def test_stretch_interpolates_and_changes_the_length_by_its_factor():
    for seed, size in enumerate([101, 100, 101, 100, 101]):
        ramp = jnp.where(jnp.arange(187) < size, 1.0 + jnp.arange(187.0), 0.0)
        changed = np.asarray(stretch_time(jax.random.key(seed), ramp, 0.1))
        factor = changed[1] - changed[0]  # a straight line of slope 1 keeps the factor as its slope
        assert 0.9 <= factor <= 1.1
        length = int(np.sum(changed > 0))
        assert length == int(np.floor((size - 1) / factor)) + 1
        np.testing.assert_allclose(changed[:length], 1 + factor * np.arange(length), rtol=1e-4)
        assert not changed[length:].any()


@given(length=st.integers(1, 187), seed=st.integers(0, 1000))
@example(length=187, seed=0)
@example(length=187, seed=1)
@example(length=186, seed=0)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_stretch_moves_no_end_that_the_file_cut(length, seed):
    changed = np.asarray(stretch_time(jax.random.key(seed), beat(length), 0.2))
    factor = float(jax.random.uniform(jax.random.key(seed), minval=0.8, maxval=1.2))
    expected = 187 if length == 187 else min(187, int(np.floor((length - 1) / factor * (1 + 1e-6))) + 1)
    assert abs(int(np.sum(np.asarray(padding_mask(changed)))) - expected) <= (length < 187)  # one sample of rounding
    if length == 187:
        slower = np.arange(187) * (1 - abs(factor - 1))
        np.testing.assert_allclose(changed, np.interp(slower, np.arange(187), beat(187)), atol=1e-3)


@pytest.fixture(scope="module")
def mixed_pairs():
    """`mix_pairs` on one device, compiled."""
    return jax.jit(
        jax.shard_map(
            lambda key, inputs, targets: mix_pairs(key, inputs, targets, 0.5, "data"),
            mesh=Mesh(np.asarray(jax.devices()[:1]), ("data",)),
            in_specs=(PartitionSpec(), PartitionSpec("data"), PartitionSpec("data")),
            out_specs=PartitionSpec("data"),
        )
    )


@given(lengths=st.lists(st.integers(0, 187), min_size=4, max_size=4), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_a_mixture_keeps_the_padding_of_its_example(mixed_pairs, lengths, seed):
    inputs = jnp.stack([beat(length, index) for index, length in enumerate(lengths)])[..., None]
    targets = jnp.arange(len(lengths))
    rr = jax.random.normal(jax.random.key(seed), (len(lengths), 3))
    both, neighbours, share = jax.device_get(mixed_pairs(jax.random.key(seed), {"leads": inputs, "rr": rr}, targets))
    mixed, weight = both["leads"], share[:, None]
    np.testing.assert_allclose(both["rr"], (1 - weight) * rr + weight * np.roll(rr, 1, axis=0), rtol=1e-5, atol=1e-6)
    assert neighbours.tolist() == [len(lengths) - 1, *range(len(lengths) - 1)]
    assert ((share > 0) & (share <= 0.5)).all()
    for index, length in enumerate(lengths):
        own, other = np.asarray(inputs[index, :length, 0]), np.asarray(inputs[index - 1, :length, 0])
        np.testing.assert_allclose(mixed[index, :length, 0], (1 - share[index]) * own + share[index] * other, rtol=1e-5)
        assert not mixed[index, length:].any()


def test_noise_has_the_stated_deviation():
    keys = jax.random.split(jax.random.key(0), 2000)
    flat = jnp.full(187, 0.5)
    noisy = np.asarray(jax.vmap(white_noise, (0, None, None))(keys, flat, 0.2)) - 0.5
    # The level is uniform from 0 to 0.2, so the variance over all beats is 0.2² / 3.
    np.testing.assert_allclose(noisy.std(), 0.2 / np.sqrt(3), rtol=0.03)
    np.testing.assert_allclose(noisy.mean(), 0, atol=0.002)  # on top of the beat


def test_warp_is_bounded_by_its_sine():
    keys = jax.random.split(jax.random.key(1), 2000)
    gain = np.asarray(jax.vmap(warp_amplitude, (0, None, None))(keys, jnp.ones(187), 0.05)) - 1
    # Depth of deviation 0.05 times a sine of random phase: deviation 0.05 / √2.
    np.testing.assert_allclose(gain.std(), 0.05 / np.sqrt(2), rtol=0.05)
    np.testing.assert_allclose(gain[:, 0].std(), 0.05 / np.sqrt(2), rtol=0.1)  # whatever the phase, it is random
    assert 0.1 < np.abs(gain).max() < 0.3  # so is the depth: of 2000 normal ones some are above two deviations


def test_warp_is_a_sine_of_half_a_period_to_two():
    keys = jax.random.split(jax.random.key(2), 500)
    gain = np.asarray(jax.vmap(warp_amplitude, (0, None, None))(keys, jnp.ones(187), 0.05)) - 1
    time = np.linspace(0, 1, 187)
    frequencies = np.linspace(0.5, 2, 151)

    def residual(frequency):  # of the best sine of that frequency, over the variance
        waves = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)])
        return ((gain - gain @ np.linalg.pinv(waves) @ waves) ** 2).sum(axis=1) / (gain**2).sum(axis=1)

    residuals = np.stack([residual(frequency) for frequency in frequencies])
    assert residuals.min(axis=0).max() < 1e-2
    found = frequencies[residuals.argmin(axis=0)]
    assert abs(found.mean() - 1.25) < 0.08
    assert found.min() < 0.55
    assert found.max() > 1.95


def test_the_field_is_that_of_pyts(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", True)  # pyts compiles all of its functions on import, 40 s of it
    image = pytest.importorskip("pyts.image", reason="pyts is the reference for Gramian angular fields")
    random = np.random.default_rng(0)
    beats = random.random((5, 187)) * (np.arange(187) < random.integers(60, 187, (5, 1)))
    # pyts makes no field larger than the series: the reference systems' 224 from 187 samples is by interpolation.
    longer = np.stack([np.interp(np.linspace(0, 186, 224), np.arange(187), beat) for beat in beats])
    for size, series in ((187, beats), (224, longer)):
        expected = image.GramianAngularField(image_size=size, method="summation").transform(series)
        found = jax.jit(gramian_angular_field, static_argnums=1)(jnp.asarray(beats, jnp.float32), size)
        np.testing.assert_allclose(found, expected, atol=2e-3)  # the root of 1 − x² near x = 1, in float32


def test_the_field_by_hand():
    make = jax.jit(gramian_angular_field, static_argnums=1)
    field = make(jnp.asarray([0.0, 0.5, 1.0]), 3)  # angles π, π/2, 0
    np.testing.assert_allclose(field, [[1, 0, -1], [0, -1, 0], [-1, 0, 1]], atol=1e-6)
    flat = make(jnp.full((4,), 0.3), 4)
    np.testing.assert_array_equal(flat, 1)
    gradient = jax.jit(jax.grad(lambda beat: make(beat, 4).sum()))
    assert np.isfinite(gradient(jnp.asarray([0.0, 0.2, 1.0, 0.4]))).all()
    assert np.isfinite(gradient(jnp.full((4,), 0.3))).all()


def test_a_delay_moves_the_signal_and_holds_its_start():
    signal = jnp.arange(1.0, 11.0)[:, None] * jnp.array([[1.0, -1.0]])
    moved = delay(signal, jnp.int32(3), limit=5)
    np.testing.assert_array_equal(moved[:, 0], [1, 1, 1, 1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_array_equal(moved[:, 1], -moved[:, 0])
    np.testing.assert_array_equal(delay(signal, jnp.int32(0), limit=5), signal)
    np.testing.assert_array_equal(delay(signal, jnp.int32(5), limit=5)[:, 0], [1, 1, 1, 1, 1, 1, 2, 3, 4, 5])


def test_time_rescaled_by_hand():
    ramp = jnp.arange(11.0)[:, None] * jnp.array([[1.0, -2.0]])
    np.testing.assert_allclose(rescale_time(ramp, jnp.float32(2.0))[:, 0], np.arange(11) / 2)
    faster = rescale_time(ramp, jnp.float32(0.8))
    np.testing.assert_allclose(faster[:, 0], np.minimum(np.arange(11) / 0.8, 10), rtol=1e-6)
    np.testing.assert_allclose(faster[:, 1], -2 * faster[:, 0])
    np.testing.assert_array_equal(rescale_time(ramp, jnp.float32(1.0)), ramp)


def test_electrode_gains_scale_potentials():
    electrodes = np.random.default_rng(0).normal(size=(500, 10)).astype(np.float32)
    electrodes -= electrodes[:, :3].mean(axis=1, keepdims=True)  # against Wilson's terminal
    leads = twelve_leads(electrodes)
    np.testing.assert_allclose(electrode_gain(jax.random.key(0), leads, 0.0), leads, atol=1e-5)
    changed = electrode_gain(jax.random.key(0), leads, 0.1)
    np.testing.assert_allclose(changed[:, 0] + changed[:, 2], changed[:, 1], atol=1e-5)  # Einthoven
    # The gains that explain the change, by least squares over the ten electrodes.
    columns = np.stack(
        [np.asarray(twelve_leads(electrodes * (np.arange(10) == i))).ravel() for i in range(10) if i != 3], axis=1
    )
    gains, residual, *_ = np.linalg.lstsq(columns, np.asarray(changed).ravel(), rcond=None)
    assert residual.max() < 1e-6
    assert 0.01 < np.abs(gains - 1).max() < 0.4


def test_electrode_gains_have_the_stated_deviation():
    electrodes = np.zeros((1, 10), np.float32)
    electrodes[0, 4:] = 1.0  # the chest alone, whose leads see their own electrode against Wilson's terminal
    keys = jax.random.split(jax.random.key(0), 2000)
    gains = np.asarray(jax.vmap(electrode_gain, (0, None, None))(keys, twelve_leads(electrodes), 0.1))[:, 0, 6:]
    np.testing.assert_allclose(gains.mean(axis=0), 1, atol=0.01)
    np.testing.assert_allclose(gains.std(axis=0), 0.1, rtol=0.06)
    assert np.abs(np.corrcoef(gains.T) - np.eye(6)).max() < 0.1


def test_electrodes_mix_by_the_stated_deviation_and_keep_their_own_potential():
    electrodes = np.zeros((1, 10), np.float32)
    electrodes[0, 4] = 1.0  # V1, which V2 to V6 record by one factor each, and the limbs by three
    keys = jax.random.split(jax.random.key(0), 4000)
    leads = jnp.asarray(twelve_leads(electrodes))
    mixed = np.asarray(jax.vmap(electrode_mixing, (0, None, None))(keys, leads, 0.1))[:, 0]
    np.testing.assert_allclose(mixed[:, 0] + mixed[:, 2], mixed[:, 1], atol=1e-6)  # Einthoven
    np.testing.assert_allclose(mixed[:, 6:].mean(axis=0), [1, 0, 0, 0, 0, 0], atol=0.01)
    terminal = 0.1 / np.sqrt(3)  # of the mean of three limbs, against which V1 to V6 are measured
    np.testing.assert_allclose(mixed[:, 6].std(), terminal, rtol=0.06)
    np.testing.assert_allclose(mixed[:, 7:].std(axis=0), np.hypot(0.1, terminal), rtol=0.06)
    np.testing.assert_allclose(electrode_mixing(keys[0], leads, 0.0), leads, atol=1e-6)


def test_noise_of_leads_has_the_ratio_that_it_promises():
    leads = jnp.stack([jnp.sin(jnp.arange(500) / 9), 7 * jnp.cos(jnp.arange(500) / 5)], axis=1)
    keys = jax.random.split(jax.random.key(0), 300)
    added = jax.vmap(lambda key: lead_noise(key, leads, 0.5))(keys) - leads[None]
    ratio = jnp.std(added, axis=1) / jnp.std(leads, axis=0)[None]
    np.testing.assert_allclose(ratio[:, 0], ratio[:, 1], rtol=0.3)  # one level for all leads
    assert 0.48 < float(ratio.max()) < 0.56
    np.testing.assert_allclose(float(ratio.mean()), 0.25, atol=0.03)  # uniform from 0 to 0.5


@pytest.mark.parametrize("decibels", [-6, 0, 12])
def test_noise_at_a_ratio(decibels):
    leads = jnp.stack([jnp.sin(jnp.arange(5000) / 9), 7 * jnp.cos(jnp.arange(5000) / 5)], axis=1)
    noise = noise_at(jax.random.key(0), leads, decibels) - leads
    ratio = 10 * np.log10(np.var(np.asarray(leads), axis=0) / np.var(np.asarray(noise), axis=0))
    np.testing.assert_allclose(ratio, decibels, atol=0.3)


def test_one_lead_drops_as_often_as_asked():
    leads = jnp.ones((500, 12))
    keys = jax.random.split(jax.random.key(1), 1200)
    gone = np.asarray(jax.vmap(lambda key: drop_lead(key, leads, 0.5))(keys)[:, 0] == 0)
    assert set(gone.sum(axis=1)) == {0, 1}
    np.testing.assert_allclose(gone.any(axis=1).mean(), 0.5, atol=0.06)
    assert (gone.sum(axis=0) > 25).all()  # 50 of each lead are expected
    np.testing.assert_array_equal(drop_lead(keys[0], leads, 0.0), leads)
    gone = np.asarray(jax.vmap(lambda key: drop_lead(key, leads, 1.0, first=11))(keys)[:, 0] == 0)
    assert gone[:, 11].all()
    assert not gone[:, :11].any()


def test_registered_augmentations_have_keys_of_their_own_and_strength_0_is_off(monkeypatch):
    def draw(key, inputs, target, strength):
        return {**inputs, "leads": inputs["leads"] + strength * jax.random.normal(key, (3,))}, target + 1

    for name in ("one", "other"):
        monkeypatch.setitem(EXTRA, name, draw)
    keys, inputs, target = jax.random.split(jax.random.key(0), 4), {"leads": jnp.zeros((4, 3))}, jnp.zeros(4, int)
    one, changed = augment_extra(keys, inputs, target, {"one": 2.0, "other": 0.0})
    assert changed.tolist() == [1] * 4
    own = jax.random.fold_in(keys[2], zlib.crc32(b"one"))
    np.testing.assert_allclose(one["leads"][2], 2 * jax.random.normal(own, (3,)), rtol=1e-6)
    both, _ = augment_extra(keys, inputs, target, {"other": 1.0, "one": 2.0})
    assert np.abs(both["leads"] - one["leads"]).min() > 1e-4
    assert augment_extra(keys, inputs, target, {"one": 0.0})[0] is inputs
    with pytest.raises(InputError, match=r"unknown augmentation\.extra 'ones'"):
        check_extra({"ones": 1.0})


def test_rotated_leads_keep_their_dipole():
    leads = jax.random.normal(jax.random.key(0), (20, 2))
    found = [np.asarray(leads @ lead_rotation(jax.random.key(i), 1.0)) for i in range(200)]
    for one in found[:5]:  # the length of the dipole and the angle between any two of its positions
        np.testing.assert_allclose(one @ one.T, leads @ leads.T, atol=1e-5)
        assert np.linalg.det(np.linalg.lstsq(leads, one)[0]) == pytest.approx(1, abs=1e-4)  # no mirror image
    first = np.asarray([one[0] for one in found])
    angles = np.arctan2(first[:, 1], first[:, 0])
    assert np.abs(np.exp(1j * angles).mean()) < 0.2  # all directions
    moved = [not np.allclose(leads @ lead_rotation(jax.random.key(i), 0.5), leads) for i in range(200)]
    assert 70 < sum(moved) < 130
    np.testing.assert_array_equal(lead_rotation(jax.random.key(0), 0.0), np.eye(2))
