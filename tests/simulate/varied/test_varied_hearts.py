"""Drawn hearts: their ranges, and that parameters are drawn independently."""

import jax
import numpy as np

from cardiax.simulate.varied import varied_hearts
from cardiax.simulate.varied.varied_hearts import draw_heart


def test_draws_stay_in_their_ranges():
    hearts = jax.jit(jax.vmap(draw_heart))(jax.random.split(jax.random.key(1), 200))
    for name, (low, high) in varied_hearts.SHAPE.items():
        values = np.asarray(getattr(hearts.shape, name))
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high >= values.max() > high - 0.1 * (high - low)
    np.testing.assert_allclose(
        hearts.rotation @ np.swapaxes(hearts.rotation, 1, 2), np.broadcast_to(np.eye(3), (200, 3, 3)), atol=1e-5
    )
    apex = np.asarray(hearts.rotation) @ [0, 0, -1.0]
    assert np.mean(apex[:, 2] < 0) > 0.99  # the apex points down
    speeds = np.asarray(hearts.conduction.speeds)
    assert (speeds[:, 0] > speeds[:, 1]).all()
    assert 0.45 < np.mean(hearts.body.bounded) < 0.75


def test_gains_and_angles_of_electrodes_are_drawn_independently():
    body = jax.jit(jax.vmap(lambda key: draw_heart(key).body))(jax.random.split(jax.random.key(2), 2000))
    gains, angles = np.log(np.asarray(body.gains)), np.asarray(body.angles)
    free = np.asarray(body.free)

    def own(values):  # what an electrode differs in from the others of its body
        return (values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True)).ravel()

    drawn = [own(gains), own(angles), own(np.asarray(body.heights)), *(own(free[:, :, axis]) for axis in range(3))]
    between = np.abs(np.corrcoef(drawn) - np.eye(6))
    assert between.max() < 0.1
    # the angle that all electrodes of a body share, and the positions in the unbounded conductor
    common = angles.mean(axis=1)
    shared = [np.corrcoef(common, free[:, electrode, axis])[0, 1] for electrode in range(10) for axis in range(3)]
    assert np.abs(shared).max() < 0.1
