"""The plot of what tells of which wall: shares of each lead, and a shade where the samples move the times."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from cardiax.ecg.leads import LEADS
from cardiax.plots.lead_influence import influence_figure


def test_shares_and_shade():
    influence = np.zeros((2, 500, 12))
    influence[0, 40, 6], influence[0, 60, 6], influence[0, 50, 11] = 2.0, -1.0, 1.0  # V1 has 3 of 4, V6 1 of 4
    influence[1, 50, 1] = 0.5
    figure = influence_figure(np.ones((500, 12)), influence, ("apex", "septum"), "a", "activation time")
    *panels, table = figure.axes
    assert [axes.get_title() for axes in panels] == list(LEADS)
    shares = np.array([float(text.get_text()) for text in table.texts]).reshape(2, 12)
    assert shares[0].tolist() == [0, 0, 0, 0, 0, 0, 75, 0, 0, 0, 0, 25]
    assert shares[1].tolist() == [0, 100] + [0] * 10
    (mesh,) = [one for one in panels[6].collections if isinstance(one, QuadMesh)]
    strength = mesh.get_array()[0]
    assert strength[40] == pytest.approx(2 / 2 / 5)  # a mean over two walls and five samples
    assert strength[100] == 0
