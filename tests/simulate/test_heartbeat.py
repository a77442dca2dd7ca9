"""The simulated heartbeats: waves worked by hand, the format of Kaggle's rows, what a cardiologist would look for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH
from cardiax.simulate import heartbeat
from cardiax.simulate import waves as wave_tables
from cardiax.simulate.heartbeat import KINDS
from cardiax.simulate.waves import WAVES, Waves, gaussian_sum

N, S, V, F, Q = range(5)
BEATS = 60
SIMULATE = jax.jit(heartbeat.simulate_beats)
INDICES = np.arange(BEATS, dtype=np.int32)
LABELS = INDICES % 5
SUBJECTS = INDICES % heartbeat.SUBJECTS


@pytest.fixture(scope="module")
def key():
    return jax.random.key(3, impl="threefry2x32")


@pytest.fixture(scope="module")
def rows(key):
    return np.asarray(SIMULATE(key, INDICES, LABELS, SUBJECTS))


@pytest.fixture(scope="module")
def pool():
    """Subjects of another key, fields with a leading axis of 48."""
    return jax.jit(jax.vmap(heartbeat.draw_subject))(jax.random.split(jax.random.key(5), heartbeat.SUBJECTS))


@pytest.fixture(scope="module")
def drawn(pool):
    """`draw(label, n)`: n beats of that class and their noise-free segments, subjects in turn."""
    draw = jax.jit(jax.vmap(heartbeat.draw_beat))
    clean = jax.jit(jax.vmap(heartbeat.clean_segment))

    def of(label, seed=0):
        labels = jnp.full(heartbeat.SUBJECTS, label, jnp.int32)
        beats = draw(jax.random.split(jax.random.key(seed), heartbeat.SUBJECTS), labels, pool)
        return beats, np.asarray(clean(beats))

    return of


def by_hand(time, table):
    """The Gaussian sum of a (waves, 3) table of centre, amplitude, width at one instant."""
    return sum(a * np.exp(-((time - c) ** 2) / (2 * b**2)) for c, a, b in np.asarray(table, np.float64))


def qrs_width(waves, subject, kind):
    """Seconds over which the QRS alone, drawn every 1 ms, stays above a tenth of its peak."""
    qrs = slice(WAVES.index("Q"), WAVES.index("T"))
    time = jnp.arange(-0.3, 0.3, 0.001)
    voltage = np.abs(gaussian_sum(time, jax.tree.map(lambda field: field[subject, kind, qrs], waves)))
    above = np.flatnonzero(voltage > 0.1 * voltage.max())
    return 0.001 * (above[-1] - above[0])


def test_narrow_beat_has_the_amplitudes_of_mcsharry():
    table = dict(zip(WAVES, wave_tables.NORMAL_VARIANTS["narrow"], strict=True))
    # a b² / (30 · 0.1²): P is halved by P_SCALE.
    expected = {"spike": 0.0, "P": 0.125, "Q": -1 / 6, "R": 1.0, "R'": 0.0, "S": -0.25, "T": 0.4}
    assert {name: row[1] for name, row in table.items()} == pytest.approx(expected)
    assert table["P"][0] == pytest.approx(-1 / 6)
    assert table["R"][2] == pytest.approx(0.85 * 0.1 / (2 * np.pi))


def test_gaussian_sum_is_the_sum_worked_by_hand():
    table = wave_tables.NORMAL_VARIANTS["narrow"]
    times = [-0.17, -0.03, 0.0, 0.025, 0.1, 0.31]
    waves = Waves(*(jnp.asarray(column, jnp.float32) for column in table.T))
    got = gaussian_sum(jnp.asarray(times, jnp.float32), waves)
    np.testing.assert_allclose(got, [by_hand(time, table) for time in times], rtol=1e-5, atol=1e-6)


def test_clean_segment_shows_both_beats_where_the_intervals_put_them():
    normal = wave_tables.NORMAL_VARIANTS["narrow"]
    tables = np.zeros((2, len(KINDS), len(WAVES), 3))
    tables[..., 2] = 0.02
    tables[0, 0], tables[1, 4] = normal, wave_tables.PACED
    waves = Waves(*(jnp.asarray(tables[..., i], jnp.float32) for i in range(3)))
    beat = heartbeat.Beat(waves, jnp.array([288, 300], jnp.int32), jnp.float32(0.005), jnp.float32(1.0))
    got = heartbeat.clean_segment(beat)
    for sample in (0, 3, 36, 80, 90, 95, 105):  # 288 samples at 360 Hz are 96 at 120 Hz
        time = sample / 120 + 0.005
        expected = by_hand(time, normal) + by_hand(time - 0.8, wave_tables.PACED)
        assert float(got[sample]) == pytest.approx(expected, abs=2e-5)
    assert got.shape == (heartbeat.SEGMENT,)


@pytest.mark.parametrize(("first", "second"), [(300, 300), (299, 304), (301, 299), (720, 719), (119, 119)])
def test_segment_length_is_the_rule_of_the_real_file(first, second):
    start = 1000
    signal = np.zeros(5000)
    expected = len(signal[start : int(start + first + 0.2 * second) : 3])
    assert int(heartbeat.segment_length(jnp.array([first, second]))) == expected


def test_row_is_scaled_over_the_whole_segment_and_then_cut():
    segment = jnp.zeros(heartbeat.SEGMENT).at[5].set(3.0).at[200].set(-1.0).at[250].set(100.0)
    row = heartbeat.to_row(segment, jnp.int32(210))
    assert row.shape == (BEAT_LENGTH,)
    assert float(row[5]) == 1.0
    assert float(row[0]) == 0.25  # the minimum lies beyond the cut, and sample 250 beyond the segment
    short = heartbeat.to_row(segment + 1, jnp.int32(50))
    assert not short[50:].any()


def test_rows_are_in_range_and_padded_from_where_the_intervals_say(key, rows):
    assert rows.shape == (BEATS, BEAT_LENGTH)
    assert rows.dtype == np.float32
    assert rows.min() == 0.0
    assert rows.max() == 1.0

    def length(index, label, subject):
        beat_key, _ = jax.random.split(jax.random.fold_in(key, heartbeat.SUBJECTS + index))
        person = heartbeat.draw_subject(jax.random.fold_in(key, subject))
        return heartbeat.segment_length(heartbeat.draw_beat(beat_key, label, person).intervals)

    lengths = np.asarray(jax.jit(jax.vmap(length))(INDICES, LABELS, SUBJECTS))
    assert lengths.max() <= heartbeat.SEGMENT
    last = BEAT_LENGTH - np.argmax(rows[:, ::-1] != 0, axis=1)
    cut = np.minimum(lengths, BEAT_LENGTH)
    assert (last <= cut).all()
    assert (last == cut).mean() > 0.9  # the last sample may itself be the minimum, 0
    for row, stop in zip(rows, cut, strict=True):
        assert row[: stop - 1].any()
        assert not row[stop:].any()


@pytest.mark.slow
def test_chunks_order_and_jit_do_not_change_a_beat(key, rows):
    np.testing.assert_allclose(SIMULATE(key, INDICES[20:35], LABELS[20:35], SUBJECTS[20:35]), rows[20:35], atol=1e-6)
    backwards = SIMULATE(key, INDICES[::-1], LABELS[::-1], SUBJECTS[::-1])
    np.testing.assert_allclose(backwards[::-1], rows, atol=1e-6)
    with jax.disable_jit():
        plain = heartbeat.simulate_beats(key, INDICES[:2], LABELS[:2], SUBJECTS[:2])
    np.testing.assert_allclose(plain, rows[:2], atol=2e-5)


def test_same_seed_same_bits_and_another_seed_another_everything(key, rows):
    np.testing.assert_array_equal(SIMULATE(key, INDICES, LABELS, SUBJECTS), rows)
    other = np.asarray(SIMULATE(jax.random.key(4, impl="threefry2x32"), INDICES, LABELS, SUBJECTS))
    assert (np.abs(other - rows).max(axis=1) > 0.05).all()
    later = np.asarray(SIMULATE(key, INDICES + BEATS, LABELS, SUBJECTS))
    assert (np.abs(later - rows).max(axis=1) > 0.01).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), first=st.integers(0, 2**31 - 1000))
def test_rows_are_finite_for_any_seed(seed, first):
    rows = np.asarray(SIMULATE(jax.random.key(seed, impl="threefry2x32"), INDICES + first, LABELS, SUBJECTS))
    assert np.isfinite(rows).all()
    assert rows.min() == 0.0
    assert rows.max() <= 1.0


def test_ventricular_qrs_is_wider_than_normal(pool):
    normal, first, second = (
        np.array([qrs_width(pool.waves, subject, kind) for subject in range(heartbeat.SUBJECTS)]) for kind in (0, 2, 3)
    )
    assert np.median(normal) < 0.12  # s, the limit of a normal QRS
    assert normal.max() > 0.12  # bundle-branch blocks are among the normal ones
    for ventricular in (first, second):
        assert np.median(ventricular) > 1.3 * np.median(normal)
        assert (ventricular > 0.12).mean() > 0.9


def test_ventricular_t_is_discordant_and_p_is_absent(pool):
    amplitude = np.asarray(pool.waves.amplitude)[:, 2:4]
    r, t, p = (amplitude[..., WAVES.index(name)] for name in ("R", "T", "P"))
    assert (np.sign(t) == -np.sign(r)).all()
    assert not p.any()
    assert set(np.sign(r).ravel()) == {-1.0, 1.0}  # foci of either axis


def test_only_paced_beats_have_a_spike_and_it_is_narrow(pool, drawn):
    spike = WAVES.index("spike")
    waves = jax.tree.map(np.asarray, pool.waves)
    assert not waves.amplitude[:, :4, spike].any()
    assert (np.abs(waves.amplitude[:, 4, spike]) > 0.2).all()
    assert (waves.width[:, 4, spike] < 0.008).all()
    beats, shown = drawn(Q)
    without = beats._replace(waves=beats.waves._replace(amplitude=beats.waves.amplitude.at[..., spike].set(0.0)))
    difference = np.abs(shown - np.asarray(jax.vmap(heartbeat.clean_segment)(without)))
    assert (difference.max(axis=1) > 0.1).mean() > 0.9  # 98 % are followed by a paced beat
    assert ((difference > 0.02).sum(axis=1) <= 6).all()  # samples: 50 ms


def test_pause_is_longer_after_ventricular_than_after_normal_beats(pool, drawn):
    usual = np.asarray(pool.rr)
    ratio = [np.median(np.asarray(drawn(label)[0].intervals)[:, 0] / 360 / usual) for label in range(5)]
    assert ratio[N] == pytest.approx(1.0, abs=0.1)
    assert ratio[V] > ratio[S] > ratio[N]
    assert ratio[V] > 1.2


def test_fusion_is_a_convex_mix_of_normal_and_ventricular(drawn):
    mixed = np.asarray(drawn(F)[0].waves.amplitude)[:, 0]
    r = mixed[..., WAVES.index("R")]
    assert (r[:, 0] != 0).all()
    assert ((r[:, 2] != 0) ^ (r[:, 3] != 0)).all()
    assert not mixed[:, [1, 4]].any()


def test_beats_of_a_subject_resemble_each_other(key):
    same = np.asarray(SIMULATE(key, INDICES, np.zeros_like(LABELS), np.full_like(SUBJECTS, 7)))
    others = np.asarray(SIMULATE(key, INDICES, np.zeros_like(LABELS), SUBJECTS))
    assert same[:, :40].std(axis=0).mean() < 0.7 * others[:, :40].std(axis=0).mean()


def test_class_counts_are_the_shares_of_mit_bih():
    np.testing.assert_array_equal(heartbeat.class_counts(109446), [90589, 2779, 7236, 803, 8039])
    np.testing.assert_array_equal(heartbeat.class_counts(16000), [13244, 406, 1058, 117, 1175])
    assert heartbeat.class_counts(7).sum() == 7


def test_labels_have_exactly_the_counts_and_subjects_who_have_the_class(key):
    labels, subjects = heartbeat.draw_labels(key, 4000)
    np.testing.assert_array_equal(np.bincount(labels), heartbeat.class_counts(4000))
    assert (np.diff(labels) != 0).sum() > 1000  # in random order
    for label in range(len(AAMI_CLASSES)):
        first, stop = heartbeat.SUBJECTS_OF[label]
        assert set(subjects[labels == label]) == set(range(first, stop))
    again, _ = heartbeat.draw_labels(key, 4000)
    np.testing.assert_array_equal(labels, again)
