"""ECG paper is true to scale: twelve leads, and strips with the class of each beat at its R peak."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from cardiax.ecg.leads import LEADS
from cardiax.ecg.rhythm_strips import Strip
from cardiax.plots.ecg_paper import LABEL, MARGIN, ROW_HEIGHT, ecg_figure, strips_figure
from cardiax.plots.style import CLASS_COLOURS
from cardiax.simulate.generic_leads import Explained


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


def test_the_leads_that_a_prediction_gives_are_drawn_over_the_recorded_ones():
    leads, given = np.zeros((500, 12)), np.zeros((180, 12), np.float32)
    leads[:, 0], given[10, LEADS.index("V6")] = np.linspace(0, 1, 500), 0.5
    axes = ecg_figure(leads, "Test", Explained(0.625, given)).axes[0]
    blue = [line for line in axes.lines if same_color(line.get_color(), "#0b5cad")]
    assert [len(line.get_xdata()) for line in blue] == 12 * [180]
    last = blue[-1].get_xydata()
    assert np.ptp(last[:, 1]) == pytest.approx(5)  # 10 mm/mV
    recorded = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 500][-1]
    np.testing.assert_array_equal(last[0], recorded[0])
    assert any("62 % explained" in text.get_text() for text in axes.texts)


def test_large_leads_get_a_smaller_gain_that_is_written():
    figure = ecg_figure(8 * np.sin(np.arange(500) / 30)[:, None] * np.ones(12) / 2, "Test")
    assert any("2.5 mm/mV" in text.get_text() for text in figure.axes[0].texts)


def test_ten_seconds_are_a_quarter_of_each_lead_and_a_rhythm_strip():
    """Lead number n has a spike of 1 mV at each second s, s + n / 100 s after the start."""
    leads = np.zeros((12_000, 12))
    for number in range(12):
        leads[1000 * np.arange(12) + 10 * number, number] = 1.0
    axes = ecg_figure(leads, "Test").axes[0]
    start = {text.get_text(): text.get_position()[0] for text in axes.texts}
    lines = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) > 6]
    assert [len(line) for line in lines] == 12 * [2500] + [10_000]
    *quarters, strip = lines
    at = [line[line[:, 1] > line[:, 1].min() + 5, 0] for line in quarters]
    v1 = at[2]  # the third of the first row: 5 s to 7.5 s
    np.testing.assert_allclose(v1, start["V1"] + 25 * (np.array([0, 1, 2]) + LEADS.index("V1") / 100))
    v4 = at[3]  # 7.5 s to 10 s
    np.testing.assert_allclose(v4, start["V4"] + 25 * (np.array([0.5, 1.5]) + LEADS.index("V4") / 100))
    assert start["aVR"] - start["I"] == pytest.approx(62.5)
    assert np.ptp(strip[:, 0]) == pytest.approx(25 * 9.999)
    assert (strip[:, 1] > strip[:, 1].min() + 5).sum() == 10


@pytest.mark.parametrize(("size", "explained"), [(500, False), (10_000, False), (500, True)])
def test_no_trace_runs_through_a_name(size, explained):
    """V1 far above and V4 far below: the row, not a single lead, has to fit below the names; of leads that a
    prediction gives too."""
    leads = np.zeros((size, 12))
    leads[:, LEADS.index("V1")], leads[:, LEADS.index("V4")] = 2.4, -2.4
    given = Explained(0.5, leads) if explained else None
    axes = ecg_figure(0 * leads if explained else leads, "Test", given).axes[0]
    names = [text.get_position()[1] for text in axes.texts if text.get_text() in LEADS]
    rows = sorted({round(name, 6) for name in names}, reverse=True)
    for line in (line for line in axes.lines if len(line.get_xdata()) > 6):
        (row,) = [top for top in rows if top - ROW_HEIGHT < line.get_ydata().mean() < top]
        assert line.get_ydata().max() <= row - LABEL + 2
        assert line.get_ydata().min() >= row - ROW_HEIGHT


def test_beats_are_at_25_mm_per_s_in_the_colour_of_their_class():
    signal = np.zeros(1800)
    signal[[360, 720, 900]] = 1.0
    strip = Strip("II at 0:00:00", signal, np.array([2.0, 4.0, 5.0]), ["N", "V", "N"], [False] * 3)
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


@pytest.mark.parametrize("title", ["Short", "A long name of a recording. " * 12])
def test_the_title_lies_between_the_edge_and_the_paper(title):
    strip = Strip("II", np.zeros(1800), np.array([2.0]), ["N"], [False])
    for figure in (ecg_figure(np.zeros((500, 12)), title), strips_figure([strip], title * 2, CLASS_COLOURS, "N")):
        figure.draw_without_rendering()
        box = figure.texts[0].get_window_extent()
        assert figure.axes[0].get_window_extent().y1 <= box.y0
        assert box.y1 <= figure.bbox.y1
        assert box.x1 <= figure.bbox.x1


def test_an_uncertain_class_has_a_question_mark():
    strip = Strip("II", np.zeros(1800), np.array([2.0, 4.0]), ["N", "V"], [False, True])
    (axes,) = strips_figure([strip], "a", CLASS_COLOURS, "N").axes
    (doubtful,) = [text for text in axes.texts if text.get_text() == "V?"]
    assert same_color(doubtful.get_color(), CLASS_COLOURS["V"])
    assert "N" in {text.get_text() for text in axes.texts}
