"""The weights that come with cardiax: their size, and their outputs of the inputs stored with them."""

import json

import numpy as np
import pytest
from scipy.special import softmax

import cardiax
from cardiax.ecg.voltage import activation_time
from cardiax.launch.networks.bundle_files import read_weights
from cardiax.launch.networks.trained import PRETRAINED, find_network, fresh_variables
from cardiax.stats.class_trust import ClassTrust

NAMES = sorted(path.parent.name for path in PRETRAINED.glob("*/sums.json"))


def test_they_are_listed_and_small():
    assert cardiax.list_pretrained() == NAMES == ["activation", "arrhythmia", "heartbeat", "transmembrane"]
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*.safetensors")) < 12e6


@pytest.mark.parametrize("name", NAMES)
def test_stored_outputs_are_recomputed_from_stored_inputs(name):
    with np.load(PRETRAINED / name / "golden.npz", allow_pickle=False) as archive:
        inputs = dict(archive)
    expected = inputs.pop("output")
    network = find_network(name)
    read_weights(network.path, fresh_variables(network.config))  # raises if an array is not one of the network
    found = network.predictor()(inputs)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["arrhythmia", "heartbeat"])
def test_the_probabilities_of_beats_are_calibrated_and_the_program_is_not(name):
    """calibration.json states what is applied to the outputs, which golden.npz and model.stablehlo have as they are."""
    network = find_network(name)
    stated = json.loads((PRETRAINED / name / "calibration.json").read_text())
    assert network.trust == ClassTrust(*(stated[name] for name in ("temperature", "uncertain_below", "usual_share")))
    assert stated["temperature"] > 1
    before, after = stated["validation"]["scores"]["log_loss"]
    assert after < before
    output = np.load(PRETRAINED / name / "golden.npz")["output"]
    found = network.trust.probabilities(output)
    np.testing.assert_allclose(found, softmax(output / stated["temperature"], axis=1), rtol=1e-5)
    assert found.max() < softmax(output, axis=1).max()
    assert find_network("activation").trust == ClassTrust()


SOURCES = {
    "activation": (("simulated_intracardiac/varied", "volunteer"), "80,000 beats of 10,000 hearts"),
    "arrhythmia": (
        ("physionet_mitbih/patient,physionet_svdb", "both"),
        "The impact of the {MIT-BIH} Arrhythmia Database",
    ),
}
SOURCES |= {"heartbeat": SOURCES["arrhythmia"]}
SOURCES |= {"transmembrane": (("simulated_intracardiac", "volunteer"), "7,200 beats of 16 virtual volunteers")}
"""Weights → their dataset and protocol, and words of the card about them."""


@pytest.mark.parametrize("name", NAMES)
def test_the_card_names_source_and_purpose(name):
    source, words = SOURCES[name]
    card = (PRETRAINED / name / "README.md").read_text()
    assert "Research only, not a medical device" in card
    assert words in card
    assert ("ODC-By" in card) == (name in ("arrhythmia", "heartbeat"))
    assert ("the figures say nothing about patients" in card) == (name in ("activation", "transmembrane"))
    told = json.loads((PRETRAINED / name / "preprocessor.json").read_text())
    assert "test split" in told["golden"]["inputs"]
    config = find_network(name).config
    assert (config.dataset, config.protocol) == source
    assert config.seed == 0


@pytest.mark.parametrize("name", ["activation", "transmembrane"])
def test_how_far_activation_can_be_trusted_is_stated(name):
    trust = find_network(name).time_trust()
    with np.load(PRETRAINED / name / "golden.npz", allow_pickle=False) as archive:
        golden = archive["output"]  # of the test split, with the first sample as the onset
    golden = golden if golden.ndim == 2 else np.asarray(activation_time(golden))
    assert trust.half_width.shape == (75,)
    assert 10 < trust.half_width.min() < trust.half_width.max() < 60  # of hearts of all kinds
    assert 0.88 < trust.held < 0.92
    assert 0 < trust.limit < 20
    assert all(trust.difference(times) < 2 * trust.limit for times in golden)
    assert trust.difference(golden[0][::-1]) > trust.limit
    card = (PRETRAINED / name / "README.md").read_text()
    assert f"the intervals held {100 * trust.held:.1f} %" in card
    assert 0.1 < trust.least_share < trust.true_share < 0.8
    assert f"explain less than {100 * trust.least_share:.0f} % of the variance" in card
    assert (PRETRAINED / name / "trust.safetensors").stat().st_size < 300e3
