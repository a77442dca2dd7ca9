"""The command line itself: help without delay, one line for a mistake, and nothing unpickled."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.run.run_folder import read_csv

HEAVY = ("jax", "flax", "orbax", "tensorflow_datasets", "matplotlib", "numpy", "tensorflow")


def test_help_lists_the_commands_and_imports_nothing_heavy():
    program = (
        "import sys\nfrom cardiax.launch.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stopped:\n    assert stopped.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    for command in ("train", "evaluate", "prepare", "info"):
        assert f"\n    {command} " in out


def test_no_command_imports_jax_before_it_runs():
    """JAX reads where it keeps compiled programs when it is imported, which `run_command` settles before `run`."""
    program = (
        "import importlib, sys\nfrom cardiax.launch.cli import COMMANDS\n"
        "for name in COMMANDS:\n    importlib.import_module(f'cardiax.launch.{name}')\n"
        "print([name for name in ('jax', 'tensorflow_datasets') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"


def test_unknown_names_get_the_near_match_and_the_list(cardiax):
    assert cardiax.mistake("trian") == (
        "unknown command 'trian': did you mean 'train'? "
        "known: bench, evaluate, export, info, leakage, likeness, predict, prepare, report, sweep, train"
    )
    message = cardiax.mistake("train", "arrhythmia", "--optimizer.lerning-rate", "1")
    assert message.startswith(
        "unknown flag 'optimizer.lerning_rate': did you mean 'optimizer.learning_rate'? known: annotations, "
    )
    assert cardiax.mistake("train", "arrhythmia", "heartbeat").startswith("found 'heartbeat' after the last argument")
    assert cardiax.mistake("train").startswith("train: found no TASK")
    assert "expected one argument" in cardiax.mistake("train", "arrhythmia", "--seed")
    assert "did you mean 'kaggle_heartbeat/mitbih'" in cardiax.mistake(
        "train", "heartbeat", "--dataset", "kaggle_heartbeat/mitbi"
    )


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("predict", "arrhythmia", "ecg.npy", "--leads", ""), "--leads"),
        (("predict", "arrhythmia", "ecg.npy", "--out="), "--out"),
        (("predict", "arrhythmia", "ecg.npy", "--compare", " "), "--compare"),
        (("predict", "arrhythmia", "ecg.npy", ""), "FILE"),
        (("predict", "", "ecg.npy"), "NETWORK"),
        (("report", "", "--out", "page.html"), "RUN|SWEEP|PREDICTION"),
        (("export", "run", "--out", ""), "--out"),
        (("evaluate", ""), "WORKDIR"),
        (("sweep", "arrhythmia", "--workdir", "", "--table"), "--workdir"),
        (("train", "arrhythmia", "--workdir", ""), "--workdir"),
        (("prepare", "physionet_mitbih", "--manual-dir", ""), "--manual-dir"),
    ],
)
def test_an_empty_value_is_refused(cardiax, command, named):
    """The variable of a shell may be unset: without a value the command would read or write another folder."""
    message = cardiax.mistake(*command)
    assert f"{named}: found an empty text, expected a value; give one" in message


def test_an_empty_data_dir_is_the_default_one(cardiax):
    assert cardiax("info", "--data-dir", "", "--quiet") == (0, "", "")


def test_a_flag_of_earlier_versions_is_answered_with_its_name(cardiax):
    told = cardiax.mistake("train", "activation", "--split", "pattern")
    assert told == "found --split, which was renamed to --protocol"
    assert "renamed to --protocol" in cardiax.mistake("train", "activation", "--split=pattern")


def test_version(cardiax):
    status, out, _ = cardiax("--version")
    assert status == 0
    assert out.strip().count(".") == 2


def test_an_error_of_the_system_is_one_line_with_the_file(cardiax, tmp_path, small_run):
    (tmp_path / "file").write_text("")
    message = cardiax.mistake(*small_run, "--workdir", tmp_path / "file" / "run")
    assert str(tmp_path / "file") in message
    assert "Not a directory (found a file, expected a folder; choose another path)" in message


def test_info_tells_what_is_there_and_what_is_missing(cardiax, data_dir):
    status, out, _ = cardiax("info", "--data-dir", data_dir)
    assert "arrhythmia: cnn (1-D CNN)" in out
    assert status == 0
    lines = [line.strip() for line in out.splitlines()]
    assert any(line.startswith("kaggle_heartbeat/mitbih") and line.endswith(": prepared") for line in lines)
    assert any(
        line.startswith("kaggle_heartbeat/ptbdb")
        and line.endswith(
            f"missing; `cardiax prepare kaggle_heartbeat/ptbdb --data-dir {data_dir}` fetches it or says how"
        )
        for line in lines
    )
    assert "resnet1d" in lines
    assert any(line.startswith("arrhythmia: AAMI class") for line in lines)


def test_info_lists_a_damaged_dataset_of_your_own_and_goes_on(cardiax, tmp_path):
    folder = tmp_path / "own_beats" / "x-0" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text('{"dataset": {"name": "own_beats/x-0"}}')
    status, out, _ = cardiax("info", "--data-dir", tmp_path)
    assert status == 0
    assert "own_beats/x-0: damaged (own_dataset: found KeyError('shape'), expected the fields" in out
    assert "kaggle_heartbeat/ptbdb" in out


def test_a_quiet_command_prints_only_warnings_and_errors(cardiax, data_dir):
    assert cardiax("info", "--data-dir", data_dir, "--quiet") == (0, "", "")
    assert "missing: found no such file" in cardiax.mistake("train", "--config", "missing", "--quiet")


def test_printed_commands_can_be_pasted(cardiax, tmp_path):
    folder = tmp_path / "my data"
    command = f"`cardiax prepare kaggle_heartbeat/ptbdb --data-dir '{folder}'`"
    assert f"missing; {command} fetches it" in cardiax("info", "--data-dir", folder)[1]
    train = ("train", "heartbeat", "--dataset", "kaggle_heartbeat/ptbdb", "--workdir", tmp_path / "run")
    assert f"run {command}" in cardiax.mistake(*train, "--data-dir", folder)
    with pytest.raises(InputError, match=f"`cardiax evaluate '{folder}'` writes it"):
        read_csv(folder / "test_cases.csv")
    assert "`cardiax prepare kaggle_heartbeat/ptbdb` fetches it" in cardiax("info")[1]


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "cardiax.launch.cli", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cardiax: error: unknown command 'nonsense'")


WITHOUT_PICKLE = """
import _pickle, pickle, sys

