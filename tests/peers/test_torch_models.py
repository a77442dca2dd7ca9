"""Every twin is the same network: the same losses, and the same weights after training steps."""

import dataclasses

import pytest

from cardiax.errors import InputError
from cardiax.launch import peer, workload

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
    peers = peer.load()
    twin, losses = peer.build(peers, small(task, model))
    assert losses["torch"] == pytest.approx(losses["cardiax"], rel=peer.TOLERANCE)
    inputs = twin.inputs.numpy().transpose(0, 2, 1)
    peer.inference(twin, inputs)["eager"](1)


@pytest.mark.parametrize(("task", "model"), [("activation", "activation_cnn"), ("arrhythmia", "resnet1d")])
def test_steps_lower_the_loss_alike(task, model):
    # The rule of the recipe on the same batch, dropout off: gradients, clipping, decay and update are the same.
    arguments = {"dropout_rate": 0.0} if model == "resnet1d" else {}
    config = workload.configure(task, model, SMALL.get(model, {}) | arguments, bare=True)
    ours = workload.prepare(dataclasses.replace(config, batch_size=8))
    twin, _ = peer.build(peer.load(), ours)
    state = ours.state
    for _ in range(3):
        state, loss = ours.step(state, ours.batch)
    twin.train("eager", 2)
    assert twin.loss(train=True) == pytest.approx(float(loss), rel=2e-3)


def test_another_network_is_refused():
    ours = small("arrhythmia", "resnet1d")
    kernel = ours.variables["params"]["logits"]["kernel"]
    params = ours.variables["params"] | {"logits": {**ours.variables["params"]["logits"], "kernel": 2 * kernel}}
    peers = peer.load()

    class Wrong(peers.Peer):
        def __init__(self, config, module, variables, batch):
            super().__init__(config, module, variables | {"params": params}, batch)

    class Peers:
        Peer = Wrong

    with pytest.raises(InputError, match="mend the twin"):
        peer.build(Peers, ours)
