"""Plots of a case: what is drawn is what was given."""

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.plots.heart_plots import CHOSEN, voltage_figure


def test_voltages_are_drawn_at_the_chosen_sites():
    predicted = np.arange(75.0) + np.zeros((500, 1))
    figure = voltage_figure(predicted, "Test", predicted + 1)
    panel = figure.axes[CHOSEN.index("RV07")]
    assert panel.get_title() == "RV07"
    true, ours = (line.get_ydata()[0] for line in panel.lines[:2])
    assert ours == SITE_NAMES.index("RV07")
    assert true == ours + 1
