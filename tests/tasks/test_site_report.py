"""The report of values at the sites of the heart: which cases count when models are compared."""

import numpy as np
import pytest

from cardiax.catalog import DATASETS
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
