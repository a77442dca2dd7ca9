"""The report of values at the sites of the heart: which cases count when models are compared."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import DATASETS
from cardiax.simulate.action_potential import action_potential
from cardiax.stats.regression import error_sums
from cardiax.tasks import TASKS
from cardiax.tasks.plain_report import Cases


@pytest.mark.parametrize(("prediction", "mean"), [(3.0, 2.0), (np.nan, np.nan), (np.inf, np.nan)])
def test_a_case_without_a_target_is_left_out_of_a_comparison_and_one_without_a_prediction_is_not(prediction, mean):
    target = np.zeros((3, 75), np.float32)
    target[2] = np.nan
    outputs = np.ones((3, 75), np.float32)
    outputs[1, 0], outputs[1, 1:] = prediction, 3.0
    figures = {"loss": 0.0, "activation": np.asarray(error_sums(outputs, target))}
    cases = Cases(DATASETS["simulated_intracardiac"], "random", "test", np.arange(3), {}, take=dict)
    report = TASKS["activation"].report
    result = report.results(cases, figures)
    assert result["activation_mae"]["value"] == pytest.approx(mean, nan_ok=True)
    (merit,) = report.merits
    rows = [{name: "" if one is None else str(one) for name, one in row.items()} for row in result["cases"]]
    assert rows[2] == {"activation_mae": ""}
    assert merit.of_sums(merit.terms(rows).sum(axis=0)) == pytest.approx(mean, nan_ok=True)


def test_of_voltages_the_share_of_activations_found_is_followed_too():
    # Three cases, each site 2 mV too low; of the third no site is predicted to activate.
    true = np.array(action_potential(np.arange(500.0)[:, None] - np.full(75, 40.0), np.full(75, 250.0)), np.float32)
    voltage = np.stack([true - 2, true - 2, np.full_like(true, -80.0)])
    task = TASKS["transmembrane"]
    measures = task.measure(jnp.asarray(voltage), jnp.asarray(np.stack([true] * 3)))
    figures = task.summarize({name: np.asarray(value) for name, value in measures.items()})
    cases: Any = None  # errors of sites do not depend on them
    found = task.report.main_figures(cases, figures)
    assert list(found) == ["voltage_mae", "activation_mae", "apd90_mae", "activations_found"]
    assert found["activations_found"] == pytest.approx(2 / 3)
    assert found["voltage_mae"]["low"] == pytest.approx(2, rel=1e-4)
