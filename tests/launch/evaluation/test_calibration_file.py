"""calibration.json: what is fitted on the validation beats of a run, and which networks have it."""

import json

import numpy as np
import pytest
from scipy.special import softmax

from cardiax.catalog import find_dataset
from cardiax.config import to_dict
from cardiax.errors import InputError
from cardiax.launch.evaluation.run_report import calibration
from cardiax.launch.networks.bundle_files import WEIGHTS
from cardiax.launch.networks.trained import find_network
from cardiax.launch.run.run_folder import CALIBRATION, write_json
from cardiax.recipes import recipe
from cardiax.stats.class_trust import ClassTrust
from cardiax.tasks.plain_report import Cases


def cases(protocol, count):
    origin = {"record": np.arange(count) % 10, "label": np.zeros(count, int)}
    return Cases(find_dataset("physionet_mitbih/patient"), protocol, "validation", np.arange(count), origin, dict)


@pytest.fixture(scope="module")
def figures():
    """Probabilities (n, 5) of a network that is too sure by a temperature of 2."""
    random = np.random.default_rng(0)
    true = 2 * random.normal(size=(4_000, 5))
    target = np.argmax(true + random.gumbel(size=true.shape), axis=1)
    return {"probabilities": softmax(2 * true, axis=1).astype(np.float32), "target": target}


def test_it_is_fitted_by_record_where_the_split_is_by_patient(figures):
    found = calibration(cases("patient", 4_000), figures)
    assert found["temperature"] == pytest.approx(2, rel=0.05)
    assert found["source"] == "physionet_mitbih/patient, its validation split by patient"
    assert found["validation"]["groups"] == 10
    assert 0.05 <= found["usual_share"] < 0.1
    by_beat = calibration(cases("random", 4_000), figures)
    assert by_beat["temperature"] == pytest.approx(2, rel=0.05)
    assert (by_beat["validation"]["groups"], by_beat["usual_share"]) == (None, None)


def test_a_probability_of_zero_is_no_infinite_loss():
    certain = {"probabilities": np.eye(5, dtype=np.float32)[np.arange(100) % 5], "target": np.arange(100) % 5}
    found = calibration(cases("patient", 100), certain)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["validation"]["risk"] == 0


def test_a_run_without_it_is_read_and_a_damaged_one_is_refused(tmp_path):
    write_json(tmp_path / "config.json", to_dict(recipe("arrhythmia", "physionet_mitbih/patient")))
    assert find_network(tmp_path).trust == ClassTrust(temperature=1.0, uncertain_below=0.0, usual_share=None)
    network = find_network(tmp_path)
    assert f"`cardiax evaluate {tmp_path}`" in network.notes[0]
    (tmp_path / WEIGHTS).touch()
    assert "export the bundle again" in network.notes[0]
    (tmp_path / WEIGHTS).unlink()
    write_json(tmp_path / CALIBRATION, {"temperature": 1.5, "uncertain_below": 0.7, "usual_share": None, "rule": "r"})
    assert find_network(tmp_path).notes == ()
    assert find_network(tmp_path).trust == ClassTrust(temperature=1.5, uncertain_below=0.7)
    for wrong in ({"temperature": 0.0}, {"uncertain_below": "0.7"}, {"usual_share": 2.0}, {"temperature": None}):
        fields = {"temperature": 1.5, "uncertain_below": 0.7, "usual_share": None} | wrong
        write_json(tmp_path / CALIBRATION, fields)
        with pytest.raises(InputError, match=r"calibration\.json: found no valid calibration, expected temperature"):
            find_network(tmp_path)
    write_json(tmp_path / CALIBRATION, {"temperature": 1.5})
    with pytest.raises(InputError, match="found no valid calibration"):
        find_network(tmp_path)
