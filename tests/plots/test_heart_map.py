"""Maps of hearts: what is drawn is what was given."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.collections import PathCollection
from matplotlib.contour import ContourSet
from matplotlib.image import imread
from scipy.interpolate import RBFInterpolator

from cardiax.ecg.leads import SITE_NAMES
from cardiax.plots.heart_map import VIEWS, activation_figure, beating_frames
from cardiax.plots.heart_surface import look, named_places, render
from cardiax.simulate.eikonal import travel_times
from cardiax.simulate.heart_geometry import build_heart, spline_weights

HEART = build_heart()


def test_the_spline_keeps_the_sites_and_follows_a_smooth_field():
    """A wave along the long axis at 0.5 mm/ms, known everywhere: RBFInterpolator of SciPy is the same spline."""
    sites = HEART.points[HEART.sites]
    weights = spline_weights(HEART.points, sites)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    field = 2 * (HEART.points[:, 2] - HEART.points[:, 2].min())
    found = weights @ field[HEART.sites]
    np.testing.assert_allclose(found[HEART.sites], field[HEART.sites], atol=1e-8)
    expected = RBFInterpolator(sites, field[HEART.sites], kernel="linear", degree=0)(HEART.points)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.sqrt(np.mean((found - field) ** 2)) < 0.05 * np.ptp(field)


def extremes(field):
    """True for the points of the surface that are higher or lower than all their neighbours, (P,)."""
    edges = np.concatenate([HEART.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    start, end = np.concatenate([edges, edges[:, ::-1]]).T
    highest, lowest = np.full(len(field), -np.inf), np.full(len(field), np.inf)
    np.maximum.at(highest, start, field[end])
    np.minimum.at(lowest, start, field[end])
    return np.isfinite(highest) & ((field > highest) | (field < lowest))


def test_activation_that_runs_through_the_wall_has_few_islands():
    """From five sites on: a spline that takes distances through the wall makes islands of 20 of the 75 sites."""
    fields = travel_times(HEART, HEART.sites[::15], purkinje=2.5)
    at = HEART.unfolded
    shown = fields[:, HEART.sites] @ spline_weights(at, at[HEART.sites]).T
    through = fields[:, HEART.sites] @ spline_weights(HEART.points, HEART.points[HEART.sites]).T
    islands, before = (np.mean([extremes(one)[HEART.sites].sum() for one in some]) for some in (shown, through))
    assert islands < 10 < 18 < before
    assert np.std(shown - fields) < 0.9 * np.std(through - fields)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_spline_makes_no_islands_around_sites(axis):
    """A wave along an axis ends at two sides of the heart; Shepard's weights have 18 to 25 sites that are extrema."""
    field = HEART.points[:, axis]
    found = spline_weights(HEART.points, HEART.points[HEART.sites]) @ field[HEART.sites]
    extreme = extremes(found)
    assert extreme[HEART.sites].sum() <= 3
    assert extreme.sum() <= 10


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
    figure = activation_figure(HEART, times + 7, "Test", times)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["true", "predicted", "error"]
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert "activation time (ms), isochrones each 10 ms" in labels
    assert "predicted − true (ms)" in labels
    error = next(axes for axes in figure.axes if axes.get_xlabel() == "predicted − true (ms)")
    np.testing.assert_allclose(error.get_xlim(), (-8, 8))
    assert set(error.get_xticks()) <= set(range(-8, 9, 2))  # a band each 2 ms, and no tick within one
    missing = np.where(np.arange(75) == 3, np.nan, times)
    assert len(activation_figure(HEART, missing, "Test").axes) == 2 + 1


def test_colours_are_those_of_the_bar():
    """Nine tenths of the pixels have a colour of the bar, and that of their own band."""
    field = 1.4 * (HEART.points[:, 2] - HEART.points[:, 2].min())  # 0 at the apex to 116 ms at the base
    axes = activation_figure(HEART, field[HEART.sites], "Test").axes[0]
    shown = np.asarray(axes.images[0].get_array())
    extent = axes.images[0].get_extent()
    seen = look(HEART.points, VIEWS["anterior"])
    expected, _ = render(seen, HEART.triangles, field, extent, shown.shape[1])
    heart = np.isfinite(expected)
    count = int(np.ceil(field[HEART.sites].max() / 10))
    bands = colormaps["viridis_r"](np.linspace(0, 255, count).astype(int))[:, :3]
    apart = np.abs(shown[heart][:, None] - bands).max(axis=-1)
    assert np.mean(apart.min(axis=1) < 4 / 255) > 0.9
    read = 10 * apart.argmin(axis=1) + 5
    assert np.median(np.abs(read - expected[heart])) < 5
    assert np.mean(np.abs(read - expected[heart])) < 8  # the rest is the interpolation's


