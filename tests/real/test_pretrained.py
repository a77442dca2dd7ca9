"""The weights that come with cardiax: the figures of the card, from the data."""

import re

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaincinv, log_softmax
from sklearn.metrics import f1_score, recall_score

from cardiax import datasets
from cardiax.catalog import AAMI_CLASSES, find_dataset
from cardiax.launch.networks.trained import PRETRAINED, find_network
from cardiax.launch.predictors.rhythm_details import MARGIN
from cardiax.launch.run.run_folder import read_json
from cardiax.protocols import DS2, SVDB_TEST, draw_split
from cardiax.stats.significance import resampled_figures
from cardiax.stats.trust_fit import class_scores, equal_weights, fit_trust
from cardiax.tasks import find_task

pytestmark = pytest.mark.slow  # two whole datasets

TEST = {"physionet_mitbih/patient": DS2, "physionet_svdb": SVDB_TEST}
"""Dataset → its test records."""


WITHOUT = {"physionet_mitbih/patient": 232, "physionet_svdb": 865}
"""Dataset → the test record that has most of its S beats."""


@pytest.fixture(scope="module")
def logits_of(real_data, shared_dir):
    """A function from a split, the number of leads and a network to the logits, classes and records of its beats."""
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    for name, folder in (("physionet_mitbih/patient", "mitdb"), ("physionet_svdb", "svdb")):
        datasets.prepare(name, shared_dir, real_data / folder)
    dataset = find_dataset(",".join(TEST))
    records = datasets.open_records(dataset.name, shared_dir)
    beats = records.load()
    split = draw_split(dataset, "both", beats, records.parts)

    def found(side, leads=2, name="arrhythmia"):
        predict = find_network(name).predictor()
        inputs = {key: array[split[side]] for key, array in find_task(name).arrays(beats, dataset).items()}
        target = inputs.pop("target")
        shown = inputs | {name: inputs[name] * (np.arange(2) < leads) for name in ("leads", "deviation")}
        chunks = np.array_split(np.arange(len(target)), 24)
        logits = np.concatenate([predict({name: array[some] for name, array in shown.items()}) for some in chunks])
        return logits, target, beats["record"][split[side]]

    return found


def test_the_test_figures_of_arrhythmia_are_those_of_the_card(logits_of):
    card = (PRETRAINED / "arrhythmia" / "README.md").read_text()
    tables = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", card, flags=re.DOTALL | re.MULTILINE))
    for title, leads in (("Test", 2), ("Test, one lead missing", 1)):
        logits, target, record = logits_of("test", leads)
        assert set(record.tolist()) == {*DS2, *SVDB_TEST}
        found = logits.argmax(axis=1)
        check(tables[title], target, found)
        for name, numbers in TEST.items():
            own = np.isin(record, numbers)
            check(tables[f"{title}, {name} alone"], target[own], found[own])


def test_the_test_figures_of_heartbeat_are_those_of_the_card(logits_of):
    card = (PRETRAINED / "heartbeat" / "README.md").read_text()
    for title, leads in (("Test", 2), ("Test, one lead missing", 1)):
        logits, target, _ = logits_of("test", leads, "heartbeat")
        stated = re.search(rf"^##+ {title}\n.*?\| macro-F1 \| (\d\.\d+) \|", card, flags=re.DOTALL | re.MULTILINE)
        assert f1_score(target, logits.argmax(axis=1), average="macro") == pytest.approx(float(stated[1]), abs=5e-4)


def test_the_calibration_of_arrhythmia_is_fitted_on_its_validation_records(logits_of):
    logits, target, record = logits_of("validation")
    assert not {*record.tolist()} & {*DS2, *SVDB_TEST}
    trust, measured = fit_trust(logits, target, record)
    stated = read_json(PRETRAINED / "arrhythmia" / "calibration.json")
    assert trust.temperature == pytest.approx(stated["temperature"], abs=2e-3)
    assert trust.uncertain_below == pytest.approx(stated["uncertain_below"], abs=2e-3)
    assert trust.usual_share == pytest.approx(stated["usual_share"], abs=2e-3)
    for name, values in measured["scores"].items():
        assert values == pytest.approx(stated["validation"]["scores"][name], abs=5e-4)


CANDIDATES = {
    "nothing": (0, lambda x, logits: logits),
    "a temperature": (1, lambda x, logits: logits * np.exp(x[0])),
    "and the shares of the draws": (1, lambda x, logits: (logits + DRAWS) * np.exp(x[0])),
    "and a shift of that direction": (2, lambda x, logits: logits * np.exp(x[0]) + x[1] * DRAWS),
    "and a shift of each class": (4, lambda x, logits: logits * np.exp(x[0]) + np.array([0, *x[1:], 0])),
    "a shift of each class": (3, lambda x, logits: logits + np.array([0, *x, 0])),
    "a factor and a shift of each class": (
        7,
        lambda x, logits: logits * np.exp([*x[:4], 0]) + np.array([0, *x[4:], 0]),
    ),
}
"""Calibration → number of its parameters, and the calibrated logits; class Q, without training beats, has none."""

