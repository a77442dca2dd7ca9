"""Kaggle's rows from PhysioNet's records: the test file to the byte, the train file as a set."""

import hashlib
import io

import numpy as np
import pytest

from cardiax import datasets

KAGGLES_TEST = "f3fdb3fd318275e653fac082b617d8c1ef09fca619a0606dc22c863451c77333"


@pytest.fixture(scope="module")
def data_dir(real_data, tmp_path_factory):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    folder = tmp_path_factory.mktemp("data")
    datasets.prepare("physionet_mitbih/kaggle", folder, real_data / "mitdb")
    return folder


def test_the_test_rows_written_as_csv_are_kaggles_file(data_dir):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir, ["test"])["test"]
    table = np.concatenate([beats["beat"], beats["label"][:, None]], axis=1, dtype=np.float64)
    text = io.BytesIO()
    np.savetxt(text, table, delimiter=",", fmt="%.18e")
    assert hashlib.sha256(text.getvalue()).hexdigest() == KAGGLES_TEST


def test_the_train_rows_are_kaggles_as_a_set(data_dir, real_data):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir, ["train"])["train"]
    with np.load(real_data / "kaggle_heartbeat" / "mitbih_float32.npz") as archive:
        theirs = np.column_stack([archive["train_x"], archive["train_y"].astype(np.float32)])
    ours = np.column_stack([beats["beat"], beats["label"].astype(np.float32)])
    rows = [sorted(map(bytes, np.ascontiguousarray(table))) for table in (ours, theirs)]
    assert len(rows[0]) == 87_554
    assert rows[0] == rows[1]


def test_every_row_knows_where_it_comes_from(data_dir, real_data):
    beats = datasets.load("physionet_mitbih/kaggle", data_dir, ["test"])["test"]
    with np.load(real_data / "kaggle_heartbeat" / "mitbih_row_origin.npz") as origin:
        np.testing.assert_array_equal(beats["record"], origin["test_record"])
        np.testing.assert_array_equal(beats["annotation_index"], origin["test_annotation_index"])
    # An R peak is where its symbol says it is: the first sample of most rows is high.
    assert set(beats["symbol"]) <= set("NLRejAaJSVEF/fQ")
    assert (np.diff(beats["sample"][beats["record"] == 100]) != 0).all()
