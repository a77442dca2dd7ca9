"""The comparison as a plot."""

import numpy as np

from cardiax.plots.metric_bars import comparison_figure


def test_a_panel_a_protocol_and_a_line_a_system():
    panels = {
        "kaggle": {"ours": np.array([0.93, 0.94, 0.935]), "theirs": np.array([0.9])},
        "patient": {"ours": np.array([0.5, 0.6, 0.55]), "theirs": np.array([0.4, 0.41, 0.42])},
    }
    figure = comparison_figure(panels, "macro F1", "test set of some data")
    assert figure.get_suptitle() == "test set of some data"
    assert [axes.get_title() for axes in figure.axes] == ["kaggle", "patient"]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["ours", "theirs"]
        assert axes.get_ylim() == (1.5, -0.5)  # the first on top
        assert axes.get_xlabel() == "macro F1"
    # t(2, 0.975) = 4.3027; of 0.5, 0.6, 0.55: mean 0.55, s = 0.05, half-width 4.3027 · 0.05 / √3 = 0.1242.
    (bar,) = figure.axes[1].containers[0].lines[2]
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [0.55 - 0.1242, 0.55 + 0.1242], atol=1e-4)


def test_intervals_and_axes_end_where_the_metric_does():
    values = np.array([0.15, 0.45, 0.15])  # mean 0.25, s = 0.1732, half-width 0.4303
    figure = comparison_figure({"kaggle": {"ours": values, "theirs": 1 - values}}, "macro-F1", "a", (0, 1))
    first, second = (container.lines[2][0].get_segments()[0][:, 0] for container in figure.axes[0].containers)
    np.testing.assert_allclose(first, [0, 0.25 + 0.4303], atol=1e-4)
    np.testing.assert_allclose(second, [0.75 - 0.4303, 1], atol=1e-4)
    low, high = figure.axes[0].get_xlim()
    assert -0.03 < low <= 0 < 1 <= high < 1.03
    (anywhere,) = comparison_figure({"kaggle": {"ours": -values}}, "kappa", "a").axes
    low, high = anywhere.get_xlim()
    assert low < -0.25 - 0.4303 < -0.25 + 0.4303 < high


def test_many_panels_are_in_rows_of_three():
    values = np.array([0.1, 0.2])
    figure = comparison_figure({f"fold_{number}": {"ours": values} for number in range(5)}, "macro-F1", "a")
    assert [axes.get_title() for axes in figure.axes] == [f"fold_{number}" for number in range(5)]
    assert [(axes.get_subplotspec().rowspan.start, axes.get_subplotspec().colspan.start) for axes in figure.axes] == [
        *((0, 0), (0, 1), (0, 2)),
        *((1, 0), (1, 1)),
    ]
