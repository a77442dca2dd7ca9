"""Strips are true to scale, with the class of each beat at its R peak."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from cardiax.ecg.rhythm_strips import Strip
from cardiax.plots.ecg_paper import MARGIN
from cardiax.plots.strips_on_paper import strips_figure
from cardiax.plots.style import CLASS_COLOURS


def test_beats_are_at_25_mm_per_s_in_the_colour_of_their_class():
    signal = np.zeros(1800)
    signal[[360, 720, 900]] = 1.0
    strip = Strip("II at 0:00:00", signal, 180.0, np.array([2.0, 4.0, 5.0]), ["N", "V", "N"], [False] * 3)
    figure = strips_figure([strip], "a", CLASS_COLOURS, "N")
    (axes,) = figure.axes
    letters = [text for text in axes.texts if text.get_text() in CLASS_COLOURS]
    assert [text.get_text() for text in letters] == ["N", "V", "N"]
    np.testing.assert_allclose([text.get_position()[0] for text in letters], MARGIN + 25 * np.array([2.0, 4.0, 5.0]))
    (ventricular,) = [line for line in axes.lines if same_color(line.get_color(), CLASS_COLOURS["V"])]
    seconds = (ventricular.get_xdata() - MARGIN) / 25
    assert seconds[0] == pytest.approx(4 - 0.25, abs=0.01)
    assert seconds[-1] == pytest.approx(4 + 0.45, abs=0.01)
    assert np.ptp(ventricular.get_ydata()) == pytest.approx(10.0)


def test_an_uncertain_class_has_a_question_mark():
    strip = Strip("II", np.zeros(1800), 180.0, np.array([2.0, 4.0]), ["N", "V"], [False, True])
    (axes,) = strips_figure([strip], "a", CLASS_COLOURS, "N").axes
    (doubtful,) = [text for text in axes.texts if text.get_text() == "V?"]
    assert same_color(doubtful.get_color(), CLASS_COLOURS["V"])
    assert "N" in {text.get_text() for text in axes.texts}
