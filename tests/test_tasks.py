"""Tasks: which labels mean what, and figures of merit."""

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import DATASETS, find_dataset
from cardiax.errors import InputError
from cardiax.tasks import TASKS, find_task

BEATS = {"beat": np.zeros((5, 187), np.float32), "label": np.arange(5)}


def test_heartbeat_takes_n_against_the_rest():
    arrays = TASKS["heartbeat"].arrays(BEATS, DATASETS["kaggle_heartbeat/mitbih"])
    assert arrays["target"].tolist() == [0, 1, 1, 1, 1]
    assert arrays["input"].shape == (5, 187, 1)
    two = {"beat": BEATS["beat"][:2], "label": np.array([1, 0])}
    assert TASKS["heartbeat"].arrays(two, DATASETS["kaggle_heartbeat/ptbdb"])["target"].tolist() == [1, 0]


def test_arrhythmia_keeps_the_aami_classes():
    arrays = TASKS["arrhythmia"].arrays(BEATS, DATASETS["simulated_heartbeat"])
    assert arrays["target"].tolist() == [0, 1, 2, 3, 4]


def test_a_dataset_without_the_answer_is_refused():
    for task in TASKS.values():
        task.check(DATASETS["simulated_heartbeat"])
    with pytest.raises(InputError, match="found labels normal, abnormal, wanted N, S, V, F, Q"):
        TASKS["arrhythmia"].check(DATASETS["kaggle_heartbeat/ptbdb"])


def test_figures_of_a_split_by_hand():
    # Two of three right: confusion [[1, 0], [1, 1]]; F1 2/3 for both classes; -log softmax(0, 0) is log 2.
    task = TASKS["heartbeat"]
    logits = jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]) * jnp.array([[100.0], [1.0], [100.0]])
    measured = {name: np.asarray(value) for name, value in task.measure(logits, jnp.array([0, 1, 1])).items()}
    assert measured["prediction"].tolist() == [0, 0, 1]
    figures = task.summarize(measured)
    np.testing.assert_array_equal(figures["confusion"], [[1, 0], [1, 1]])
    scalars = task.scalars(figures)
    assert scalars["accuracy"] == pytest.approx(2 / 3)
    assert scalars["macro_f1"] == pytest.approx(2 / 3)
    assert scalars["loss"] == pytest.approx(np.log(2) / 3)
    assert scalars["f1_abnormal"] == pytest.approx(2 / 3)


def test_names():
    assert find_task("heartbeat").summary == "is this beat healthy?"
    with pytest.raises(InputError, match="unknown task 'hearbeat': did you mean 'heartbeat'"):
        find_task("hearbeat")
    assert find_dataset("kaggle_heartbeat").name == "kaggle_heartbeat/mitbih"