def refuse(*_, **__):
    raise AssertionError("something was unpickled")

sys.addaudithook(lambda event, _: refuse() if event == "pickle.find_class" else None)
for module in (pickle, _pickle):
    module.load = module.loads = module.Unpickler = refuse

from cardiax.launch.cli import main

for command in sys.argv[1].split(";"):
    try:
        main(command.split())
    except SystemExit as stopped:
        assert not stopped.code, command
print("done")
"""


@pytest.mark.slow
def test_no_command_unpickles(data_dir, heartbeats, tmp_path):
    lead = heartbeats(np.arange(0.5, 60, 0.8), 250.0, 60)
    (tmp_path / "holter.csv").write_text("\n".join(["II", *(f"{value:.4f}" for value in lead)]))
    kaggle = f"--dataset kaggle_heartbeat/mitbih --data-dir {data_dir}"
    commands = [
        f"train heartbeat {kaggle} --model_args widths=(4,),blocks=1 --steps 3 --augmentation.mixup 0 --workdir run",
        "evaluate run --split validation",
        "report run --out page.html",
        "export run --out bundle",
        "predict arrhythmia holter.csv --rate 250",
        "info",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PICKLE, ";".join(commands)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("done\n"), done.stderr


class Dying:
    """An object that a signal reaches while it is deleted, where Python prints exceptions and goes on."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_says_so_in_one_line(number, is_lost, cardiax, monkeypatch):
    def run(options):
        Dying(number) if is_lost else signal.raise_signal(number)
        time.sleep(10)

    numbers = (number, signal.SIGALRM)
    before = [*map(signal.getsignal, numbers)]
    monkeypatch.setattr("cardiax.launch.info.run", run)
    status, _, error = cardiax("info")
    assert (status, error) == (1, "cardiax: interrupted: run the same command again\n")
    assert [*map(signal.getsignal, numbers)] == before
