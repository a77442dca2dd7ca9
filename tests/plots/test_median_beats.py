"""The median beats are medians, with the quartiles around them."""

import numpy as np

from cardiax.plots.median_beats import median_beats_figure


def test_the_median_and_quartiles_of_each_class_and_lead():
    shape = np.stack([np.arange(192.0), -np.arange(192.0)], 1)
    beats = {"N": np.array([1.0, 2, 9, 3, 4])[:, None, None] * shape, "V": 10 * shape[None]}
    figure = median_beats_figure(beats, {"N": 1234, "V": 1}, ("II", "V5"), 180.0, 72, "a")
    panels = np.array(figure.axes).reshape(2, 2)
    for row, sign in enumerate((1, -1)):
        for column, factor in enumerate((3, 10)):
            line = panels[row, column].lines[0]
            np.testing.assert_allclose(line.get_xdata()[[0, 72, 90]], [-400, 0, 100])
            np.testing.assert_allclose(line.get_ydata(), sign * factor * np.arange(192))
    corners = panels[0, 0].collections[0].get_paths()[0].vertices
    last = corners[corners[:, 0] == corners[:, 0].max(), 1]
    assert (last.min(), last.max()) == (2 * 191, 4 * 191)
    assert [axes.get_title() for axes in panels[0]] == ["N (1,234)", "V (1)"]
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["II (mV)", "V5 (mV)"]
