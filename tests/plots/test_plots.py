"""Figures: what they say is what they were given; nothing global is touched."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from cardiax.catalog import AAMI_CLASSES
from cardiax.plots.confusion_matrix import COLUMN_WIDTH, PAPER_TO_NAVY, confusion_figure
from cardiax.plots.example_beats import beats_figure

CONFUSION = np.array(
    [[18050, 25, 33, 6, 4], [120, 420, 14, 1, 1], [40, 5, 1390, 11, 2], [25, 0, 14, 123, 0], [10, 0, 3, 0, 1595]]
)


def cells(figure):
    """{(row, column): (count, percent)} as written in the cells, and the colour of the ink."""
    written, ink = {}, {}
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        written.setdefault((row, column), []).append(text.get_text().strip())
        ink[row, column] = text.get_color()
    return written, ink


def luminance(colours):
    """Relative luminance of sRGB colours (..., 3)."""
    srgb = np.asarray(colours)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_cells_say_the_counts_and_row_percentages():
    written, _ = cells(confusion_figure(CONFUSION, AAMI_CLASSES, "Test"))
    assert len(written) == CONFUSION.size
    for (row, column), (count, percent) in written.items():
        assert int(count) == CONFUSION[row, column]
        assert percent == f"{100 * CONFUSION[row, column] / CONFUSION[row].sum():.1f}%"


def test_axes_are_labelled_and_one_column_wide():
    figure = confusion_figure(CONFUSION, AAMI_CLASSES, "Test")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("Predicted class", "True class", "Test")
    assert tuple(label.get_text() for label in axes.get_yticklabels()) == AAMI_CLASSES
    assert figure.get_size_inches()[0] == COLUMN_WIDTH


@pytest.mark.parametrize("classes", [AAMI_CLASSES, ("normal", "abnormal")])
def test_nothing_is_cut_off(classes):
    size = len(classes)
    figure = confusion_figure(CONFUSION[:size, :size], classes, "Test")
    figure.savefig(io.BytesIO(), format="png")
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def test_ink_is_legible_on_every_colour():
    for percent in range(0, 101, 4):
        confusion = np.array([[percent, 100 - percent], [0, 1]])
        _, ink = cells(confusion_figure(confusion, "ab", "Test"))
        light, dark = sorted(
            (luminance(to_rgb(colour)) for colour in (PAPER_TO_NAVY(percent / 100), ink[0, 0])), reverse=True
        )
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.1, level AA


def test_colours_are_in_gamut_and_perceptually_uniform():
    colours = np.array(PAPER_TO_NAVY.colors)
    assert colours.min() >= 0
    assert colours.max() <= 1
    lightness = 116 * np.cbrt(luminance(colours)) - 16  # L* of CIE 1976, a scale other than the one it is built on
    steps = -np.diff(lightness)
    assert steps.min() > 0.9 * steps.max()


def test_a_class_without_examples_is_a_row_of_zeros():
    confusion = CONFUSION.copy()
    confusion[4] = 0
    figure = confusion_figure(confusion, AAMI_CLASSES, "Test")
    written, _ = cells(figure)
    assert [written[4, column] for column in range(5)] == [["0", "0.0%"]] * 5
    assert np.all(np.isfinite(figure.axes[0].images[0].get_array()))


def test_shape_error_names_both():
    with pytest.raises(ValueError, match=r"\(5, 5\) and 2"):
        confusion_figure(CONFUSION, ("normal", "abnormal"), "Test")


def test_beats_are_drawn_without_their_padding():
    beats = np.zeros((4, 187), np.float32)
    beats[0, :100], beats[1, :60], beats[2, :187] = 0.5, 0.7, 0.2
    figure = beats_figure(beats, np.array([0, 0, 1, 1]), "NSV", sampling_rate=100.0)
    normal, ectopic, empty = figure.axes
    assert [len(line.get_ydata()) for line in normal.lines] == [100, 60]
    assert normal.lines[0].get_xdata()[-1] == 990  # ms
    assert [len(line.get_ydata()) for line in ectopic.lines] == [187, 0]  # the second is all padding
    assert not empty.lines
    assert empty.texts[0].get_text() == "no beats"
    assert [axes.get_title() for axes in figure.axes] == list("NSV")
    figure.savefig(io.BytesIO(), format="png")


def test_beats_per_class_are_limited():
    figure = beats_figure(np.ones((9, 187)), np.zeros(9, int), ("N",), 120.0, per_class=4)
    assert len(figure.axes[0].lines) == 4


def test_pyplot_is_never_imported():
    code = (
        "import io, sys, numpy as np\n"
        "from cardiax.plots.example_beats import beats_figure\n"
        "from cardiax.plots.confusion_matrix import confusion_figure\n"
        "confusion_figure(np.eye(2, dtype=int), 'ab', 't').savefig(io.BytesIO(), format='png')\n"
        "beats_figure(np.ones((2, 9)), np.arange(2), 'ab', 120.0).savefig(io.BytesIO(), format='png')\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
