"""The dataset's own figures, which the simulated hearts are held against."""

import json

import numpy as np

from cardiax.simulate.dataset_statistics import LEAD_SPREAD, SITE_MEAN, SITE_SPREAD


def test_the_published_figures_are_those_of_the_reference(real_data):
    facts = json.loads((real_data / "ucsd_intracardiac_statistics.json").read_text())
    np.testing.assert_allclose(LEAD_SPREAD, facts["ecg_mV"]["std"], atol=6e-4)
    np.testing.assert_allclose(SITE_MEAN, facts["vm_mV"]["mean"], atol=0.06)
    np.testing.assert_allclose(SITE_SPREAD, facts["vm_mV"]["std"], atol=0.06)
