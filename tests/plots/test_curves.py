"""Learning curves show the metrics that they are given."""

import numpy as np

from cardiax.plots.curves import learning_figure, noise_figure


def test_losses_and_the_metric_that_selects_over_the_steps():
    history = [
        {"step": 100 * n, "epoch": n, "train_loss": 1 / n, "validation_loss": 2 / n, "validation_macro_f1": n / 9}
        for n in (1, 2, 3)
    ]
    left, right = learning_figure(history, "macro_f1", 200, "Test", "1").axes
    np.testing.assert_allclose(left.lines[0].get_xydata(), [[100, 1], [200, 1 / 2], [300, 1 / 3]])
    np.testing.assert_allclose(left.lines[1].get_ydata(), [2, 1, 2 / 3])
    np.testing.assert_allclose(right.lines[0].get_ydata(), np.array([1, 2, 3]) / 9)
    assert list(right.lines[1].get_xdata()) == [200, 200]
    assert right.get_ylabel() == "validation macro-F1 (1)"
    told = [text.get_text() for text in left.get_legend().get_texts()]
    assert told == ["train loss", "validation loss", "chosen: step 200"]


def test_trees_whose_metric_is_not_known_have_one_panel():
    history = [{"step": n, "train_loss": 1 / n, "validation_loss": 2 / n} for n in (1, 2, 3)]
    (axes,) = learning_figure(history, "macro_f1", 2, "Test").axes
    assert axes.get_ylabel() == "Loss"
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [2, 1, 2 / 3])


def test_missing_leads_have_a_panel_of_their_own():
    figure = noise_figure({"bw": [(1, 0, 2)] * 2}, (6, 0), (1, 0, 2), "MAE", "title", {"I": (3, 2, 4)})
    assert len(figure.axes) == 2
