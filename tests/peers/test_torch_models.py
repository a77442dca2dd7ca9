"""Every twin is the same network: the same losses, and the same weights after training steps."""

import dataclasses

import pytest

from cardiax.errors import InputError
from cardiax.launch.timing import pytorch_twin, workload

pytest.importorskip("torch", reason="the twins need PyTorch: pip install 'cardiax[bench]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, of what it imports itself

SMALL = {
    "field_cnn": {"size": 20, "channels": (8, 4), "widths": (16,)},
    "resnet1d": {"widths": (8, 16), "blocks": 2},
    "activation_resnet": {"widths": (8, 16), "hidden": 32},
    "voltage_template": {"widths": (8, 8, 16), "hidden": 32},
    "transmembrane_bilstm": {"channels": (16, 8), "features": 12},
}
PAIRS = [(task, model) for task in workload.REFERENCES for model in workload.models_of(task) if task != "heartbeat"]


def small(task, model):
    config = workload.configure(task, model, SMALL.get(model, {}), bare=True)
    return workload.prepare(dataclasses.replace(config, batch_size=8))


@pytest.mark.parametrize(("task", "model"), PAIRS)
def test_the_losses_are_the_same(task, model):
    ours = small(task, model)
    with pytorch_twin.start(ours) as twin:
        losses = pytorch_twin.compare_losses(twin, ours)
        assert losses["torch"] == pytest.approx(losses["cardiax"], rel=pytorch_twin.TOLERANCE)
        twin.runs("infer", 2)["eager"](1)


@pytest.mark.parametrize(("task", "model"), [("activation", "activation_cnn"), ("arrhythmia", "resnet1d")])
def test_steps_lower_the_loss_alike(task, model):
    # The rule of the recipe on the same batch, dropout off: gradients, clipping, decay and update are the same.
    arguments = {"dropout_rate": 0.0} if model == "resnet1d" else {}
    config = workload.configure(task, model, SMALL.get(model, {}) | arguments, bare=True)
    ours = workload.prepare(dataclasses.replace(config, batch_size=8))
    state = ours.state
    for _ in range(3):
        state, loss = ours.step(state, ours.batch)
    with pytorch_twin.start(ours) as twin:
        twin.runs("train")["eager"](2)
        assert twin.ask("loss", True) == pytest.approx(float(loss), rel=2e-3)


def test_steps_in_bfloat16_go_the_same_way():
    config = workload.configure("arrhythmia", "reference_cnn", {"dropout_rate": 0.0}, True, "bfloat16")
    ours = workload.prepare(dataclasses.replace(config, batch_size=8))
    state = ours.state
    for _ in range(3):
        state, loss = ours.step(state, ours.batch)
    with pytorch_twin.start(ours) as twin:
        first = pytorch_twin.compare_losses(twin, ours)["torch"]["training"]
        twin.runs("train")["eager"](2)
        twin.runs("infer", 2)["eager"](1)
        assert twin.ask("loss", True) == pytest.approx(float(loss), rel=0.05)
        assert abs(float(loss) - first) > 0.1


def test_another_network_is_refused():
    ours = small("arrhythmia", "resnet1d")
    kernel = ours.variables["params"]["logits"]["kernel"]
    params = ours.variables["params"] | {"logits": {**ours.variables["params"]["logits"], "kernel": 2 * kernel}}
    wrong = dataclasses.replace(ours, variables=ours.variables | {"params": params})
    with pytorch_twin.start(wrong) as twin, pytest.raises(InputError, match="correct the twin"):
        pytorch_twin.compare_losses(twin, ours)


def test_a_twin_that_fails_is_told():
    with (
        pytorch_twin.start(small("arrhythmia", "resnet1d")) as twin,
        pytest.raises(RuntimeError, match="ended with status 1"),
    ):
        twin.ask("train", "theano", 1)
