"""The loop as a whole: a network that is trained knows more than one that is not."""

import pytest

from cardiax.launch.loops.training_loop import score
from cardiax.tasks import TASKS


@pytest.fixture(scope="module")
def built_in(tmp_path_factory):
    """A data folder for the datasets that cardiax makes itself."""
    return tmp_path_factory.mktemp("data")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "dataset"),
    [
        ("heartbeat", "simulated_heartbeat"),  # and arrhythmia in .ci/run, whole
        ("activation", "simulated_intracardiac"),
        ("activation", "simulated_intracardiac/varied"),
        ("transmembrane", "simulated_intracardiac"),
    ],
)
def test_one_epoch_of_the_default_model_ends_better_than_it_began(one_epoch, built_in, task, dataset):
    before, after = one_epoch(task, dataset, built_in)
    assert after > before


def test_a_lower_error_and_a_higher_share_are_better():
    row = {"validation_activation_mae": 3.0, "validation_macro_f1": 0.5}
    assert score(TASKS["activation"], row) == -3.0
    assert score(TASKS["arrhythmia"], row) == 0.5
