"""Plots of leads, voltages and hearts: what is drawn is what was given."""

import numpy as np
import pytest

from cardiax.ecg.leads import LEADS, SITE_NAMES
from cardiax.plots.ecg_paper import ecg_figure
from cardiax.plots.heart_map import activation_figure, beating_frames
from cardiax.plots.heart_surface import look, render, shepard_weights
from cardiax.plots.voltage_traces import CHOSEN, voltage_figure
from cardiax.simulate.heart_geometry import build_heart

HEART = build_heart()
SURFACE = (HEART.points, HEART.triangles, HEART.sites)


def test_the_paper_is_true_to_scale():
    leads = np.zeros((500, 12))
    leads[100, LEADS.index("V2")] = 1.0
    figure = ecg_figure(leads, "Test")
    axes = figure.axes[0]
    width, _ = figure.get_size_inches() * 25.4
    assert axes.get_xlim()[1] == pytest.approx(width)  # a unit is a millimetre
    lines = [line.get_xydata() for line in axes.lines]
    assert len(lines) == 3 + 12
    spike = max(lines, key=lambda line: np.ptp(line[:, 1]) if len(line) == 500 else 0)
    assert np.ptp(spike[:, 1]) == pytest.approx(10)  # 1 mV is 10 mm
    assert np.ptp(spike[:, 0]) == pytest.approx(499 / 1000 * 25)  # 25 mm/s
    assert {text.get_text() for text in axes.texts} >= set(LEADS)


def test_large_leads_get_a_smaller_gain_that_is_written():
    figure = ecg_figure(8 * np.sin(np.arange(500) / 30)[:, None] * np.ones(12) / 2, "Test")
    assert any("2.5 mm/mV" in text.get_text() for text in figure.axes[0].texts)
    with pytest.raises(ValueError, match=r"leads \(T, 12\): got shape \(500, 10\)"):
        ecg_figure(np.zeros((500, 10)), "Test")


def test_voltages_are_drawn_at_the_chosen_sites():
    predicted = np.arange(75.0) + np.zeros((500, 1))
    figure = voltage_figure(predicted, "Test", predicted + 1)
    panel = figure.axes[CHOSEN.index("RV07")]
    assert panel.get_title() == "RV07"
    true, ours = (line.get_ydata()[0] for line in panel.lines[:2])
    assert ours == SITE_NAMES.index("RV07")
    assert true == ours + 1
    with pytest.raises(ValueError, match=r"voltages \(T, 75\): got shape \(500, 12\)"):
        voltage_figure(np.zeros((500, 12)), "Test")


def test_shepard_keeps_the_sites_and_stays_between_them():
    sites = HEART.points[HEART.sites]
    weights = shepard_weights(HEART.points, sites)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert set((weights > 0).sum(axis=1)) <= {8, 9}  # 9 where two sites are equally far
    values = np.random.default_rng(0).uniform(10, 90, 75)
    np.testing.assert_allclose((weights @ values)[HEART.sites], values, rtol=1e-6)
    assert values.min() <= (weights @ values).min()
    assert (weights @ values).max() <= values.max()


def test_what_lies_behind_is_hidden():
    # Two squares of 10 mm, the nearer one of value 1, the other of value 2 and larger: 1 in the middle, 2 around it.
    def square(size, depth):
        return [[x * size, y * size, depth] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]

    points = np.array(square(5, 1.0) + square(10, 0.0))
    triangles = np.array([[4, 5, 6], [4, 6, 7], [0, 1, 2], [0, 2, 3]])
    for order in (triangles, triangles[::-1]):
        image, light = render(points, order, np.repeat([1.0, 2.0], 4), (-12, 12, -12, 12), 48)
        assert image[24, 24] == 1
        assert image[24, 6] == 2
        assert np.isnan(image[0, 0])
        assert light[0, 0] == 0 < light[24, 24] <= 1
        near = (np.abs(np.arange(48) - 23.5) < 9.5)[:, None] & (np.abs(np.arange(48) - 23.5) < 9.5)
        np.testing.assert_allclose(image[near], 1)
        assert np.isfinite(image).sum() == 40 * 40


def test_the_eye_sees_left_on_the_right_from_the_front():
    seen = look(np.array([[10.0, 0, 0], [0, 10, 0], [0, 0, 10]]), 90.0)
    assert seen[0, 0] == pytest.approx(10)  # the patient's left
    assert seen[1, 2] > 9  # the front comes towards the eye
    assert seen[2, 1] > 9  # up is up


def test_activation_is_drawn_true_predicted_and_wrong():
    times = np.linspace(0, 120, 75)
    figure = activation_figure(*SURFACE, times + 5, "Test", times)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["true", "predicted", "error"]
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert "activation time (ms)" in labels
    assert "predicted − true (ms)" in labels
    missing = np.where(np.arange(75) == 3, np.nan, times)
    assert len(activation_figure(*SURFACE, missing, "Test").axes) == 2 + 1


def test_frames_beat_and_turn():
    voltage = np.where(np.arange(500)[:, None] > 100, 20.0, -85.0) * np.ones(75)
    frames = beating_frames(*SURFACE, voltage, frames=3)
    assert frames.dtype == np.uint8
    assert frames.shape[0] == 3
    assert frames.shape[3] == 3
    assert frames[0].mean() < frames[1].mean()  # dark at rest, bright when excited


def test_shepard_has_fewer_sites_than_neighbours():
    np.testing.assert_allclose(shepard_weights(HEART.points, HEART.points[:1]), 1)
    few = shepard_weights(np.array([[0.0, 0, 0]]), np.array([[1.0, 0, 0], [0, 2, 0]]))
    np.testing.assert_allclose(few, [[0.8, 0.2]])  # 1 / 1² against 1 / 2²
    assert shepard_weights(HEART.points, np.zeros((0, 3))).shape == (len(HEART.points), 0)


@pytest.mark.parametrize(("active", "true"), [(0, None), (0, np.full(75, 50.0)), (1, np.full(75, 50.0)), (7, None)])
def test_the_map_of_few_active_sites(active, true):
    times = np.where(np.arange(75) < active, 30.0, np.nan)  # all at once: no isochrone lies between them
    figure = activation_figure(*SURFACE, times, "Test", true)
    assert ("no site activates" in figure.get_suptitle()) == (active == 0)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert (shown.min() < 0.5) == (active > 0)  # an empty map is white


def test_times_without_spread_have_no_isochrones():
    figure = activation_figure(*SURFACE, np.zeros(75), "Test")
    assert not any(axes.collections for axes in figure.axes[:2])
