"""The functions of `import cardiax`.

`train` and `evaluate` take the flags of their commands as keyword arguments, `prepare` takes some, and `load` and
`predict` return a prediction instead of writing files. A mistake raises `InputError`, where a command ends with status
2.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.catalog import DATASETS, find_dataset
from cardiax.launch.cli import parse_command
from cardiax.launch.networks.trained import list_pretrained as list_pretrained
from cardiax.launch.predictors import open_predictor
from cardiax.launch.predictors.beat_rows import BeatRows, BeatRowsPredictor
from cardiax.launch.predictors.heart import HeartPredictor, Prediction
from cardiax.launch.predictors.rhythm import RhythmPredictor
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction
from cardiax.launch.run.run_folder import read_csv, read_json
from cardiax.launch.system.compile_cache import keep_compiled_programs
from cardiax.launch.system.flags import import_modules
from cardiax.launch.system.quiet import quiet, quiet_orbax
from cardiax.launch.system.shell_settings import own_settings, quiet_matplotlib
from cardiax.launch.train import chosen_workdir, read_options


@dataclass(frozen=True)
class TrainedRun:
    """A run that is trained and tested.

    Attributes:
      folder: folder of the run; `load` and `evaluate` take it.
      metrics: metrics of the test split, the content of test.json.
      history: row of metrics.csv for each evaluation.
    """

    folder: Path
    metrics: dict[str, Any]
    history: list[dict[str, float]]


def list_tasks() -> list[str]:
    """Return the names of the tasks, registered ones included."""
    from cardiax.tasks import TASKS

    return list(TASKS)


def list_datasets() -> list[str]:
    """Return the names of the datasets, prepared or not."""
    return list(DATASETS)


def list_models() -> list[str]:
    """Return the names of the models."""
    from cardiax.models import READS

    return list(READS)


def prepare(
    dataset: str,
    *,
    data_dir: str | Path | None = None,
    manual_dir: str | Path | None = None,
    again: bool = False,
    quiet: bool = False,
    **files: Any,
) -> Path:
    """Prepare a dataset for training unless it is there already, and return its folder.

    Args:
      dataset: name of the dataset, or path of your own beats.
      data_dir: folder of the prepared datasets; by default that of TFDS.
      manual_dir: folder or archive of the files, if you have them.
      again: True to write an existing dataset again.
      quiet: True to print only warnings.
      **files: the flags that tell how to read your own beats, for example `groups="patient"`.
    """
    options = _run("prepare", dataset, data_dir=data_dir, manual_dir=manual_dir, again=again, quiet=quiet, **files)
    from cardiax import datasets

    return datasets.prepared_path(find_dataset(options.dataset).name, options.data_dir or datasets.default_data_dir())


def train(task: str, **fields: Any) -> TrainedRun:
    """Train a model and test it; the same call resumes a run that was interrupted.

    Args:
      task: name of the task.
      **fields: the flags of `cardiax train`: `workdir`, `data_dir`, `minutes`, and the fields of the experiment, for
        example `seed=1`, `model_args={"blocks": 1}` and `optimizer={"learning_rate": 1e-3}`.

    Raises:
      KeyboardInterrupt: the run was interrupted; the same call goes on from its checkpoint.
    """
    options = _run("train", task, **fields)
    folder = chosen_workdir(options, read_options(options)).path
    rows = read_csv(folder / "metrics.csv")
    history = [{name: float(value) for name, value in row.items() if value} for row in rows]
    return TrainedRun(folder, read_json(folder / "test.json"), history)


def evaluate(run: str | Path, split: str = "test", **flags: Any) -> dict[str, Any]:
    """Evaluate a run on a split and return the metrics, the content of SPLIT.json.

    Args:
      run: folder of the run.
      split: train, validation or test.
      **flags: further flags of `cardiax evaluate`, for example `data_dir`.
    """
    _run("evaluate", run, split=split, **flags)
    return read_json(Path(run) / f"{split}.json")


def load(run: str | Path) -> HeartPredictor | RhythmPredictor | BeatRowsPredictor:
    """Load a trained network, for recordings of your own, or tables of beats if it was trained on such.

    Args:
      run: folder of a run or of a bundle, or a name in `list_pretrained`.
    """
    own_settings()
    quiet_orbax()
    keep_compiled_programs()
    return open_predictor(run)


def predict(run: str | Path, ecg: np.ndarray | str | Path, **options: Any) -> Prediction | RhythmPrediction | BeatRows:
    """Predict the heart or the beats from a recording: `load(run).predict(ecg, **options)`."""
    return load(run).predict(ecg, **options)


def _run(command: str, *positional: object, **flags: Any) -> Any:
    """Run a command of the command line and return its options; raise `KeyboardInterrupt` if it was interrupted."""
    arguments = [str(value) for value in positional]
    for name, value in flags.items():
        flag = "--import" if name == "imports" else f"--{name.replace('_', '-')}"
        if isinstance(value, Mapping) and name in ("optimizer", "augmentation"):
            arguments += [f"{flag}.{field}={_text(own)}" for field, own in value.items()]
        elif value is True:
            arguments.append(flag)
        elif value is not None and value is not False:
            arguments.append(f"{flag}={_text(value)}")
    own_settings()
    quiet_orbax()
    keep_compiled_programs()
    options = parse_command(command, arguments)
    import_modules(getattr(options, "imports", ""))
    with quiet_matplotlib(), quiet(options.quiet):
        interrupted = importlib.import_module(f"cardiax.launch.{command}").run(options)
    if interrupted:
        raise KeyboardInterrupt
    return options


def _text(value: Any) -> str:
    """Write a value as the command line has it."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={own!r}" for name, own in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
