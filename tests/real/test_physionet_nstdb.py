"""The real noises: their facts, and that the hardest is where it should be."""

import numpy as np
import pytest

from cardiax import datasets
from cardiax.ecg.beat_windows import resample
from cardiax.ecg.recorded_noise import noise_of_beats


def test_the_noises(real_data, tmp_path):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    datasets.prepare("physionet_nstdb", tmp_path, real_data / "nstdb")
    found = datasets.load("physionet_nstdb", tmp_path)["noise"]
    assert found["name"].tolist() == ["bw", "em", "ma"]
    assert found["signal"].shape == (3, 650_000, 2)
    # The first samples as PhysioNet's headers give them, 200 units a mV.
    first = np.array([[-29, 25], [5, -21], [-18, 3]]) / 200
    np.testing.assert_allclose(found["signal"][:, 0], first, rtol=1e-6)
    # Baseline wander is slow; of muscle a part is fast, and the other two have next to nothing there.
    signal = found["signal"][..., 0] - found["signal"][..., 0].mean(axis=1, keepdims=True)
    spectra, frequency = np.abs(np.fft.rfft(signal, axis=1)) ** 2, np.fft.rfftfreq(650_000, 1 / 360)
    below_1, above_20 = (spectra[:, side].sum(axis=1) / spectra.sum(axis=1) for side in (frequency < 1, frequency > 20))
    assert below_1[0] > 0.99
    assert above_20[2] > 0.05
    assert above_20[:2].max() < 0.01
    # No example meets a piece without noise.
    beats = np.random.default_rng(0).uniform(0.1, 1, (20_000, 187, 1)).astype(np.float32)
    for signal in found["signal"]:
        noise = noise_of_beats(beats, resample(signal, 360.0, 120.0), np.arange(len(beats)))
        assert (np.ptp(noise[..., 0], axis=1) > 0).all()
