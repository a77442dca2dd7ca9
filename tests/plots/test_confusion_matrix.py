"""The confusion matrix says what it was given; nothing global is touched."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from cardiax.catalog import AAMI_CLASSES
from cardiax.plots.confusion_matrix import COLUMN_WIDTH, PAPER_TO_NAVY, confusion_figure

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
    assert (axes.get_xlabel(), axes.get_ylabel(), figure.get_suptitle()) == ("Predicted class", "True class", "Test")
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


def test_classes_without_examples_are_left_out_unless_predicted():
    confusion = CONFUSION.copy()
    confusion[3:] = 0
    confusion[:, 4] = 0
    figure = confusion_figure(confusion, AAMI_CLASSES, "Test")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list("NSV")
    assert [label.get_text() for label in axes.get_xticklabels()] == list("NSVF")
    assert axes.get_ylabel() == "True class (none: F, Q)"
    written, _ = cells(figure)
    assert {cell: int(count) for cell, (count, _) in written.items()} == dict(np.ndenumerate(CONFUSION[:3, :4]))
    assert written[0, 3][1] == f"{100 * 6 / CONFUSION[0, :4].sum():.1f}%"


def test_long_names_are_shortened():
    names = ("left bundle branch block of unknown origin", "normal", "ab")
    axes = confusion_figure(CONFUSION[:3, :3], names, "Test").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["left bundle\nbranch…", "normal", "ab"]


def test_pyplot_is_never_imported():
    code = (
        "import io, sys, numpy as np\n"
        "from cardiax.plots.median_beats import outcomes_figure\n"
        "from cardiax.plots.confusion_matrix import confusion_figure\n"
        "confusion_figure(np.eye(2, dtype=int), 'ab', 't').savefig(io.BytesIO(), format='png')\n"
        "outcomes_figure({('a', 'a'): np.ones((2, 9))}, {('a', 'a'): 2}, 120.0, 't').savefig(io.BytesIO())\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
