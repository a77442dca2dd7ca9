"""A run's folder: all that is needed to repeat, resume, compare or use it. Each file is written whole or not at all."""

import contextlib
import csv
import errno
import fcntl
import io
import json
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.config import Config, differences, from_dict
from cardiax.errors import InputError
from cardiax.launch.system.extensions import import_modules

LOCK = ".lock"
"""Held by the command that writes into the folder; the system lets go of it when the process ends, however it does."""


class Workdir:
    """The files of one run; `path` is made when the first of them is written."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        """Orbax's folder: latest and best."""
        return self.path / "checkpoints"

    @property
    def is_read_only(self) -> bool:
        """Whether it is there and cannot be written: it is read, and what is measured is printed alone."""
        return self.path.is_dir() and not os.access(self.path, os.W_OK | os.X_OK)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Make the folder if need be, and keep other commands from writing into it; it goes again if it stays empty.

        Raises:
          InputError: another command holds it, or its name is one that TensorStore cannot take.
        """
        name = str(self.path.absolute())
        if any(0xD800 <= ord(sign) <= 0xDFFF for sign in name):  # a byte of the name that the locale does not explain
            raise InputError(f"{name}: found a name that is not UTF-8, expected one; rename it, or set LANG=C.UTF-8")
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with _locked(self.path / LOCK):
            try:
                yield
            finally:
                if os.listdir(self.path) == [LOCK]:
                    (self.path / LOCK).unlink()
                    with contextlib.suppress(OSError):  # another command has just begun one beside it
                        for folder in made:
                            folder.rmdir()

    def check(self, config: Config) -> None:
        """Raise `InputError` where the folder holds a run of another config, or something that is no run."""
        for folder in self.path.absolute().parents:
            if (folder / "config.json").is_file() and (folder / "checkpoints").is_dir():
                raise InputError(
                    f"{self.path}: found the run {folder} around it, expected a folder that is not in a run; choose "
                    "another --workdir"
                )
        if (self.path / "config.json").exists():
            different = differences(config, self.config())
            if different:
                raise InputError(
                    f"{self.path}: found a run of another configuration ({'; '.join(different)}), expected the same; "
                    "choose another --workdir"
                )
        elif self.path.exists() and not (self.path.is_dir() and all(map(_is_left_over, self.path.iterdir()))):
            raise InputError(
                f"{self.path}: found something that is no run, expected a new or empty folder; choose another --workdir"
            )

    def config(self) -> Config:
        """The run's configuration."""
        return read_config(self.path / "config.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; one that is missing or broken is an `InputError` that says what to do."""
        return read_json(self.path / name)

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file of the folder."""
        write_json(self.path / name, value)

    def write_metrics(self, history: Iterable[dict[str, float]]) -> None:
        """Write metrics.csv from the history of evaluations; equal histories give equal bytes."""
        self.write_csv("metrics.csv", list(history))

    def write_seconds(self, seconds: float) -> None:
        """Write how long the run has trained, evaluations included, in timing.json: the one file with a time in it."""
        self.write_json("timing.json", {"seconds": round(seconds, 1)})

    def seconds(self) -> float:
        """How long the run has trained, over all the times that it was resumed; 0 before its first evaluation."""
        return self.read_json("timing.json").get("seconds", 0.0) if (self.path / "timing.json").exists() else 0.0

    def write_csv(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a table of the folder, a column for each key of its rows."""
        write_csv(self.path / name, rows)

    def save_plot(self, name: str, draw: Callable[[], Any]) -> list[Path]:
        """Draw and save a plot below figures/, as `save_plot`."""
        return save_plot(self.path / "figures" / name, draw)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, which tells whose it is."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                owner = file.read().decode(errors="replace").strip() or "another process"
                raise InputError(
                    f"{path.parent}: found it in use by {owner}, expected it free; wait for that command or choose "
                    "another folder"
                ) from error
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    raise
                why = f"{path.parent} lies where files cannot be locked: let no other command write into it"
                print(f"note: {why}", file=sys.stderr)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue  # the one before us has just removed it
            try:
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%F %T')}\n".encode())
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from error  # writing does not say to what
            yield
            return


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object as indented JSON; a number that is not finite, which JSON does not know, is null."""
    write_atomically(path, json.dumps(_finite(value), indent=2, allow_nan=False).encode() + b"\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a table, a column for each key of its rows."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)) or ["step"], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def save_plot(path: Path, draw: Callable[[], Any]) -> list[Path]:
    """Save what `draw` returns, a Matplotlib figure as `path`.png or frames uint8 (n, height, width, 3) as `path`.gif.

    Returns:
      Its path, or none: a plot that cannot be drawn or written is a warning (see `without_losing_results`).
    """
    with without_losing_results(path):
        plot, image = draw(), io.BytesIO()
        if isinstance(plot, np.ndarray):
            write_gif(image, plot)
        else:
            plot.savefig(image, format="png", dpi=300)
        whole = path.with_name(f"{path.name}.{'gif' if isinstance(plot, np.ndarray) else 'png'}")
        write_atomically(whole, image.getvalue())
        return [whole]
    return []


@contextlib.contextmanager
def without_losing_results(plot: Path | str) -> Iterator[None]:
    """Turn any failure to draw `plot` into one line on stderr: the results that it shows are on disk, and count."""
    try:
        yield
    except Exception as error:  # whatever Matplotlib, Pillow and the file system raise: there is no narrower class
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        print(f"cardiax: warning: {plot}: not drawn ({why}); the results are not affected", file=sys.stderr)


def write_gif(file: io.BytesIO, frames: np.ndarray, rate: float = 12.5) -> None:
    """Write frames uint8 (n, height, width, 3) as a GIF that repeats for ever, `rate` frames a second."""
    from PIL import Image  # a second to import, for one plot

    first, *rest = [Image.fromarray(frame).quantize(128) for frame in frames]
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=1000 / rate, loop=0)


def read_config(path: Path) -> Config:
    """The configuration in a config.json; the error of a wrong field names the file."""
    try:
        fields = read_json(path)
        import_modules(str(fields.get("imports", "")))
        return from_dict(fields)
    except InputError as error:
        raise error if str(error).startswith(str(path)) else InputError(f"{path}: {error}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write_csv` wrote; one that is missing is an `InputError`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError as error:
        command = shlex.join(["cardiax", "evaluate", str(path.parent)])
        raise InputError(f"{path}: found no such file, expected it; `{command}` writes it") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; one that is missing or broken is an `InputError` that says what to do."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: found no such file, expected a run's folder; `cardiax train` makes one") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: found no JSON ({error}), expected what `cardiax train` wrote") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: found a {type(found).__name__}, expected the fields that `cardiax train` wrote")
    return found


def _is_left_over(path: Path) -> bool:
    """Whether a file is what a command leaves that is killed before it began."""
    return path.name == LOCK or (path.name.startswith(".") and path.name.endswith(".tmp"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never a part, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # Writing, unlike opening, does not say to what.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
