"""The run folder: everything needed to repeat, resume, compare or use a run. Every file is written atomically."""

import contextlib
import csv
import glob
import io
import json
import math
import os
import platform
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cardiax.catalog import describe, find_dataset, remember
from cardiax.config import Config, differences, from_dict, to_dict
from cardiax.durability import publish
from cardiax.errors import InputError, naming
from cardiax.launch.run import run_sums
from cardiax.launch.run.folder_lock import holder, locked
from cardiax.launch.system.flags import import_modules

CALIBRATION = "calibration.json"
"""File of a run and of a bundle with the calibration of a network of classes."""

TREES_FILE = "trees.ubj"
"""File of a run with the booster in XGBoost's own format, up to the best round; written when training is done."""

LOCK = ".lock"
"""Lock file of the command that writes into the folder; the system releases it when the process ends."""


class Workdir:
    """The files of one run; `path` is created with the first of them."""

    def __init__(self, path: str | Path):
        self.path, self._has_begun = Path(path), False

    @property
    def checkpoints(self) -> Path:
        """Orbax's folder of the checkpoints `latest` and `best`."""
        return self.path / "checkpoints"

    @property
    def is_read_only(self) -> bool:
        """True if the folder exists but cannot be written: results are then only printed."""
        return self.path.is_dir() and not os.access(self.path, os.W_OK | os.X_OK)

    @property
    def holder(self) -> str:
        """The command that holds the folder, e.g. `process 7 on host since …`; empty if none does."""
        return holder(self.path / LOCK)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Create the folder if needed and lock it against other commands; remove it again if it stays empty.

        Raises:
          InputError: another command holds the lock, the name is not UTF-8, which TensorStore requires, or the run was
            removed meanwhile, whatever the error that this caused.
          KeyboardInterrupt: the command was interrupted; the message says what was kept.
        """
        name = str(self.path.absolute())
        if any(0xD800 <= ord(sign) <= 0xDFFF for sign in name):  # a byte that the locale cannot decode
            raise InputError(f"{name}: found a name that is not UTF-8, expected UTF-8; rename it, or set LANG=C.UTF-8")
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with locked(self.path / LOCK):
            for folder in (self.path, self.path / "figures"):
                remove_left_overs(folder)
            self._has_begun = (self.path / "config.json").exists()
            try:
                yield
            except Exception:
                self._check_is_there()
                raise
            except KeyboardInterrupt as error:
                raise KeyboardInterrupt(self._interruption()) from error
            finally:
                self._has_begun = False
                if self.path.is_dir() and os.listdir(self.path) == [LOCK]:
                    (self.path / LOCK).unlink()
                    with contextlib.suppress(OSError):  # another command has just created a folder in it
                        for folder in made:
                            folder.rmdir()

    def _interruption(self) -> str:
        """Return what was kept of a run when its command was interrupted."""
        checkpoints = [path for path in self.checkpoints.glob("*/*") if path.name.isdecimal()]
        if checkpoints or (self.path / TREES_FILE).exists():
            return f"{self.path} is kept; the same command goes on with it"
        return f"nothing was kept of {self.path}, which had no checkpoint yet; the same command begins it again"

    def check(self, config: Config) -> None:
        """Raise `InputError` if the folder holds a run of another config, lies in a run, or is not a run."""
        for folder in self.path.absolute().parents:
            if (folder / "config.json").is_file() and (folder / "checkpoints").is_dir():
                raise InputError(
                    f"{self.path}: found it inside the run {folder}, expected a folder outside all runs; choose "
                    "another --workdir"
                )
        # One look at the folder, in which another command may begin the run meanwhile.
        names = os.listdir(self.path) if self.path.is_dir() else []
        if "config.json" in names:
            different = differences(config, self.config())
            if different:
                raise InputError(
                    f"{self.path}: found a run of another configuration ({'; '.join(different)}), expected the same; "
                    "choose another --workdir"
                )
        elif self.path.exists() and not (self.path.is_dir() and all(map(_is_left_over, names))):
            raise InputError(
                f"{self.path}: found files that are not of a run, expected a new or empty folder; choose another "
                "--workdir"
            )

    def config(self) -> Config:
        """Return the configuration of the run."""
        return read_config(self.path / "config.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the folder; see `read_json`."""
        if not (self.path / name).exists() and (self.path / "config.json").exists():
            raise InputError(
                f"{self.path / name}: found no such file, expected a run that has ended; the command that began the "
                "run goes on with it (a bundle has no such file)"
            )
        return read_json(self.path / name)

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file of the folder."""
        self.write(name, as_json(value))

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the folder, and its sum; raise `InputError` if the run was removed since `hold`."""
        self._check_is_there()
        sums = run_sums.with_sum(self.path, name, content)
        if sums is not None:
            write_atomically(self.path / run_sums.SUMS, sums)
        write_atomically(self.path / name, content)
        self._has_begun |= name == "config.json"

    def _check_is_there(self) -> None:
        """Raise `InputError` if a run that has begun has no config.json: writing would make a folder without one."""
        if self._has_begun and not (self.path / "config.json").exists():
            raise InputError(
                f"{self.path}: found no config.json any more, expected the run that this command writes: it was moved "
                "or removed meanwhile; put it back, or remove what is left, and run the same command again"
            )

    def owner(self) -> str:
        """Return the SHA-256 of the config.json that cardiax wrote, which the checkpoints of the run carry; empty if
        its sum was removed, so that an edited one can be used."""
        return run_sums.stored(self.path, "config.json")

    def write_seconds(self, seconds: float, finished: bool = False) -> None:
        """Write the training time, evaluations included, to timing.json, the only file that contains a time.

        `finished` says that the run was tested, too, and all its plots were drawn.
        """
        self._check_is_there()
        write_json(self.path / "timing.json", {"seconds": round(seconds, 1), "finished": finished})

    def seconds(self) -> float:
        """Return the training time in seconds, summed over resumptions; 0 before the first evaluation."""
        return self._timing().get("seconds", 0.0)

    def finished(self) -> bool:
        """Return False if the run was killed while it was trained or tested; earlier versions do not tell that."""
        return (self.path / "test.json").exists() and self._timing().get("finished", True)

    def _timing(self) -> dict[str, Any]:
        return self.read_json("timing.json") if (self.path / "timing.json").exists() else {}

    def write_csv(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a CSV file of the folder, with a column for each key of the rows."""
        self.write(name, as_csv(rows))

    def write_metrics(self, history: list[dict[str, float]]) -> None:
        """Write the row of each evaluation to metrics.csv and, as a JSON object a line, to metrics.jsonl."""
        self.write_csv("metrics.csv", history)
        lines = (json.dumps(_finite(row), allow_nan=False) + "\n" for row in history)
        self.write("metrics.jsonl", "".join(lines).encode())


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object as `as_json`."""
    write_atomically(path, as_json(value))


def as_json(value: dict[str, Any]) -> bytes:
    """Return an object as indented JSON; a non-finite number, which JSON does not have, becomes null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False).encode() + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV file as `as_csv`."""
    write_atomically(path, as_csv(rows))


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as CSV with a column for each of their keys."""
    text, names = io.StringIO(), dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, list(names) or ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


OWN_DATASET = "own_dataset"
"""The entry of a config.json that describes a dataset of your own, so that a run can be used without its data."""


def config_fields(config: Config) -> dict[str, Any]:
    """Return the content of a config.json: the fields, and `own_dataset` if the dataset is your own."""
    dataset = find_dataset(config.dataset)
    return to_dict(config) | ({OWN_DATASET: describe(dataset)} if dataset.own else {})


def read_config(path: Path) -> Config:
    """Return the configuration in a config.json, of a run or a bundle; the error of a wrong field names the file.

    A dataset of your own is added to the catalog.
    """
    try:
        fields = read_json(path)
        fields.pop("bundle", None)
        if (own := fields.pop(OWN_DATASET, None)) is not None:
            remember(own)
        import_modules(str(fields.get("imports", "")))
        return from_dict(fields)
    except InputError as error:
        if str(error).startswith(str(path)):
            raise
        later = "; a later version of cardiax wrote it, or it was edited: update cardiax, or remove the field"
        raise InputError(f"{path}: {error}{later if 'unknown field' in str(error) else ''}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of `write_csv`; raise `InputError` if it is missing, damaged or of another run."""
    try:
        return list(csv.DictReader(io.StringIO(run_sums.read(path).decode(), newline="")))
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: found no table ({error}), expected what cardiax wrote") from error
    except FileNotFoundError as error:
        command = shlex.join(["cardiax", "evaluate", str(path.parent)])
        raise InputError(f"{path}: found no such file, expected one; `{command}` writes it") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise `InputError` if it is missing, broken or of another run."""
    try:
        found = json.loads(run_sums.read(path).decode())
    except FileNotFoundError as error:
        raise InputError(f"{path}: found no such file, expected a run's folder; `cardiax train` makes one") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: found invalid JSON ({error}), expected what `cardiax train` wrote") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: found a {type(found).__name__}, expected the fields that `cardiax train` wrote")
    return found


def _is_left_over(name: str) -> bool:
    """True if the file may be left over from a command that was killed before it began."""
    return name in (LOCK, run_sums.SUMS) or (name.startswith(".") and name.endswith(".tmp"))


def temporary_of(path: Path) -> Path:
    """Return the name under which this process writes a file or folder before it is complete."""
    return path.with_name(f".{path.name}.cardiax.{platform.node()}.{os.getpid()}.tmp")


def remove_left_overs(folder: Path, name: str = "") -> None:
    """Remove what `temporary_of` named in a folder, for one name or any, if its process, of this machine, has ended."""
    for path in folder.glob(f".{glob.escape(name) or '*'}.cardiax.{glob.escape(platform.node())}.*.tmp"):
        process = path.name.split(".")[-2]
        if not process.isdecimal() or _runs(int(process)):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to another user, or no process can have that number
        pass
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader finds the old content or the new.

    Leftovers of killed processes are removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left_overs(path.parent, path.name)
    temporary = temporary_of(path)
    try:
        with naming(path):
            temporary.write_bytes(content)
            publish(temporary, path)
    except OSError as error:
        if error.filename != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):  # the next command removes what is left
            temporary.unlink()
