"""The comparison as a plot."""

import numpy as np

from cardiax.plots.model_comparison import comparison_figure


def test_a_panel_a_protocol_and_a_line_a_system():
    panels = {
        "kaggle": {"ours": np.array([0.93, 0.94, 0.935]), "theirs": np.array([0.9])},
        "patient": {"ours": np.array([0.5, 0.6, 0.55]), "theirs": np.array([0.4, 0.41, 0.42])},
    }
    figure = comparison_figure(panels, "macro F1")
    assert [axes.get_title() for axes in figure.axes] == ["kaggle", "patient"]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["ours", "theirs"]
        assert axes.get_ylim() == (1.5, -0.5)  # the first on top
        assert axes.get_xlabel() == "macro F1"
    # t(2, 0.975) = 4.3027; of 0.5, 0.6, 0.55: mean 0.55, s = 0.05, half-width 4.3027 · 0.05 / √3 = 0.1242.
    (bar,) = figure.axes[1].containers[0].lines[2]
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [0.55 - 0.1242, 0.55 + 0.1242], atol=1e-4)
