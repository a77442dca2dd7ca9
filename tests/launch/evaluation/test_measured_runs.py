"""Corrupted inputs of evaluated runs."""

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.evaluation.measured_runs import Corruption
from cardiax.launch.run.example_store import Examples
from cardiax.launch.run.experiment import Experiment
from cardiax.recipes import recipe
from cardiax.tasks import find_task

SHAPES = {"leads": (192, 2), "deviation": (192, 2), "rr": (22,)}


def experiment(dataset, shapes):
    """Three beats of numbers from 1 on, without a model."""
    arrays = {
        name: 1 + np.arange(3 * np.prod(shape), dtype=np.float32).reshape(3, *shape) for name, shape in shapes.items()
    }
    take = lambda indices: {name: array[indices] for name, array in arrays.items()} | {"target": indices}  # noqa: E731
    examples = Examples(take, shapes, np.arange(3), 0)
    config = recipe("arrhythmia", dataset)
    return Experiment(config, find_task("arrhythmia"), None, examples, {}, "patient", {}, {}, {})


def test_beats_of_two_leads_lose_the_second():
    whole = experiment("physionet_mitbih/patient", SHAPES)
    found = Corruption(drop_lead=True).apply(whole).examples.take(np.array([2, 0]))
    expected = whole.examples.take(np.array([2, 0]))
    for name in ("leads", "deviation"):
        np.testing.assert_array_equal(found[name][..., 0], expected[name][..., 0])
        assert found[name].dtype == np.float32
        assert not found[name][..., 1].any()
    np.testing.assert_array_equal(found["rr"], expected["rr"])


@pytest.mark.parametrize(
    ("corruption", "dataset", "shapes"),
    [
        (Corruption(noise=12), "physionet_mitbih/patient", SHAPES),
        (Corruption(noise=12, drop_lead=True), "physionet_mitbih/patient", SHAPES),
        (Corruption(drop_lead=True), "simulated_heartbeat", {"leads": (187, 1)}),
    ],
)
def test_corruptions_that_beats_do_not_have_are_refused(corruption, dataset, shapes):
    with pytest.raises(InputError, match=r"found --noise or --drop-lead and the task 'arrhythmia' on [12] leads"):
        corruption.apply(experiment(dataset, shapes))
