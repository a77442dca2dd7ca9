"""Kaggle's rows from PhysioNet's records: the test file to the byte, the train file as a set."""

import hashlib
import io
import json

import numpy as np
import pytest

from cardiax import datasets
from cardiax.catalog import find_dataset
from cardiax.protocols import draw_split

KAGGLES_TEST = "f3fdb3fd318275e653fac082b617d8c1ef09fca619a0606dc22c863451c77333"

pytestmark = pytest.mark.slow  # whole datasets


@pytest.fixture(scope="module")
def data_dir(real_data, shared_dir):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    datasets.prepare("physionet_mitbih/kaggle", shared_dir, real_data / "mitdb")
    return shared_dir


def test_the_test_rows_written_as_csv_are_kaggles_file(data_dir):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir)["test"]
    table = np.concatenate([beats["beat"], beats["label"][:, None]], axis=1, dtype=np.float64)
    text = io.BytesIO()
    np.savetxt(text, table, delimiter=",", fmt="%.18e")
    assert hashlib.sha256(text.getvalue()).hexdigest() == KAGGLES_TEST


def test_the_train_rows_are_kaggles_as_a_set(data_dir, real_data):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir)["train"]
    with np.load(real_data / "kaggle_heartbeat" / "mitbih_float32.npz") as archive:
        theirs = np.column_stack([archive["train_x"], archive["train_y"].astype(np.float32)])
    ours = np.column_stack([beats["beat"], beats["label"].astype(np.float32)])
    rows = [sorted(map(bytes, np.ascontiguousarray(table))) for table in (ours, theirs)]
    assert len(rows[0]) == 87_554
    assert rows[0] == rows[1]


def test_every_row_knows_where_it_comes_from(data_dir, real_data):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir)["test"]
    with np.load(real_data / "kaggle_heartbeat" / "mitbih_row_origin.npz") as origin:
        np.testing.assert_array_equal(beats["record"], origin["test_record"])
        np.testing.assert_array_equal(beats["annotation_index"], origin["test_annotation_index"])
    # An R peak is where its symbol says it is: the first sample of most rows is high.
    assert set(beats["symbol"]) <= set("NLRejAaJSVEF/fQ")
    assert (np.diff(beats["sample"][beats["record"] == 100]) != 0).all()


def subjects_by_side(parts):
    """Whose beats the protocol `patient` puts on each side; records 201 and 202 are one subject."""
    examples = {key: np.concatenate([part[key] for part in parts.values()]) for key in ("record", "label")}
    sides = draw_split(
        find_dataset("physionet_mitbih/patient"),
        "patient",
        examples,
        {name: len(part["label"]) for name, part in parts.items()},
    )
    return [set(np.where(examples["record"][rows] == 201, 202, examples["record"][rows])) for rows in sides.values()]


def check_no_subject_on_two_sides(parts):
    sides = subjects_by_side(parts)
    assert sum(map(len, sides)) == len(set.union(*sides)) == 43  # 22 of DS1 but for 201, 22 of DS2
    assert 202 in sides[2]


def test_no_subject_of_kaggles_rows_lies_on_two_sides(data_dir, real_data):
    check_no_subject_on_two_sides(datasets.load("physionet_mitbih/kaggle", data_dir))
    datasets.prepare("physionet_mitbih/kaggle_patient", data_dir, real_data / "mitdb")
    check_no_subject_on_two_sides(datasets.load("physionet_mitbih/kaggle_patient", data_dir))


def test_windows_by_patient_train(cardiax, data_dir, real_data, tmp_path):
    datasets.prepare("physionet_mitbih/patient", data_dir, real_data / "mitdb")
    beats = datasets.load("physionet_mitbih/patient", data_dir)
    check_no_subject_on_two_sides(beats)
    # The numbers of beats that are usual for DS1 and DS2.
    assert np.bincount(beats["ds1"]["label"]).tolist() == [45866, 944, 3788, 415, 8]
    assert np.bincount(beats["ds2"]["label"]).tolist() == [44259, 1837, 3221, 388, 7]
    peak = np.abs(beats["ds2"]["signal"][..., 0] - np.median(beats["ds2"]["signal"][..., 0], axis=1, keepdims=True))
    assert 60 < np.median(peak.argmax(axis=1)) < 84  # the R peak
    run = ("train", "arrhythmia", "--dataset", "physionet_mitbih/patient", "--data-dir", data_dir)
    small = ("--model_args", "widths=(8,8),blocks=1", "--steps", 4)
    status, _, error = cardiax(*run, *small, "--workdir", tmp_path / "run")
    assert status == 0, error
    result = json.loads((tmp_path / "run" / "test.json").read_text())
    assert result["examples"] == 44259 + 1837 + 3221 + 388
    assert "bootstrap over records" in result["interval"]
