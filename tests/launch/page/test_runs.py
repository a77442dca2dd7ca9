"""The parts of a page of runs: what their networks look at, and their hearts."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.config import to_dict
from cardiax.ecg.leads import LEADS, SITE_NAMES, WALLS
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.launch.page.runs import _predictor, hearts_of, wall_shares
from cardiax.launch.predictors.heart import HeartPredictor
from cardiax.launch.run.run_folder import Workdir, write_csv, write_json
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


def test_hearts_say_which_network_and_data_the_worst_first(tmp_path):
    error = "activation_mae"
    sites = {name: {error: 1.0} for name in SITE_NAMES}
    write_json(tmp_path / "test.json", {error: {"value": 6.5, "unit": "ms"}, "sites": sites})
    write_csv(tmp_path / "test_cases.csv", [{error: float(number), "volunteer": str(number)} for number in range(12)])
    take = lambda rows: {"leads": np.ones((len(rows), 500, 12)), "target": np.zeros((len(rows), 75))}  # noqa: E731
    config = recipe("activation", "simulated_intracardiac")
    examples = SimpleNamespace(take=take)
    run = SimpleNamespace(
        workdir=Workdir(tmp_path),
        experiment=SimpleNamespace(config=config, split={"test": np.arange(12)}, examples=examples),
        predict=lambda inputs: np.ones((len(inputs["leads"]), 75)),
    )
    part = hearts_of("mine", [run, run])  # pyright: ignore
    assert part["remarks"][0] == (
        f"The network is {config.model} of the task activation, on test cases of simulated_intracardiac; the mean of 2 "
        "seeds."
    )
    assert [case["name"].split(":")[0] for case in part["cases"]] == [
        *(f"Worst {n}" for n in range(1, 11)),
        "Median case",
    ]
    assert part["cases"][0]["name"] == "Worst 1: 11.0 ms (volunteer 11)"


@pytest.mark.parametrize(("shape", "has_walls"), [((75,), True), ((500, 75), False)])
def test_walls_are_of_networks_with_one_value_a_site(shape, has_walls, tmp_path, monkeypatch):
    monkeypatch.setattr("cardiax.launch.networks.trained.load_variables", lambda workdir, config: {})
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
