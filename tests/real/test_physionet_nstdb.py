"""The real noises: their facts, and that the hardest is where it should be."""

import numpy as np
import pytest

from cardiax import datasets
from cardiax.noise import noise_at_zero, resample


def test_the_noises(real_data, tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    datasets.prepare("physionet_nstdb", tmp_path, real_data / "nstdb")
    found = datasets.load("physionet_nstdb", tmp_path)["noise"]
    assert found["name"].tolist() == ["bw", "em", "ma"]
    assert found["signal"].shape == (3, 650_000, 2)
    # The first samples as PhysioNet's headers give them, 200 units a mV.
    first = np.array([[-29, 25], [5, -21], [-18, 3]]) / 200
    np.testing.assert_allclose(found["signal"][:, 0], first, rtol=1e-6)
    # Baseline wander lies below 1 Hz, muscle does not.
    spectra = np.abs(np.fft.rfft(found["signal"][..., 0], axis=1)) ** 2
    low = np.fft.rfftfreq(650_000, 1 / 360) < 1
    shares = spectra[:, low].sum(axis=1) / spectra.sum(axis=1)
    assert shares[0] > 0.8
    assert shares[2] < 0.5
    # No example meets a piece without noise.
    beats = np.random.default_rng(0).uniform(0.1, 1, (20_000, 187, 1)).astype(np.float32)
    for signal in found["signal"]:
        noise = noise_at_zero("beat", beats, resample(signal, 360.0, 120.0), np.arange(len(beats)))
        assert (np.ptp(noise[..., 0], axis=1) > 0).all()
