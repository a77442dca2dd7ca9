"""Which lead tells of which wall, of a network that looks at two samples."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.config import to_dict
from cardiax.ecg.leads import LEADS, SITE_NAMES, WALLS
from cardiax.launch.page.runs import _predictor, wall_shares
from cardiax.launch.predictors.heart import HeartPredictor
from cardiax.launch.run.run_folder import Workdir, write_json
from cardiax.launch.run.trained import TrainedNetwork
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


@pytest.mark.parametrize(("shape", "has_walls"), [((75,), True), ((500, 75), False)])
def test_walls_are_of_networks_with_one_value_a_site(shape, has_walls, tmp_path, monkeypatch):
    monkeypatch.setattr("cardiax.launch.run.restored.load_variables", lambda workdir, config: {})
    monkeypatch.setattr(
        TrainedNetwork, "function", lambda network, variables: lambda leads: jnp.zeros((len(leads), *shape))
    )
    write_json(tmp_path / "config.json", to_dict(recipe("activation")))
    write_json(tmp_path / "test.json", {"sites": {}, "gradient_mae": {}})
    assert isinstance(_predictor(Workdir(tmp_path)), HeartPredictor) == has_walls


def test_a_damaged_calibration_leaves_out_what_the_network_looks_at_and_no_more(tmp_path, capsys):
    write_json(tmp_path / "config.json", to_dict(recipe("arrhythmia")))
    write_json(tmp_path / "test.json", {"classes": {}})
    write_json(tmp_path / "calibration.json", {"temperature": 0})
    assert _predictor(Workdir(tmp_path)) is None
    told = capsys.readouterr().out
    assert told.startswith("note: shown without what the network looks at: ")
    assert "calibration.json: found no valid calibration" in told