TRAINING = np.array([98291.0, 5916, 6983, 384])
DRAWS = np.append(np.log(TRAINING / TRAINING[0]) / 2, 0)
"""Log of the odds against N of a training beat, minus those of a draw of it, whose share goes with its root."""


@pytest.mark.figures
def test_a_temperature_alone_is_the_best_calibration_of_records_that_are_left_out(logits_of):
    logits, target, record = logits_of("validation")
    rows, losses = np.arange(len(target)), {}
    for name, (size, calibrated) in CANDIDATES.items():
        held_out = np.array(logits, np.float64)
        for own in np.unique(record):
            rest = record != own
            weights = equal_weights(record[rest])

            def loss(x, rest=rest, weights=weights, calibrated=calibrated):
                scores = log_softmax(calibrated(x, logits[rest].astype(float)), axis=1)
                return -weights @ scores[rows[: rest.sum()], target[rest]]

            x = minimize(loss, np.zeros(size), method="BFGS").x if size else np.zeros(0)
            held_out[~rest] = calibrated(x, held_out[~rest])
        losses[name] = class_scores(held_out, target, equal_weights(record))
        print(name, losses[name])
    assert min(losses, key=lambda name: losses[name]["log_loss"]) == "a temperature"


def test_the_figures_of_the_beats_that_are_kept_are_those_of_the_readme(logits_of):
    logits, target, record = logits_of("test")
    rows = [row for name, numbers in TEST.items() for row in kept_rows(name, numbers, logits, target, record)]
    print("\n".join(["", *rows]))
    trust = find_network("arrhythmia").trust
    for name, numbers in TEST.items():
        own = np.isin(record, numbers)
        both = [
            class_scores(logits[own] / np.float32(scale), target[own], equal_weights(record[own]))
            for scale in (1, trust.temperature)
        ]
        print(name, *both)
        assert both[1]["log_loss"] < both[0]["log_loss"]
        assert both[1]["ece"] < both[0]["ece"]
    doubt, wrong = trust.uncertain(trust.probabilities(logits)), logits.argmax(axis=1) != target
    names = np.unique(record)
    shares, errors = (np.array([of[record == one].mean() for one in names]) for of in (doubt, wrong))
    counts = np.array([(record == one).sum() for one in names])
    doubted = np.rint(shares * counts)
    warned = betaincinv(np.maximum(doubted, 1), counts - doubted + 1, 0.025) > trust.usual_share + MARGIN
    print("warned:", names[warned], "wrong there:", errors[warned].mean(), "elsewhere:", errors[~warned].mean())
    assert errors[warned].mean() > 3 * errors[~warned].mean()
    readme = (PRETRAINED / "README.md").read_text().splitlines()
    for row in rows:
        (stated,) = [line for line in readme if line.startswith(row.split(" | ")[0] + " | ")]
        assert numbers_in(stated) == pytest.approx(numbers_in(row), abs=2e-3)


def kept_rows(name, numbers, logits, target, record):
    """Lines of a table: all test records of a dataset, and all but one; values of the beats that are kept."""
    trust = find_network("arrhythmia").trust
    short = "DS2" if numbers is DS2 else "SVDB"
    for what, own in (
        (f"{len(numbers)} of {short}", np.isin(record, numbers)),
        (f"{short} without {WITHOUT[name]}", np.isin(record, numbers) & (record != WITHOUT[name])),
    ):
        probabilities = trust.probabilities(logits[own])
        kept, found, true = ~trust.uncertain(probabilities), probabilities.argmax(axis=1), target[own]
        right = found == true
        pairs = [(kept, np.ones_like(kept)), (right, np.ones_like(kept)), (kept & right, kept)]
        for label in (1, 2):
            both = kept & right & (true == label)
            pairs += [(both, kept & (true == label)), (both, kept & (found == label))]
        terms = np.stack([column for pair in pairs for column in pair], axis=1).astype(float)
        bounds = np.quantile(resampled_figures([terms], ratios, record[own])[:, 0], (0.025, 0.975), axis=0)
        values = ratios(terms.sum(axis=0))
        cells = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in zip(values, *bounds, strict=True)]
        yield f"| {what} | {' | '.join([*cells[:3], ' / '.join(cells[3:5]), ' / '.join(cells[5:])])} |"


def ratios(sums):
    return sums[..., ::2] / sums[..., 1::2]


def numbers_in(line):
    return [float(number) for number in re.findall(r"\d\.\d{3}", line)]


def check(table, target, found):
    stated = float(re.search(r"\| macro-F1 \| (\d\.\d+) \|", table)[1])
    assert f1_score(target, found, average="macro") == pytest.approx(stated, abs=6e-4)
    for index, name in enumerate(AAMI_CLASSES[:4]):
        row = re.search(rf"^\| {name} \| [\d,]+ \| \S+ \(.*?\) \| (\d\.\d+) ", table, flags=re.MULTILINE)
        recall = recall_score(target, found, labels=[index], average=None)[0]
        assert recall == pytest.approx(float(row[1]), abs=6e-4), name
