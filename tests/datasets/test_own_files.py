"""Your own beats: their name, classes and groups, from tables and from folders of WFDB records."""

import json

import numpy as np
import pytest

from cardiax.datasets.own_beats.own_files import OwnFiles
from cardiax.errors import InputError

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")


def write_table(path, labels, groups=None):
    random = np.random.default_rng(0)
    rows = [",".join(map("{:.3f}".format, row)) for row in random.uniform(size=(len(labels), 16))]
    columns = [
        f"{row},{label}" + (f",{groups[i]}" if groups else "")
        for i, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]
    head = ",".join([*(f"x{i}" for i in range(16)), "label", *(["patient"] if groups else [])])
    path.write_text("\n".join([head, *columns]))
    return path


def write_record(folder, name, symbols, rate=200, leads=("V1", "II"), units="mV", height=1.0):
    """A bump of `height` in the unit in the last lead, half of it in the first, at each annotation, 1 s apart."""
    folder.mkdir(exist_ok=True)
    samples = np.arange(1, len(symbols) + 1) * rate
    time = np.arange((len(symbols) + 2) * rate)[:, None]
    bumps = np.exp(-(((time - samples) / (0.025 * rate)) ** 2)).sum(axis=1, keepdims=True)
    size = np.linspace(0.5, 1, len(leads)) * height
    wfdb.wrsamp(
        name,
        rate,
        [units] * len(leads),
        list(leads),
        p_signal=bumps * size,
        fmt=["16"] * len(leads),
        adc_gain=[2000 / height] * len(leads),
        baseline=[0] * len(leads),
        write_dir=str(folder),
    )
    wfdb.wrann(name, "atr", samples, list(symbols), write_dir=str(folder))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Four records of other rates, leads and units, two of them of one patient."""
    folder = tmp_path_factory.mktemp("own") / "records"
    write_record(folder, "a1", "NNVNN+NN")
    write_record(folder, "a2", "NNNVN", rate=500, leads=("I",), units="uV", height=1000.0)
    write_record(folder, "b", "NLNVfN", leads=("MLII", "V5", "II"))
    write_record(folder, "c", "NNANV")
    (folder / "d.hea").write_text("d 1 100 1000\nd.dat 16 200 16 0 0 0 0 I\n")
    return folder


def test_a_folder_has_beats_of_any_rate_lead_and_unit_under_aamis_classes(records):
    found = OwnFiles(records).read()
    labels, dataset = found.examples["label"], found.dataset
    assert dataset.classes == ("N", "S", "V", "Q")
    assert [dataset.classes[label] for label in labels] == list("NNVNNNN" + "NNNVN" + "NNNVQN" + "NNSNV")
    assert found.examples["group"].tolist() == ["a1"] * 7 + ["a2"] * 5 + ["b"] * 6 + ["c"] * 5
    assert dataset.protocols == ("group", "random", "fold_1", "fold_2", "fold_3", "fold_4", "noise")
    assert dataset.by_record
    assert dataset.aami
    assert dataset.normal == "N"
    peaks = found.examples["signal"][:, 72]  # the lead II or MLII first, else the first one
    for row, expected in ((3, (1.0, 0.5)), (9, (0.5, 0.0)), (14, (0.5, 1.0))):
        np.testing.assert_allclose(peaks[row], expected, atol=0.08)
    np.testing.assert_allclose(found.examples["intervals"], 1.0, atol=1.01)  # "+" is no beat
    assert any("without NAME.atr, so left out: d" in note for note in found.notes)
    assert any("no beats of F" in note for note in found.notes)


def test_a_folder_takes_classes_and_patients_from_tables(records, tmp_path):
    (tmp_path / "classes.json").write_text(json.dumps({"N": "sinus", "L": "sinus", "V": "wide", "f": "paced"}))
    (tmp_path / "patients.csv").write_text("record,patient\na1,anna\na2,anna\nb,bert\nc,carl\nz,zoe\n")
    found = OwnFiles(records, classes=tmp_path / "classes.json", groups=str(tmp_path / "patients.csv")).read()
    assert found.dataset.classes == ("sinus", "wide", "paced")
    assert found.examples["label"][12:18].tolist() == [0, 0, 0, 1, 2, 0]  # N L N V f N of b
    assert sorted({*found.examples["group"]}) == ["anna", "bert", "carl"]
    assert found.dataset.symbols == {"N": "sinus", "L": "sinus", "V": "wide", "f": "paced"}
    assert (found.dataset.normal, found.dataset.aami) == ("sinus", False)
    assert any("whose symbols have no class: A (1)" in note for note in found.notes)
    (tmp_path / "patients.csv").write_text("a1,anna\na2,anna\n")
    with pytest.raises(InputError, match=r"patients\.csv: found no group of b, c, expected one for every record"):
        OwnFiles(records, groups=str(tmp_path / "patients.csv")).read()


def test_the_name_follows_content_and_flags_and_not_the_place(tmp_path, records):
    one, other = (
        write_table(tmp_path / folder / "My beats.csv", "ab" * 6, list("pqrstu" * 2)) for folder in mkdirs(tmp_path)
    )
    assert OwnFiles(one).name() == OwnFiles(other).name()
    assert OwnFiles(one).name().startswith("own_beats/My_beats-")
    (tmp_path / "c.csv").write_text("a,x\nb,y\n")
    kinds = [{}, {"groups": "none"}, {"labels": "label"}, {"rate": 100.0}, {"classes": tmp_path / "c.csv"}]
    names = {OwnFiles(one, **kind).name() for kind in kinds}
    other.write_text(other.read_text().replace("0.1", "0.2", 1))
    (tmp_path / "c.csv").write_text("a,x\nb,z\n")
    assert len({*names, OwnFiles(other).name(), OwnFiles(one, classes=tmp_path / "c.csv").name()}) == 7
    before = OwnFiles(records).name()
    (records / "notes.txt").write_text("not read")
    assert OwnFiles(records).name() == before
    assert OwnFiles(records, annotations="qrs").name() != before


def test_the_name_of_a_folder_follows_its_groups_classes_and_signals(tmp_path):
    folder = tmp_path / "r"
    write_record(folder, "a", "NNV")
    (folder / "a.dat").rename(folder / "a.bin")
    (folder / "a.hea").write_text((folder / "a.hea").read_text().replace("a.dat", "a.bin"))
    (tmp_path / "t.csv").write_text("a,x\n")
    kinds = [{}, {"groups": "none"}, {"groups": str(tmp_path / "t.csv")}, {"classes": tmp_path / "t.csv"}]
    names = {OwnFiles(folder, **kind).name() for kind in kinds}
    with (folder / "a.bin").open("ab") as file:
        file.write(b"\0\0")
    assert len({*names, OwnFiles(folder).name()}) == 5


def mkdirs(path):
    for name in ("here", "there"):
        (path / name).mkdir()
        yield name


def test_labels_are_sorted_as_numbers_or_take_the_order_of_the_table(tmp_path):
    path = write_table(tmp_path / "b.csv", ["10", "2.0", "1", "2"])
    found = OwnFiles(path).read()
    assert found.dataset.classes == ("1", "2", "10")
    assert found.examples["label"].tolist() == [2, 1, 0, 1]
    assert found.dataset.protocols == ("random",)
    (tmp_path / "c.csv").write_text("label,class\n2,wide\n1,sinus\n7,other\n")
    found = OwnFiles(path, classes=tmp_path / "c.csv", rate=125.0).read()
    assert (found.dataset.classes, found.dataset.rate) == (("wide", "sinus"), 125.0)
    assert found.examples["label"].tolist() == [0, 1, 0]
    assert any("1 beats left out, whose labels have no class: 10" in note for note in found.notes)
    assert any("no beats of other" in note for note in found.notes)
    (tmp_path / "d.csv").write_text("2.0,wide\n1.0,sinus\n")
    found = OwnFiles(path, classes=tmp_path / "d.csv", rate=125.0).read()
    assert found.examples["label"].tolist() == [0, 1, 0]
    found = OwnFiles(path, classes=tmp_path / "c.csv", rate=125.0).read()
    assert found.dataset.made_by == "b.csv --classes c.csv --rate 125.0"


BROKEN = {
    ("a" * 6, None): "found the class a alone, expected 2 to 50",
    (tuple(map(str, range(60))), None): "found 60 classes, expected 2 to 50",
    (("a", "x|y"), None): "found the class 'x|y', expected up to 40 characters",
    ("abab", "pppp"): "found 1 group of beats, expected 3 or more to split by",
    ("abab", "pqpq"): "found 2 groups of beats",
}


@pytest.mark.parametrize("case", BROKEN)
def test_classes_and_groups_that_cannot_be_learnt_are_one_line(tmp_path, case):
    labels, groups = case
    path = write_table(tmp_path / "b.csv", labels, groups)
    with pytest.raises(InputError, match=r"b\.csv: found") as error:
        OwnFiles(path).read()
    assert BROKEN[case] in str(error.value)
    if groups:
        assert OwnFiles(path, groups="none").read().dataset.protocols == ("random",)


def test_a_table_without_labels_or_with_two_rates_is_one_line(tmp_path):
    write_table(tmp_path / "b.csv", "ab").write_text((tmp_path / "b.csv").read_text().replace("label", "x16"))
    (tmp_path / "b.csv").write_text((tmp_path / "b.csv").read_text().replace(",a", ",1").replace(",b", ",2"))
    with pytest.raises(InputError, match="found no column named label or class, expected the class of each beat"):
        OwnFiles(tmp_path / "b.csv").read()
    np.savez(tmp_path / "b.npz", beats=np.eye(8))
    with pytest.raises(
        InputError, match="found no array labels, expected the class of each beat; save one of that nam"
    ):
        OwnFiles(tmp_path / "b.npz").read()
    np.savez(tmp_path / "b.npz", beats=np.eye(8), labels=[0, 1] * 4, rate=100)
    with pytest.raises(InputError, match="found --rate 50 and the rate 100 in the file, expected one"):
        OwnFiles(tmp_path / "b.npz", rate=50.0).read()


def test_a_folder_without_records_annotations_or_known_symbols_is_one_line(tmp_path, records):
    with pytest.raises(InputError, match=r"found 0 WFDB records, none with an annotation file NAME\.atr"):
        OwnFiles(tmp_path).read()
    with pytest.raises(InputError, match=r"found 5 WFDB records, none with an annotation file NAME\.qrs"):
        OwnFiles(records, annotations="qrs").read()
    (tmp_path / "c.csv").write_text("r,x\nj,y\n")
    with pytest.raises(InputError, match="found no annotation of r j, expected some"):
        OwnFiles(records, classes=tmp_path / "c.csv").read()
    (tmp_path / "c.csv").write_text("N,x\n+,rhythm\n~,noise\n")
    with pytest.raises(InputError, match=r"c\.csv: found a class of \+, ~, with which WFDB marks no beats"):
        OwnFiles(records, classes=tmp_path / "c.csv").read()
    write_record(tmp_path, "x", "NNV", units="mmHg")
    with pytest.raises(InputError, match="x: found the units mmHg, mmHg, expected a channel in mV, uV or V"):
        OwnFiles(tmp_path).read()


def test_options_that_do_not_apply_are_refused(tmp_path, records):
    table = write_table(tmp_path / "b.csv", "ab")
    wrong = [OwnFiles(table, annotations="atr"), OwnFiles(records, labels="x"), OwnFiles(records, rate=1.0)]
    for files in [*wrong, OwnFiles(tmp_path / "b.xlsx")]:
        with pytest.raises(InputError, match=r"expected|leave it out"):
            files.check()
