"""The use of a calibration: probabilities, and which classes are uncertain."""

import numpy as np

from cardiax.stats.class_trust import ClassTrust

LOGITS = np.log(np.float32([[0.8, 0.1, 0.1], [0.4, 0.35, 0.25]]))


def test_a_temperature_takes_the_root_of_the_odds():
    np.testing.assert_allclose(ClassTrust().probabilities(LOGITS), np.exp(LOGITS), rtol=1e-6)
    found = ClassTrust(temperature=2.0).probabilities(LOGITS + 300)
    roots = np.sqrt(np.exp(LOGITS))
    np.testing.assert_allclose(found, roots / roots.sum(axis=1, keepdims=True), rtol=1e-4)
    assert found.dtype == np.float32


def test_a_class_below_the_threshold_is_uncertain():
    assert ClassTrust(uncertain_below=0.5).uncertain(np.exp(LOGITS)).tolist() == [False, True]
    assert not ClassTrust().uncertain(np.exp(LOGITS)).any()
