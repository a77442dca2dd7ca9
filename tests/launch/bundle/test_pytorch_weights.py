"""Weights that PyTorch has saved, in the network of their authors and in ours."""

import sys

import numpy as np
import pytest

from cardiax import load
from cardiax.errors import InputError
from cardiax.launch.bundle.card import card
from cardiax.launch.bundle.preprocessor import describe
from cardiax.launch.bundle.pytorch_weights import read_state_dict, reference_config
from cardiax.launch.networks.trained import find_network

FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128)}
FIRES |= {9: (256, 48, 192), 10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
"""Index among `features` in the reference project → channels in, squeezed and expanded."""


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the reference needs PyTorch: pip install 'cardiax[bench]'")


@pytest.fixture(scope="module")
def reference(torch):
    """The network of Landajuela et al. with random weights, by the names of their project."""
    nn = torch.nn

    class Fire(nn.Module):
        def __init__(self, inputs, squeezed, expanded):
            super().__init__()
            self.squeeze = nn.Conv1d(inputs, squeezed, 1)
            self.expand1x1 = nn.Conv1d(squeezed, expanded, 1)
            self.expand3x3 = nn.Conv1d(squeezed, expanded, 3, padding=1)

        def forward(self, x):
            x = torch.relu(self.squeeze(x))
            return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)

    class SqueezeNet(nn.Module):
        def __init__(self):
            super().__init__()
            layers = [nn.Conv1d(12, 64, 3, padding=1), nn.ReLU()]
            layers += [
                Fire(*FIRES[at]) if at in FIRES else nn.MaxPool1d(3, 1, 1, ceil_mode=True) for at in range(2, 13)
            ]
            self.features = nn.Sequential(*layers)
            self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Conv1d(512, 75, 1))

        def forward(self, x):
            return self.classifier(self.features(x))

    torch.manual_seed(0)
    return SqueezeNet().eval()


@pytest.fixture(scope="module")
def saved(torch, reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "squeezenet.pth"
    torch.save(reference.state_dict(), path)
    return path


def test_an_imported_bundle_gives_the_voltages_of_the_reference(torch, reference, saved, tmp_path, cardiax):
    out = tmp_path / "squeezenet"
    assert cardiax("export", saved, "--out", out, "--license", "mit")[0] == 0
    leads = np.random.default_rng(0).normal(size=(3, 500, 12)).astype(np.float32)
    scaled = leads / np.ptp(leads, axis=1, keepdims=True)
    with torch.no_grad():
        expected = 135.50618677 * reference(torch.from_numpy(scaled).mT).mT.numpy() - 85.50618677
    found = find_network(out).predictor()({"leads": leads})
    assert expected.std() > 1
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert "392,907 parameters, imported from squeezenet.pth." in (out / "README.md").read_text()
    assert find_network(out).origin == "imported from squeezenet.pth; the training data are not known"
    assert load(out).config.model == "transmembrane_squeezenet"


def test_the_card_names_no_training_data():
    config = reference_config()
    text = card("a", config, {}, describe(config, (500, 75)), "other", {}, imported="theirs.pth")
    assert "- Imported from theirs.pth; the training data are not known" in text
    assert "rained on" not in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda state: state | {"classifier.1.weight": state["classifier.1.weight"][:3]},
            r"classifier.1.weight \(3, 5",
        ),
        (lambda state: {key: v for key, v in state.items() if key != "features.7.squeeze.bias"}, "squeeze.bias absent"),
        (lambda state: state | {"classifier.4.weight": state["features.0.bias"]}, "found classifier.4.weight too"),
        (
            lambda state: {"epoch": 3, "net": state},
            r"found 'epoch', which is of the type int, expected a state dict: .*\.save\(checkpoint\['net'\], FILE\)",
        ),
        (lambda state: [*state.values()], "found list, expected a state dict: tensors by name"),
    ],
)
def test_weights_of_another_network_are_refused(torch, saved, tmp_path, change, told):
    path = tmp_path / "other.pth"
    torch.save(change(torch.load(saved, weights_only=True)), path)
    with pytest.raises(InputError, match=told):
        read_state_dict(path)


def test_a_pickled_model_is_not_loaded(torch, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(torch.nn.Linear(2, 3), path)
    with pytest.raises(InputError, match=r"torch\.save\(model\.state_dict\(\), FILE\)"):
        read_state_dict(path)
    path.write_bytes(b"not a file of PyTorch")
    with pytest.raises(InputError, match="found no file of tensors alone"):
        read_state_dict(path)


def test_without_pytorch_the_package_is_named(monkeypatch, tmp_path, cardiax):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "a.pth"
    path.write_bytes(b"")
    status, _, error = cardiax("export", path, "--out", tmp_path / "out")
    assert status == 2
    assert "found no package torch, expected it to be installed; run pip install 'cardiax[bench]'" in error
