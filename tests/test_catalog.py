"""Datasets of your own in the catalog: what a config.json or a metadata.json may say of them."""

import pytest

from cardiax.catalog import DATASETS, OWN, OWN_PROTOCOLS, Dataset, describe, is_aami, remember
from cardiax.errors import InputError
from cardiax.protocols import PROTOCOLS

NAME = "own_beats/x-0"
FIELDS = describe(Dataset(NAME, "beat", 125.0, ("group", "fold_1"), ("a", "b"), symbols={"N": "a"}, made_by="x.csv"))


@pytest.mark.parametrize(("classes", "expected"), [("NSVFQ", True), ("NV", True), ("SV", False), (("N", "x"), False)])
def test_classes_of_aami_include_the_normal_one(classes, expected):
    dataset = Dataset("own_beats/y-0", "beat", 0.0, ("random",), tuple(classes))
    assert is_aami(dataset.classes) == dataset.aami == expected
    assert dataset.has_rhythms == (classes == "NSVFQ")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setitem(DATASETS, NAME, None)
    del DATASETS[NAME]


def test_own_protocols_are_those_that_split_them():
    assert {*OWN_PROTOCOLS} == {*PROTOCOLS[OWN]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", float("nan")),
        ("rate", -1.0),
        ("protocols", ()),
        ("protocols", ("patient",)),
        ("protocols", ("noise",)),
        ("shape", (187, 0)),
        ("symbols", {"N": "c"}),
        ("classes", ("a", "a")),
        ("classes", ("a",)),
        ("name", "kaggle_heartbeat/mitbih"),
    ],
)
def test_fields_that_cardiax_does_not_write_are_refused(field, value):
    with pytest.raises(InputError, match="own_dataset: found"):
        remember(FIELDS | {field: value})
    assert NAME not in DATASETS


def test_a_known_dataset_is_not_replaced_by_another_of_its_name():
    known = remember(FIELDS)
    assert remember(FIELDS | {"made_by": "y.csv"}).made_by == "y.csv"  # the same content in another file
    with pytest.raises(InputError, match="own_dataset: found own_beats/x-0 with other fields than before"):
        remember(FIELDS | {"classes": ("b", "a")})
    assert DATASETS[NAME].classes == known.classes


def test_every_dataset_to_learn_from_has_the_protocol_noise_and_none_as_its_default():
    for dataset in DATASETS.values():
        if dataset.name.startswith("own_beats/"):  # of another test of this process
            continue
        if dataset.kind == "noise":
            assert dataset.protocols == ()
            continue
        assert dataset.protocols[-1] == "noise" != dataset.protocols[0]
        assert set(dataset.protocols) - {"noise"} <= set(PROTOCOLS[dataset.kind])
        assert dataset.drawn_by("noise") == dataset.protocols[0]
        assert dataset.drawn_by("published") == "published"
