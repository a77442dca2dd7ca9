"""R peaks of real recordings of which only one lead is read."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import CLASS_OF, filtered
from cardiax.ecg.r_peaks import find_r_peaks
from cardiax.protocols import DS2
from cardiax.stats.beat_matching import match


@pytest.mark.slow
@pytest.mark.parametrize(("lead", "sensitivity", "predictivity"), [(0, 0.995, 0.995), (1, 0.98, 0.975)])
def test_the_r_peaks_of_one_lead_of_ds2(real_data, lead, sensitivity, predictivity):
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    true = there = told = 0
    for record in DS2:
        path = str(real_data / "mitdb" / str(record))
        signal, annotations = wfdb.rdrecord(path).p_signal[:, [lead]], wfdb.rdann(path, "atr")
        times = annotations.sample[np.isin(annotations.symbol, list(CLASS_OF))] / 360
        found = find_r_peaks(filtered(signal, 360), np.ones((1, 1), bool)) / 180
        true, there, told = true + len(match(times, found)[0]), there + len(times), told + len(found)
    print(f"lead {lead}: sensitivity {true / there:.4f}, positive predictivity {true / told:.4f}")
    assert true >= sensitivity * there
    assert true >= predictivity * told
