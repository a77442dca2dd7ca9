"""Run folders of released versions, kept as they were written, open in this one.

`run_0.1.0.zip` is a run of `cardiax train arrhythmia --dataset kaggle_heartbeat/mitbih --model_args
'widths=(4,),blocks=1' --batch_size 128 --epochs 40 --optimizer.learning_rate 0.01 --augmentation.mixup 0` on the beats
of the fixture `kaggle_folder`, without plots and TensorBoard's events (JAX 0.10.2, Flax 0.12.8, Orbax 0.12.8).
"""

import zipfile
from pathlib import Path

import numpy as np
import pytest

import cardiax as library

RUNS = sorted(Path(__file__).parent.glob("run_*.zip"))

EXPECTED = {
    "run_0.1.0": [
        [0.5677752, 0.10967156, 0.20783962, 0.08433177, 0.03038182],
        [0.43889886, 0.14502923, 0.23873278, 0.10306907, 0.07427003],
        [0.29600158, 0.17052567, 0.23797657, 0.12125225, 0.17424388],
        [0.17741343, 0.19166602, 0.17258473, 0.12632552, 0.33201033],
    ]
}
"""Version → what the network answered then for `BEATS`: the probability of each class."""

TIME = np.arange(187)
BEATS = np.stack([np.exp(-(((TIME - 30 - 12 * k) / (4 + k)) ** 2)) for k in range(4)])


@pytest.fixture(params=RUNS, ids=[path.stem for path in RUNS])
def old_run(request, tmp_path):
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(tmp_path / request.param.stem)
    return tmp_path / request.param.stem


def test_every_kept_run_is_expected():
    assert [path.stem for path in RUNS] == list(EXPECTED)


def test_an_old_run_gives_the_answers_of_its_time(old_run):
    found = library.load(old_run).predict(BEATS)
    np.testing.assert_allclose(found.probabilities, EXPECTED[old_run.name], atol=1e-5)


def test_commands_take_an_old_run(old_run, cardiax, tmp_path):
    for command in (
        ("report", old_run, "--out", tmp_path / "page.html"),
        ("export", old_run, "--no-stablehlo", "--out", tmp_path / "bundle"),
    ):
        status, _, error = cardiax(*command)
        assert status == 0, error
    exported = library.load(tmp_path / "bundle").predict(BEATS)
    np.testing.assert_allclose(exported.probabilities, EXPECTED[old_run.name], atol=1e-5)
