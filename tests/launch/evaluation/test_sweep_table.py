"""The table of a sweep: by patient, the interval over records and the metrics without the dominant record."""

from types import SimpleNamespace
from typing import Any

import pytest

from cardiax.launch.evaluation.sweep_table import Row, markdown
from cardiax.tasks import TASKS

RUN: Any = SimpleNamespace(seconds=lambda: 90.0)


def row(name, protocol, values, over, record=None):
    """A row whose seeds have `values` as every metric, in bounds 0.1 around it; half of it without `record`."""

    def metrics(value):
        one = {"value": value, "low": value - 0.1, "high": value + 0.1}
        classes = {label: {"recall": one, "precision": one} for label in "NSV"}
        return {"accuracy": one, "macro_f1": one, "classes": classes}

    interval = f"95% percentile bootstrap over {over}, 2000 resamples"
    results = [metrics(value) | {"interval": interval, "parameters": 7} for value in values]
    if record:
        results = [
            one | {"without_record": {"record": record} | metrics(one["accuracy"]["value"] / 2)} for one in results
        ]
    return Row(name, protocol, results, [[RUN]] * len(values))


def cells(rows):
    """System → its cells by title."""
    lines = [line.strip("|").split("|") for line in markdown(rows, {}, TASKS["arrhythmia"]).splitlines() if "|" in line]
    titles, _, *found = [[cell.strip() for cell in line] for line in lines]
    return {line[1]: dict(zip(titles, line, strict=True)) for line in found}


@pytest.mark.parametrize(("protocol", "over"), [("ds1_fold_1", "records"), ("both", "records"), ("group", "groups")])
def test_every_protocol_by_patient_has_the_interval_over_patients(protocol, over):
    found = cells([row("ours", protocol, [0.5, 0.7], over)])
    assert list(found) == ["ours"]
    assert found["ours"][f"macro f1 over {over}"] == "0.500 … 0.700"


def test_an_interval_of_another_kind_is_told_as_it_is():
    own = row("ours", "patient", [0.5], "records")
    own.results[0]["interval"] = "range of five networks"
    assert "for one seed, its range of five networks." in markdown([own], {}, TASKS["arrhythmia"])
    assert own.by_patient
    assert not row("ours", "kaggle", [0.5], "beats").by_patient


def test_an_interval_over_few_groups_is_told_with_its_protocol():
    rows = [row("ours", "fold_1", [0.5], "groups"), row("ours", "fold_2", [0.5], "groups")]
    for one, caution in zip(rows, ("; of a single one nothing is known", ""), strict=True):
        one.results[0]["interval"] += caution
    text = markdown(rows, {}, TASKS["arrhythmia"])
    assert "for one seed, its 95% percentile bootstrap over groups, 2000 resamples. Bold" in text
    assert text.count("nothing is known") == 1
    assert "Interval of fold_1: of a single one nothing is known." in text


def test_every_metric_is_shown_without_the_dominant_record_where_it_is_tested():
    kaggle, patient = row("trees", "kaggle", [0.9], "beats"), row("ours", "patient", [0.5, 0.7], "records", 232)
    found = cells([kaggle, patient])
    assert list(found) == ["trees", "ours", "ours, without 232"]
    assert found["trees"]["macro f1 over records"] == "–"
    assert found["ours"]["macro f1 over records"] == "0.500 … 0.700"
    rest = found["ours, without 232"]
    assert rest["accuracy"].startswith("0.3000 ± ")
    assert rest["macro f1"].startswith("0.3000 ± ")
    assert rest["macro f1 over records"] == "0.200 … 0.400"
    assert rest["S: recall / precision"] == rest["V: recall / precision"] == "0.300 / 0.300"
    joined = row("ours", "both", [0.5, 0.7], "records")
    for result in joined.results:
        result["datasets"] = {"a/b": {"without_record": result | {"record": 232}}, "c": {}}
    assert list(cells([joined])) == ["ours", "ours, without 232 of a/b"]
    assert not any("over" in title for title in cells([kaggle])["trees"])
