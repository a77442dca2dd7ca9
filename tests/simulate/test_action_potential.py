"""The action potential: where it crosses, how long it lasts, what it looks like."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiax.ecg.voltage import activation_time, apd90
from cardiax.simulate.action_potential import REST, action_potential

TIME = jnp.arange(0.0, 500.0)[:, None]


@given(start=st.floats(2, 120), duration=st.floats(180, 320))
@settings(deadline=None, max_examples=40)
def test_it_crosses_0_mv_when_activated_and_lasts_as_asked(start, duration):
    voltage = action_potential(TIME - start, jnp.float32(duration))
    assert float(activation_time(voltage)[0]) == pytest.approx(start, abs=0.15)  # the line between samples is a chord
    # 90 % are counted from the peak, which lies above the plateau from which σ falls.
    assert float(apd90(voltage)[0]) == pytest.approx(duration, rel=0.06)


def test_rest_peak_notch_and_plateau():
    voltage = np.asarray(action_potential(TIME - 20, jnp.float32(280.0)))[:, 0]
    assert voltage[:15] == pytest.approx(REST, abs=0.1)
    assert voltage[-1] == pytest.approx(REST, abs=0.5)
    peak = voltage[15:35].max()
    assert 25 < peak < 40
    assert 15 < voltage[60] < peak - 5
    assert np.all(np.diff(voltage[60:]) < 0.01)
