"""Which lead tells of which wall, of a network that looks at two samples."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.ecg.leads import LEADS, SITE_NAMES, WALLS
from cardiax.launch.page.runs import wall_shares
from cardiax.launch.predictors.heart import HeartPredictor
from cardiax.recipes import recipe


def test_the_share_of_each_lead_in_a_wall():
    """All sites are 3 ms later for each mV of lead II at 10 ms, and 1 ms earlier for each mV of V1 at 20 ms."""
    slopes = np.zeros((500, 12), np.float32)
    slopes[10, LEADS.index("II")], slopes[20, LEADS.index("V1")] = 3, -1

    def network(inputs):
        return np.repeat((inputs["leads"] * slopes).sum(axis=(1, 2))[:, None], len(SITE_NAMES), axis=1)

    def gradient(inputs, weights):
        return {"leads": weights.sum(axis=1)[:, None, None] * slopes}

    made = SimpleNamespace(config=recipe("activation"), predictor=lambda: network, gradient=lambda: gradient)
    take = lambda rows: {"leads": np.ones((len(rows), 500, 12), np.float32)}  # noqa: E731
    experiment = SimpleNamespace(split={"test": np.arange(40)}, examples=SimpleNamespace(take=take))
    found = wall_shares(HeartPredictor(made), experiment)  # pyright: ignore
    assert found is not None
    assert (found["cases"], found["walls"]) == (16, list(WALLS))
    for shares in found["shares"]:
        assert dict(zip(found["leads"], shares, strict=True)) == pytest.approx(
            dict.fromkeys(LEADS, 0.0) | {"II": 75.0, "V1": 25.0}
        )
