"""Training on real rows: the format, from the publisher's files to the figures. No figure is claimed from so few."""

import json
import shutil

import pytest

QUICK = ["--model_args", "widths=(8,),blocks=1", "--batch_size", "32", "--steps", "12"]


@pytest.fixture(scope="module")
def prepared(real_data, tmp_path_factory):
    """A data folder with the 200 true PTBDB rows."""
    from cardiax import datasets

    source, folder = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("data")
    for kind in ("normal", "abnormal"):
        shutil.copy(real_data / "kaggle_heartbeat" / f"ptbdb_{kind}_sample.csv", source / f"ptbdb_{kind}.csv")
    datasets.prepare("kaggle_heartbeat/ptbdb", folder, manual_dir=source)
    return folder


@pytest.mark.slow
def test_heartbeat_on_ptbdb_rows(prepared, cardiax, tmp_path):
    arguments = ["train", "heartbeat", "--dataset", "kaggle_heartbeat/ptbdb", "--data-dir", prepared, *QUICK]
    status, out, _ = cardiax(*arguments, "--workdir", tmp_path / "run")
    assert status == 0
    assert "160 examples" in out
    result = json.loads((tmp_path / "run" / "test.json").read_text())
    assert result["protocol"] == "published"
    assert {name: row["examples"] for name, row in result["classes"].items()} == {"normal": 10, "abnormal": 10}
    assert cardiax("evaluate", tmp_path / "run", "--split", "validation")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "dataset", "per_class"),
    [
        ("arrhythmia", "physionet_mitbih/kaggle", 1000),
        ("arrhythmia", "physionet_mitbih/patient", 2000),
        ("heartbeat", "physionet_mitbih/patient", 2000),
        ("arrhythmia", "physionet_svdb", 2000),
        ("arrhythmia", "physionet_mitbih/patient,physionet_svdb", 2000),
    ],
)
def test_one_epoch_of_the_default_model_ends_better_than_it_began(
    one_epoch, shared_dir, real_data, task, dataset, per_class
):
    # The rows of kaggle_heartbeat/mitbih and physionet_mitbih/kaggle_patient are those of physionet_mitbih/kaggle; of
    # ptbdb 200 are at hand, one step's. An epoch of all 87,554 rows takes minutes.
    from cardiax import datasets

    pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    for name in dataset.split(","):
        datasets.prepare(name, shared_dir, manual_dir=real_data / ("svdb" if name == "physionet_svdb" else "mitdb"))
    before, after = one_epoch(task, dataset, shared_dir, per_class)
    assert after > before