def test_the_plot_in_readme_has_the_colours_of_the_bar():
    plot = imread(Path(__file__).parents[2] / ".github" / "activation.png")[..., :3]
    times = plot[:, : 2 * plot.shape[1] // 3].reshape(-1, 3)
    coloured = times[np.ptp(times, axis=1) > 0.2][::20]
    apart = np.abs(coloured[:, None] - colormaps["viridis_r"](np.arange(256))[:, :3]).max(axis=-1).min(axis=1)
    assert np.mean(apart < 4 / 255) > 0.8  # one in twenty in a plot of shaded hearts


def test_sites_in_sight_are_marked_and_parts_are_named():
    axes = activation_figure(HEART, np.linspace(0, 60, 75), "Test").axes[0]
    (dots,) = [one for one in axes.collections if isinstance(one, PathCollection)]
    marked = {tuple(place) for place in np.round(np.asarray(dots.get_offsets()), 3)}
    at = np.round(look(HEART.points[HEART.sites], VIEWS["anterior"])[:, :2], 3)
    seen = {name for name, place in zip(SITE_NAMES, at, strict=True) if tuple(place) in marked}
    assert {"EPI_AHA07", "EPI_RV06"} <= seen
    assert not {"EPI_AHA10", "EPI_AHA04", "AHA07", "MID_AHA07"} & seen
    assert {"RV", "apex", "anterior", "septum"} <= {text.get_text() for text in axes.texts}


def test_parts_lie_where_their_names_say():
    places = named_places(HEART.points, HEART.points[HEART.sites])
    assert places["apex"][2] < HEART.points[:, 2].min()
    assert places["left ventricle"][0] > 20 > -40 > places["right ventricle"][0]
    assert places["anterior"][1] > 25 > -25 > places["inferior"][1]
    assert places["base"][2] > HEART.points[:, 2].max()


def test_frames_beat_from_two_sides_that_are_held_still_beside_the_ecg():
    voltage = np.where(np.arange(500)[:, None] > 100, 20.0, -85.0) * np.ones(75)
    leads = np.sin(np.arange(500) / 30)[:, None] * np.ones(12)
    frames = beating_frames(HEART, voltage, leads, "Test", frames=3)
    assert frames.dtype == np.uint8
    assert frames.shape == (3, 310, 720, 3)
    hearts, beside = frames[:, 60:240, :420].astype(int), frames[:, 60:280, 480:].astype(int)
    assert hearts[0].mean() < hearts[1].mean()  # dark at rest, bright when excited
    np.testing.assert_array_equal(hearts[1], hearts[2])  # the eye does not move
    red = (beside[..., 0] - beside[..., 2]).sum(axis=1)  # of each column; all else is grey
    _, middle, last = red.argmax(axis=1)  # the first cursor lies on the axis
    assert (red.max(axis=1)[1:] > 100 * 50).all()
    assert last - middle == pytest.approx(0.3 * 720 / 2, abs=2)  # half of the ECG's width


def test_the_title_of_the_frames_lies_above_the_names_of_the_views(monkeypatch):
    figures = []
    monkeypatch.setattr("cardiax.plots.heart_map.draw_every_character", figures.append)
    title = "Recording 113\n" + "voltage_template of transmembrane, trained on simulated_intracardiac. " * 2
    beating_frames(HEART, np.zeros((500, 75)), np.zeros((500, 12)), title, frames=1)
    (figure,) = figures
    ((above,), views) = figure.texts, [axes.title for axes in figure.axes[: len(VIEWS)]]
    assert [view.get_text() for view in views] == list(VIEWS)
    assert above.get_text().count("\n") == 2  # as many lines as there is room for
    box = above.get_window_extent()
    assert max(view.get_window_extent().y1 for view in views) < box.y0 < box.y1 <= figure.bbox.y1
    assert box.x1 <= figure.bbox.x1


def test_the_spline_of_one_site_and_of_two():
    np.testing.assert_allclose(spline_weights(HEART.points, HEART.points[:1]), 1)
    two = spline_weights(np.array([[0.0, 0, 0]]), np.array([[1.0, 0, 0], [-3.0, 0, 0]]))
    np.testing.assert_allclose(two, [[0.75, 0.25]])  # linear between two sites on a line
    assert spline_weights(HEART.points, np.zeros((0, 3))).shape == (len(HEART.points), 0)


@pytest.mark.parametrize(("active", "true"), [(0, None), (0, np.full(75, 50.0)), (1, np.full(75, 50.0)), (7, None)])
def test_the_map_of_few_active_sites(active, true):
    times = np.where(np.arange(75) < active, 30.0, np.nan)  # all at once: no isochrone lies between them
    figure = activation_figure(HEART, times, "Test", true)
    assert ("no site activates" in figure.get_suptitle()) == (active == 0)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert (shown.min() < 0.5) == (active > 0)  # an empty map is white


def test_times_without_spread_have_no_isochrones():
    figure = activation_figure(HEART, np.zeros(75), "Test")
    assert not any(isinstance(one, ContourSet) for axes in figure.axes[:2] for one in axes.collections)
