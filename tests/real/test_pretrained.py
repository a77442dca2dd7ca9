"""The weights that come with cardiax: the figures of the card, from the data."""

import re

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from cardiax import datasets
from cardiax.catalog import AAMI_CLASSES, find_dataset
from cardiax.launch.run.trained import PRETRAINED, find_network
from cardiax.protocols import DS2
from cardiax.tasks import find_task

pytestmark = pytest.mark.slow  # a whole dataset


def test_the_test_figures_of_arrhythmia_are_those_of_the_card(real_data, shared_dir):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    datasets.prepare("physionet_mitbih/patient", shared_dir, real_data / "mitdb")
    beats = datasets.load("physionet_mitbih/patient", shared_dir)["ds2"]
    assert set(beats["record"].tolist()) == set(DS2)
    arrays = find_task("arrhythmia").arrays(beats, find_dataset("physionet_mitbih/patient"))
    inputs = {name: array[beats["label"] != AAMI_CLASSES.index("Q")] for name, array in arrays.items()}
    target = inputs.pop("target")
    predict = find_network("arrhythmia").predictor()
    card = (PRETRAINED / "arrhythmia" / "README.md").read_text()
    tables = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", card, flags=re.DOTALL | re.MULTILINE))
    for title, leads in (("Test", 2), ("Test, one lead missing", 1)):
        shown = inputs | {name: inputs[name] * (np.arange(2) < leads) for name in ("leads", "deviation")}
        chunks = np.array_split(np.arange(len(target)), 12)
        logits = np.concatenate([predict({name: array[rows] for name, array in shown.items()}) for rows in chunks])
        found = logits.argmax(axis=1)
        stated = float(re.search(r"\| macro-F1 \| (\d\.\d+) \|", tables[title])[1])
        assert f1_score(target, found, average="macro") == pytest.approx(stated, abs=6e-4)
        for index, name in enumerate(AAMI_CLASSES[:4]):
            row = re.search(rf"^\| {name} \| [\d,]+ \| \S+ \(.*?\) \| (\d\.\d+) ", tables[title], flags=re.MULTILINE)
            recall = recall_score(target, found, labels=[index], average=None)[0]
            assert recall == pytest.approx(float(row[1]), abs=6e-4), (title, name)
