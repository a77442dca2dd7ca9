"""The supraventricular records: every annotated beat, where it should be, and how the test records were drawn."""

from collections import Counter

import numpy as np
import pytest

from cardiax import datasets
from cardiax.catalog import find_dataset
from cardiax.protocols import SVDB_FOLDS, SVDB_TEST, SVDB_VALIDATION, draw_split
from cardiax.random_streams import stream

CLASSES = (
    dict.fromkeys("NLRej", 0) | dict.fromkeys("AaJS", 1) | dict.fromkeys("VE", 2) | {"F": 3, "/": 4, "f": 4, "Q": 4}
)

pytestmark = pytest.mark.slow  # a whole dataset


@pytest.fixture(scope="module")
def beats(real_data, tmp_path_factory):
    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    folder, notes = tmp_path_factory.mktemp("data"), []
    datasets.prepare("physionet_svdb", folder, real_data / "svdb", report=notes.append)
    assert notes == ["52 of the 78 records of https://physionet.org/content/svdb/1.0.0/"]
    return datasets.load("physionet_svdb", folder)["beats"]


@pytest.fixture(scope="module")
def annotations(real_data):
    """Record → sample and class of each beat, read by wfdb itself."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    found = {}
    for path in sorted((real_data / "svdb").glob("*.atr")):
        one = wfdb.rdann(str(path.with_suffix("")), "atr")
        pairs = zip(one.sample.tolist(), one.symbol, strict=True)
        found[int(path.stem)] = [(sample, CLASSES[symbol]) for sample, symbol in pairs if symbol in CLASSES]
    return found


def test_every_beat_of_every_record_is_there(beats, annotations):
    expected = [(number, *beat) for number, of_record in annotations.items() for beat in of_record]
    found = list(zip(*(beats[name].tolist() for name in ("record", "sample", "label")), strict=True))
    assert found == expected
    assert len(found) == 122_477
    peak = np.abs(beats["signal"][..., 0] - np.median(beats["signal"][..., 0], axis=1, keepdims=True)).argmax(axis=1)
    assert 66 < np.median(peak) < 78  # the R peak
    np.testing.assert_array_equal(np.isfinite(beats["signal"]).all(), True)


def test_the_records_of_the_protocol_were_drawn_as_it_says(annotations):
    ectopic = {number: Counter(label for _, label in of)[1] for number, of in annotations.items()}
    rows = np.reshape(sorted(ectopic, key=lambda number: (ectopic[number], number)), (13, 4))
    words = stream("physionet_svdb").random_raw(52).reshape(13, 4)
    drawn = np.take_along_axis(rows, np.argsort(words, axis=1), axis=1)
    assert tuple(sorted(drawn[:, 0])) == SVDB_TEST
    assert tuple(sorted(drawn[::2, 1])) == SVDB_VALIDATION
    rest = [number for number in rows.ravel().tolist() if number not in SVDB_TEST]
    fours = stream("physionet_svdb folds").random_raw(40).reshape(10, 4).argsort(axis=1).ravel()
    folds = [[number for number, of in zip(rest, fours, strict=False) if of == fold] for fold in range(4)]
    assert tuple(tuple(sorted(fold)) for fold in folds) == SVDB_FOLDS


@pytest.mark.parametrize(("protocol", "records"), [("patient", (32, 7, 13)), ("group", (36, 8, 8))])
def test_no_record_is_on_two_sides(beats, protocol, records):
    split = draw_split(find_dataset("physionet_svdb"), protocol, beats, {"beats": len(beats["label"])})
    sides = [set(beats["record"][rows]) for rows in split.values()]
    assert tuple(map(len, sides)) == records
    assert len(set.union(*sides)) == 52
