"""The tachogram shows each RR interval at its beat, and the longest at the upper end."""

import numpy as np

from cardiax.ecg.rhythm_summary import BeatSequence
from cardiax.plots.style import CLASS_COLOURS
from cardiax.plots.tachogram import tachogram_figure


def test_intervals_are_where_they_were_given():
    times = np.arange(0, 600, 0.5)
    rr = np.full(len(times), 0.5)
    rr[0], rr[300], rr[700] = np.nan, 0.8, 5.0
    names = np.full(len(times), "N", dtype=object)
    names[300] = "V"
    unreadable = np.array([[60.0, 120.0]])
    beats = BeatSequence(times=times, rr=rr, names=names, unreadable=unreadable, duration=600.0)
    figure = tachogram_figure(beats, "a", CLASS_COLOURS)
    (axes,) = figure.axes
    normal, above, ventricular, none = (one.get_offsets() for one in axes.collections)
    np.testing.assert_allclose(normal[298:300], [[149.5 / 60, 0.5], [150.5 / 60, 0.5]])
    assert len(normal) == len(times) - 2
    np.testing.assert_allclose(ventricular, [[2.5, 0.8]])
    np.testing.assert_allclose(above, [[350 / 60, 0.97 * 1.1]])
    assert len(none) == 0
    assert (axes.get_xlabel(), axes.get_xlim(), axes.get_ylim()) == ("Time (min)", (0, 10), (0, 1.1))
    (grey,) = axes.patches
    assert (grey.get_x(), grey.get_width()) == (1.0, 1.0)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["N (1,199)", "V (1)"]
    assert axes.get_title("left").endswith("grey: unreadable   ▲: longer than the axis")
