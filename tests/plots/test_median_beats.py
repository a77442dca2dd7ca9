"""The median beats are medians, with the quartiles around them."""

import numpy as np
from matplotlib.collections import QuadMesh

from cardiax.catalog import BEAT_LENGTH
from cardiax.plots.median_beats import median_beats_figure, outcomes_figure, without_padding
from cardiax.plots.style import CLASS_COLOURS


def test_the_median_and_quartiles_of_each_class_and_lead():
    shape = np.stack([np.arange(192.0), -np.arange(192.0)], 1)
    beats = {"N": np.array([1.0, 2, 9, 3, 4])[:, None, None] * shape, "V": 10 * shape[None]}
    low, middle, high = ({name: np.quantile(own, q, axis=0) for name, own in beats.items()} for q in (0.25, 0.5, 0.75))
    bounds = {name: np.stack([low[name], high[name]]) for name in beats}
    counts = {"N": 1234, "V": 1}
    figure = median_beats_figure(middle, bounds, counts, ("II", "V5"), "a", CLASS_COLOURS, {}, {})
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
    beats = {"N": np.zeros((192, 1)), "V": np.full((192, 1), 2.0)}
    influence = np.where(np.arange(192) < 96, 1.0, -0.5)[:, None]
    figure = median_beats_figure(
        beats,
        {name: np.stack([beat, beat]) for name, beat in beats.items()},
        {"N": 3, "V": 3},
        ("II",),
        "a",
        CLASS_COLOURS,
        influences={"V": influence},
        notes={"V": "shape +1.0, rhythm +2.0"},
    )
    figure.canvas.draw()
    for text in figure.texts:
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
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
    beats = {name: np.zeros((192, 1)) for name in "NSV"}
    bounds = {name: np.zeros((2, 192, 1)) for name in "NSV"}
    strong, weak = np.full((192, 1), 0.5), np.full((192, 1), 0.01)
    colours = dict.fromkeys(beats, "k")
    counts = dict.fromkeys(beats, 3)

    def shades(**influences):
        figure = median_beats_figure(beats, bounds, counts, ("II",), "a", colours, influences, {})
        meshes = [one for axes in figure.axes for one in axes.collections if isinstance(one, QuadMesh)]
        return [mesh.to_rgba(mesh.get_array()[0, 96:97])[0][2] for mesh in meshes]  # blue: 1 is pale

    pale, deep = shades(S=weak, V=strong)
    assert pale > 0.9 > 0.6 > deep
    (alone,) = shades(S=weak)
    assert alone > 0.75


def test_beats_are_shown_by_true_and_predicted_class_the_most_frequent_error_first():
    shape = np.arange(1.0, 51)
    beats = {
        ("N", "N"): np.array([1.0, 2, 9, 3, 4])[:, None] * shape,
        ("N", "V"): 5 * shape[None],
        ("N", "S"): 6 * shape[None],
        ("V", "V"): np.stack([np.r_[shape[:30], 20 * [np.nan]], shape, np.r_[shape[:30], 20 * [np.nan]]]),
    }
    counts = {("N", "N"): 12_345, ("N", "V"): 2, ("N", "S"): 7, ("V", "V"): 3}
    figure = outcomes_figure(beats, counts, 100.0, "Test")
    panels = np.array(figure.axes).reshape(2, 3)
    titles = [axes.get_title() for axes in panels[0]]
    assert titles == ["N → N (12,345)", "N → S (7)", "N → V (2)"]
    np.testing.assert_allclose(panels[0, 0].lines[0].get_ydata(), 3 * shape)
    assert panels[0, 0].lines[0].get_xdata()[-1] == 490  # ms
    last = panels[0, 0].collections[0].get_paths()[0].vertices
    last = last[last[:, 0] == 490, 1]
    assert (last.min(), last.max()) == (2 * 50, 4 * 50)
    wrong, right = (line.get_ydata() for line in panels[0, 1].lines)
    np.testing.assert_allclose(wrong, 6 * shape)
    np.testing.assert_allclose(right, 3 * shape)  # to compare with
    assert np.isnan(panels[1, 0].lines[0].get_ydata()).sum() == 20  # most beats have ended
    assert [axes.axison for axes in panels[1]] == [True, False, False]
    assert len(outcomes_figure(beats | {("S", "N"): beats["N", "S"]}, counts | {("S", "N"): 1}, 0, "Test").axes) == 9


def test_only_beats_of_kaggles_form_are_padded():
    assert np.isfinite(without_padding(np.zeros((2, 2, 192)))).all()
    beat = np.zeros((1, 1, BEAT_LENGTH))
    beat[0, 0, [3, 60]] = 1  # zeros between are values
    assert np.isfinite(without_padding(beat)).sum() == 61
