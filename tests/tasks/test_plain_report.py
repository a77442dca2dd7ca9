"""The report of a task that has none of its own: means over cases, worked by hand."""

import numpy as np
import pytest

from cardiax.catalog import DATASETS
from cardiax.tasks.plain_report import Cases, Report

ERRORS = np.array([1.0, 2.0, 2.0, 9.0], np.float32)
REPORT = Report({"error": "s", "hit": ""}, higher_is_better=("hit",))
FIGURES = {"loss": 0.5, "error": ERRORS, "hit": ERRORS < 2}


def cases(protocol):
    """Cases 4 to 7 of eight; 4 to 6 are of record 1, and 7 is of record 2."""
    origin = {"record": np.array([0, 0, 0, 0, 1, 1, 1, 2])}
    return Cases(DATASETS["physionet_mitbih/kaggle"], protocol, "test", np.arange(4, 8), origin, take=dict)


def test_means_with_intervals_over_cases_or_records():
    by_case, by_record = (REPORT.results(cases(protocol), FIGURES) for protocol in ("kaggle", "patient"))
    assert by_case["error"]["value"] == by_record["error"]["value"] == 3.5
    assert by_case["hit"]["value"] == 0.25
    # The mean of two records drawn with replacement is that of record 1 alone, of record 2 alone, or of both.
    assert (by_record["error"]["low"], by_record["error"]["high"]) == (pytest.approx(5 / 3), 9)
    assert 1 < by_case["error"]["low"] < 3.5 < by_case["error"]["high"] < 9
    assert by_case["cases"][3] == {"row": 7, "record": 2, "error": 9.0, "hit": 0.0}
    text = REPORT.table(by_record | {"examples": 4, "split": "test", "dataset": "ours", "protocol": "patient"})
    assert text.startswith("error  3.5000 [1.6667, 9.0000] s\nhit  0.2500 [0.0000, 0.3333]\non 4 test cases of ours, ")
    assert "bootstrap over records" in text


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_makes_every_mean_undefined(wrong):
    figures = FIGURES | {"error": np.array([1.0, wrong, 2.0, 9.0])}
    found = REPORT.results(cases("patient"), figures)
    assert np.isnan([found["error"][key] for key in ("value", "low", "high")]).all()
    assert found["hit"]["value"] == 0.25
    (_, error), rows = REPORT.merits, [{"error": str(row["error"])} for row in found["cases"]]
    assert np.isnan(error.of_sums(error.terms(rows).sum(axis=0)))


def test_models_are_compared_by_the_mean_of_the_cases_with_a_target():
    hit, error = REPORT.merits
    assert (hit.name, hit.higher_is_better, error.name, error.higher_is_better) == ("hit", True, "error", False)
    terms = error.terms([{"error": text} for text in ("1.0", "", "4.0")])
    np.testing.assert_array_equal(terms, [[1, 1], [0, 0], [4, 1]])
    assert error.of_sums(terms.sum(axis=0)) == 2.5
