"""Plots of calibration: what they show is what they were given."""

import io

import numpy as np

from cardiax.plots.reliability import reliability_figure, risk_figure, spread_figure


def test_the_reliability_of_each_member_and_of_the_ensemble():
    members = np.array([[[0, 0, 0], [4, 2, 2.8], [6, 6, 5.4]], [[2, 1, 0.6], [2, 1, 1.0], [6, 3, 5.4]]], float)
    ensemble = np.array([[0, 0, 0], [5, 3, 2.5], [5, 5, 4.5]], float)
    figure = reliability_figure(members, ensemble, "Test")
    axes, below = figure.axes
    _, first, second, together = axes.lines
    # Empty bins are left out; mean confidence against the share that is right.
    np.testing.assert_allclose(np.transpose(first.get_data()), [[0.7, 0.5], [0.9, 1.0]])
    np.testing.assert_allclose(np.transpose(second.get_data()), [[0.3, 0.5], [0.5, 0.5], [0.9, 0.5]])
    np.testing.assert_allclose(np.transpose(together.get_data()), [[0.5, 0.6], [0.9, 1.0]])
    assert [bar.get_height() for bar in below.patches][1:] == [5, 5]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["calibrated", "members", "ensemble"]
    figure.savefig(io.BytesIO(), format="png")


def test_coverage_and_error_by_spread():
    covered = {0.5: (0.3, 0.28, 0.33), 0.95: (0.62, 0.6, 0.64)}
    figure = spread_figure(covered, np.array([[0.1, 0.5], [1.0, 2.0]]), "ms", "Test")
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["30%", "62%"]
    (bars,) = left.containers[0].lines[2]
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [[0.28, 0.33], [0.6, 0.64]])
    np.testing.assert_allclose(np.transpose(right.lines[1].get_data()), [[0.1, 0.5], [1.0, 2.0]])
    assert right.get_xlabel() == "Standard deviation of the members (ms)"
    assert right.get_xlim()[0] < 0.1 < 2.0 < right.get_xlim()[1]
    figure.savefig(io.BytesIO(), format="png")


def test_risk_over_coverage():
    figure = risk_figure(np.array([0.25, 0.5, 1.0]), np.array([0.0, 0.5, 0.4]), "Test")
    (axes,) = figure.axes
    everything, curve, at_90 = axes.lines
    np.testing.assert_array_equal(everything.get_ydata(), [0.4, 0.4])
    np.testing.assert_array_equal(curve.get_data(), [[0.25, 0.5, 1.0], [0.0, 0.5, 0.4]])
    assert (at_90.get_xdata(), at_90.get_ydata()) == ([0.9], [0.4])
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["all kept: 0.4000", "most certain kept (area 0.3250)", "at 90 % coverage: 0.4000"]
    figure.savefig(io.BytesIO(), format="png")
    # The legend is above all lines.
    assert axes.get_legend().get_window_extent().y0 > axes.transData.transform((0, 0.5))[1]
