"""The median beats are medians, with the quartiles around them."""

import numpy as np
from matplotlib.collections import QuadMesh

from cardiax.plots.median_beats import median_beats_figure
from cardiax.plots.style import CLASS_COLOURS


def test_the_median_and_quartiles_of_each_class_and_lead():
    shape = np.stack([np.arange(192.0), -np.arange(192.0)], 1)
    beats = {"N": np.array([1.0, 2, 9, 3, 4])[:, None, None] * shape, "V": 10 * shape[None]}
    figure = median_beats_figure(beats, {"N": 1234, "V": 1}, ("II", "V5"), 180.0, 72, "a", CLASS_COLOURS)
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


def test_what_speaks_for_a_class_is_red_and_what_speaks_against_it_blue():
    beats = {"N": np.zeros((3, 192, 1)), "V": np.full((3, 192, 1), 2.0)}
    influence = np.where(np.arange(192) < 96, 1.0, -0.5)[:, None]
    figure = median_beats_figure(
        beats,
        {"N": 3, "V": 3},
        ("II",),
        180.0,
        72,
        "a",
        CLASS_COLOURS,
        influences={"V": influence},
        notes={"V": "shape +1.0, rhythm +2.0"},
    )
    normal, ventricular = figure.axes
    assert ventricular.get_title() == "V (3)\nshape +1.0, rhythm +2.0"
    assert ventricular.get_ylim()[0] < 0 < 2 < ventricular.get_ylim()[1]  # the shade does not hide a trace
    assert not [one for one in normal.collections if isinstance(one, QuadMesh)]
    (mesh,) = [one for one in ventricular.collections if isinstance(one, QuadMesh)]
    red, _, blue, _ = mesh.to_rgba([1.0])[0]
    assert red > blue
    red, _, blue, _ = mesh.to_rgba([-0.5])[0]
    assert blue > red
    np.testing.assert_allclose(mesh.get_array()[0, [50, 150]], [1.0, -0.5])
    np.testing.assert_allclose(mesh.get_coordinates()[0, [72, 73], 0], [-1000 / 360, 1000 / 360])


def test_all_classes_share_a_scale_and_weak_influences_stay_pale():
    beats = {name: np.zeros((3, 192, 1)) for name in "NSV"}
    strong, weak = np.full((192, 1), 0.5), np.full((192, 1), 0.01)
    colours = dict.fromkeys(beats, "k")
    counts = dict.fromkeys(beats, 3)

    def shades(**influences):
        figure = median_beats_figure(beats, counts, ("II",), 180.0, 72, "a", colours, influences)
        meshes = [one for axes in figure.axes for one in axes.collections if isinstance(one, QuadMesh)]
        return [mesh.to_rgba(mesh.get_array()[0, 96:97])[0][2] for mesh in meshes]  # blue: 1 is pale

    pale, deep = shades(S=weak, V=strong)
    assert pale > 0.9 > 0.6 > deep
    (alone,) = shades(S=weak)
    assert alone > 0.75
