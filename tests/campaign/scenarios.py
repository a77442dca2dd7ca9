"""The commands that a campaign disturbs, each in a small world that takes seconds."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KAGGLE = ("--dataset", "kaggle_heartbeat/mitbih", "--data-dir", "data")
TINY = ("--model_args", "widths=(4,),blocks=1", "--batch_size", "128", "--epochs", "2", "--augmentation.mixup", "0")
PREPARE = ("prepare", "kaggle_heartbeat/mitbih", "--manual-dir", "archive", "--data-dir", "data")
TRAIN = ("train", "arrhythmia", *KAGGLE, *TINY, "--workdir", "run")
HEARTS = ("--dataset", "ucsd_intracardiac", "--data-dir", "data")
SMALL = ("--model_args", "widths=(8,),blocks=1,hidden=8", "--batch_size", "8", "--epochs", "2")


@dataclass(frozen=True)
class Scenario:
    """A command, and what must have happened in its folder before.

    Attributes:
      files: function that writes the files into the current folder.
      before: commands that are run once, undisturbed.
      command: the command that is disturbed.
      draws: False if a plot is one pixel, since drawing takes half of the time and computes nothing.
      once: folder that appears when it is complete, and into which the same command refuses to write.
    """

    files: Callable[[], None]
    before: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    draws: bool = False
    once: str = "no such folder"


def write_beats() -> None:
    """Write Kaggle's two files with a few rows, and a recording of a minute."""
    random = np.random.default_rng(0)
    Path("archive").mkdir()
    for name, size in (("mitbih_train.csv", 600), ("mitbih_test.csv", 140)):
        labels, time = np.arange(size) % 5, np.arange(187)
        waves = np.exp(-(((time - 30 - 12 * labels[:, None]) / (4 + labels[:, None])) ** 2))
        beats = np.clip(waves + 0.2 * random.uniform(size=(size, 187)), 0, 1)
        np.savetxt(Path("archive", name), np.column_stack([beats, labels]), delimiter=",")
    at = np.arange(60 * 250) / 250
    shapes = ((0.1, -0.16, 0.025), (1.0, 0.0, 0.012), (-0.2, 0.03, 0.012), (0.25, 0.25, 0.05))
    lead = sum(h * np.exp(-(((at - beat - s) / w) ** 2)) for beat in np.arange(0.5, 60, 0.8) for h, s, w in shapes)
    with open("holter.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["II"])
        writer.writerows([f"{value:.4f}"] for value in lead + 0.02 * random.normal(size=len(at)))


def write_hearts() -> None:
    """Write twenty recordings in the UCSD/LLNL dataset's format."""
    random, time = np.random.default_rng(0), np.arange(500.0)[:, None]
    Path("raw").mkdir()
    for number in range(20):
        since = time - random.uniform(5, 150, 75)
        voltage = np.where((since > 0) & (since < 250), 20.0, -85.5)
        tail = f"hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.{number}.volunteer.v{number % 5 + 1}"
        np.save(f"raw/pECGData_{tail}.npy", voltage @ random.normal(size=(75, 10)) / 500)
        np.save(f"raw/VmData_{tail}.npy", voltage)


HEART_DATA = ("prepare", "ucsd_intracardiac", "--manual-dir", "raw", "--data-dir", "data")
SWEEP = ("sweep", "arrhythmia", *KAGGLE, *TINY, "--seeds", "2", "--workdir", "sweep")
TRAINED = (PREPARE, TRAIN)

SCENARIOS = {
    "prepare": Scenario(write_beats, (), PREPARE),
    "prepare_again": Scenario(write_beats, (PREPARE,), (*PREPARE, "--again")),
    "train": Scenario(write_beats, (PREPARE,), TRAIN),
    "train_heartbeat": Scenario(write_beats, (PREPARE,), ("train", "heartbeat", *TRAIN[2:])),
    "train_streamed": Scenario(write_beats, (PREPARE,), (*TRAIN, "--memory", "0.0001")),
    "sweep": Scenario(write_beats, (PREPARE,), SWEEP),
    "sweep_workers": Scenario(write_beats, (PREPARE,), (*SWEEP, "--workers", "2")),
    "evaluate": Scenario(write_beats, TRAINED, ("evaluate", "run", "--split", "validation")),
    "evaluate_seeds": Scenario(write_beats, (PREPARE, SWEEP), ("evaluate", "sweep", "--out", "together")),
    "export": Scenario(write_beats, TRAINED, ("export", "run", "--data-dir", "data", "--out", "bundle"), once="bundle"),
    "report": Scenario(write_beats, TRAINED, ("report", "run", "--out", "report.html"), draws=True),
    "predict": Scenario(
        write_beats, (), ("predict", "arrhythmia", "holter.csv", "--rate", "250", "--out", "predictions"), draws=True
    ),
    "prepare_hearts": Scenario(write_hearts, (), HEART_DATA),
    "train_hearts": Scenario(write_hearts, (HEART_DATA,), ("train", "activation", *HEARTS, *SMALL, "--workdir", "run")),
    "train_voltages": Scenario(
        write_hearts, (HEART_DATA,), ("train", "transmembrane", *HEARTS, *SMALL, "--workdir", "run")
    ),
}
