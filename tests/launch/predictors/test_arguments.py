"""The arguments of `predict` in Python: what is meant is understood, and anything else is one line."""

from pathlib import Path

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.predictors.batches import as_names, as_number, as_source


def test_sources():
    assert as_source("ecg.csv") == Path("ecg.csv")
    np.testing.assert_array_equal(as_source([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    with pytest.raises(InputError, match="ecg: found list that is no array"):
        as_source([[1, 2], [3]])


def test_a_data_frame_keeps_its_names():
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    found = as_source(pandas.DataFrame({"V1": [0.5, 1.5], "II": [2.0, 3.0]}))
    assert found.dtype.names == ("V1", "II")
    np.testing.assert_array_equal(found["II"], [2.0, 3.0])
    with pytest.raises(InputError, match=r"^ecg: found two columns 'II', expected a name of its own for each$"):
        as_source(pandas.DataFrame([[0.5, 2.0], [1.5, 3.0]], columns=["II", "II"]))


@pytest.mark.parametrize("value", [360, 360.0, np.float32(360), np.int64(360), np.array(360)])
def test_numbers(value):
    found = as_number("sampling_rate", value, "Hz", positive=True)
    assert type(found) is float
    assert found == 360


@pytest.mark.parametrize("value", ["360", [360, 250], float("nan"), 0, -1, True, np.True_, object()])
def test_what_is_no_rate(value):
    with pytest.raises(InputError, match=r"sampling_rate: found .*, expected a positive number, Hz"):
        as_number("sampling_rate", value, "Hz", positive=True)


def test_nothing_is_nothing():
    assert as_number("start", None, "ms") is None
    assert as_names(None) is None


def test_names():
    assert as_names(np.array(["I", "II"])) == ["I", "II"]
    assert as_names("II") == ["II"]
    with pytest.raises(InputError, match=r"leads: found \['II', None\], expected the name of each channel"):
        as_names(["II", None])
