"""Likeness: figures worked by hand, the published ones, and what the kept parameters promise."""

import numpy as np
import pytest

from cardiax.launch.likeness import table
from cardiax.simulate.dataset_statistics import LEAD_SPREAD, SITE_MEAN, likeness


def test_figures_by_hand():
    # Two beats; LA swings by ±3 and LL by ±1 mV in the second, so I is ±3 there: spread √(9/2). Sites: -80, then 20 mV.
    electrodes = np.zeros((2, 500, 10), np.float32)
    electrodes[1, :, 1:3] = np.where(np.arange(500) % 2, 1, -1)[:, None] * [3, 1]
    voltage = np.full((2, 500, 75), -80, np.float32)
    voltage[:, 250:] = 20
    found = likeness(electrodes, voltage)
    assert found["lead_spread"][0] == pytest.approx(np.sqrt(9 / 2))
    assert found["lead_ratio"][0] == pytest.approx(np.sqrt(9 / 2) / LEAD_SPREAD[0])
    assert found["lead_range"][0] == 6
    np.testing.assert_allclose(found["site_mean"], -30)
    np.testing.assert_allclose(found["site_spread"], 50)
    np.testing.assert_allclose(found["site_mean_error"], -30 - np.asarray(SITE_MEAN))
    np.testing.assert_allclose(found["activation"], [249.8, 249.8, 249.8, 0], atol=1e-3)
    text = table(found, 2)
    assert "one constant for all sites" in text
    assert text.startswith("2 simulated beats")


def test_one_constant_scores_what_the_published_means_allow():
    found = likeness(np.zeros((1, 500, 10), np.float32), np.ones((1, 500, 75), np.float32))
    assert np.abs(found["constant_error"]).mean() == pytest.approx(1.65, abs=0.05)
