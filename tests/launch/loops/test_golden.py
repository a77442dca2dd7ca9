"""A tiny training of each task against the losses and the validation metrics in golden.json.

`CARDIAX_WRITE_GOLDEN=1 pytest -m '' tests/launch/loops/test_golden.py` writes the file anew, after a change that is
meant to change the numbers.

A tolerance is at least eight times the largest relative difference that was found on 1 and 8 devices, with and without
XLA's optimizations, and on Python 3.11 with JAX 0.10.2 and Python 3.12 with JAX 0.12.0.1: they take sums in another
order, which each step of the optimizer amplifies, most where the learning rate is high. Another version may classify a
beat or two of the 60 otherwise, so macro-F1 may differ by 0.05.
"""

import csv
import json
import os
from pathlib import Path

import pytest

from cardiax.tasks import TASKS

pytestmark = pytest.mark.usefixtures("without_plots")

GOLDEN = Path(__file__).with_name("golden.json")
BEATS = "--dataset kaggle_heartbeat/mitbih --model_args widths=(8,),blocks=1 --batch_size 128"
BEATS += " --augmentation.stretch 0 --augmentation.warp 0"
WEIGHTED = "--balance weights --balance_power 1"
ADAMW = "--optimizer.name adamw --balance none --label_smoothing 0 --ema 0.999"
HEARTS = "--dataset ucsd_intracardiac --batch_size 8 --augmentation.stretch 0 --model_args widths=(8,),blocks=1"
RUNS = {
    "heartbeat": (f"{BEATS} --augmentation.mixup 0.2 {WEIGHTED} --optimizer.learning_rate 1e-2 --epochs 8", 1e-2),
    "arrhythmia": (f"{BEATS} --augmentation.mixup 0 {ADAMW} --optimizer.learning_rate 1e-2 --epochs 8", 1e-3),
    "activation": (f"{HEARTS},hidden=8 --optimizer.learning_rate 1e-2 --epochs 8", 1e-5),
    "transmembrane": (f"{HEARTS} --optimizer.learning_rate 3e-3 --epochs 4", 1e-4),
}
"""Task → flags of a training of a few epochs of 4 steps, and the relative tolerance of its losses and errors."""


@pytest.mark.parametrize(
    "task", [pytest.param(one, marks=[pytest.mark.slow] * (one == "transmembrane")) for one in RUNS]
)
def test_a_tiny_training_has_the_losses_and_the_metric_that_it_had(task, cardiax, data_dir, hearts_dir, tmp_path):
    flags, tolerance = RUNS[task]
    folder = hearts_dir if "ucsd" in flags else data_dir
    status, _, error = cardiax("train", task, *flags.split(), "--data-dir", folder, "--workdir", tmp_path / "run")
    assert status == 0, error
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines()))
    names = ("validation_loss", f"validation_{TASKS[task].selection}")
    found = {"train_loss": [float(row["train_loss"]) for row in rows]} | {name: float(rows[-1][name]) for name in names}
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("CARDIAX_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(golden | {task: found}, indent=1, sort_keys=True) + "\n")
        return
    for name, values in golden[task].items():
        absolute = 0.05 if name == "validation_macro_f1" else None
        assert found[name] == pytest.approx(values, rel=tolerance, abs=absolute), name
