"""The steps from a recording to the inputs, as text."""

from cardiax.catalog import DATASETS, Dataset
from cardiax.config import Config
from cardiax.launch.bundle.preprocessor import describe


def test_a_table_whose_name_has_spaces_is_named_whole(monkeypatch):
    own = Dataset(
        "own_beats/x-0", "beat", 0.0, ("random",), ("a", "b"), shape=(40, 1), made_by="'my beats.csv' --labels kind"
    )
    monkeypatch.setitem(DATASETS, own.name, own)
    found = describe(Config(task="arrhythmia", dataset=own.name), (2,))
    assert found["steps"][0].startswith("Take a beat as a row of my beats.csv had it, 40 samples of each of 1 leads")
    assert found["output"]["classes"] == ["a", "b"]
