"""The weights that come with cardiax: the figures of the card, from the data."""

import re

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from cardiax import datasets
from cardiax.catalog import AAMI_CLASSES, find_dataset
from cardiax.launch.run.trained import PRETRAINED, find_network
from cardiax.protocols import DS2, SVDB_TEST, draw_split
from cardiax.tasks import find_task

pytestmark = pytest.mark.slow  # two whole datasets

TEST = {"physionet_mitbih/patient": DS2, "physionet_svdb": SVDB_TEST}
"""Dataset → its test records."""


def test_the_test_figures_of_arrhythmia_are_those_of_the_card(real_data, shared_dir):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    for name, folder in (("physionet_mitbih/patient", "mitdb"), ("physionet_svdb", "svdb")):
        datasets.prepare(name, shared_dir, real_data / folder)
    dataset = find_dataset(",".join(TEST))
    records = datasets.open_records(dataset.name, shared_dir)
    beats = records.load()
    rows = draw_split(dataset, "both", beats, records.parts)["test"]
    record = beats["record"][rows]
    assert set(record.tolist()) == {*DS2, *SVDB_TEST}
    inputs = {name: array[rows] for name, array in find_task("arrhythmia").arrays(beats, dataset).items()}
    target = inputs.pop("target")
    predict = find_network("arrhythmia").predictor()
    card = (PRETRAINED / "arrhythmia" / "README.md").read_text()
    tables = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", card, flags=re.DOTALL | re.MULTILINE))
    for title, leads in (("Test", 2), ("Test, one lead missing", 1)):
        shown = inputs | {name: inputs[name] * (np.arange(2) < leads) for name in ("leads", "deviation")}
        chunks = np.array_split(np.arange(len(target)), 24)
        logits = np.concatenate([predict({name: array[some] for name, array in shown.items()}) for some in chunks])
        found = logits.argmax(axis=1)
        check(tables[title], target, found)
        for name, numbers in TEST.items():
            own = np.isin(record, numbers)
            check(tables[f"{title}, {name} alone"], target[own], found[own])


def check(table, target, found):
    stated = float(re.search(r"\| macro-F1 \| (\d\.\d+) \|", table)[1])
    assert f1_score(target, found, average="macro") == pytest.approx(stated, abs=6e-4)
    for index, name in enumerate(AAMI_CLASSES[:4]):
        row = re.search(rf"^\| {name} \| [\d,]+ \| \S+ \(.*?\) \| (\d\.\d+) ", table, flags=re.MULTILINE)
        recall = recall_score(target, found, labels=[index], average=None)[0]
        assert recall == pytest.approx(float(row[1]), abs=6e-4), name
