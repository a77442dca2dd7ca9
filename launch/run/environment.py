"""The environment of a run: its processes, versions, devices and data, as recorded in environment.json."""

import contextlib
import importlib.metadata
import json
import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import broadcast_one_to_all

import cardiax
from cardiax.config import Config
from cardiax.errors import InputError, described
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir, config_fields
from cardiax.launch.system.shell_settings import settings

PAGE = 1024
"""Bytes to a multiple of which messages between processes are padded, so that few programs are compiled for them."""

PACKAGES = ("cardiax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "numpy")
"""The packages on whose versions bit-identical results depend."""


def start_processes(how: str | None) -> None:
    """Join the other hosts of a run, before any device is used.

    `how` is None for a single process; `auto` to detect the cluster (TPU pod, SLURM, Open MPI, Kubernetes); or
    `HOST:PORT,PROCESSES,INDEX`, where process 0 listens at HOST:PORT. Raises `InputError` if `how` is none of these.
    """
    if how == "auto":
        try:
            jax.distributed.initialize()
        except ValueError as error:
            raise InputError(
                f"--distributed: found no cluster for auto ({error}), expected one; give HOST:PORT,PROCESSES,INDEX"
            ) from error
    elif how is not None:
        found = re.fullmatch(r"(.+:(\d{1,5})),(\d{1,6}),(\d{1,6})", how)
        if not found or not 0 < int(found[2]) < 2**16 or int(found[4]) >= int(found[3]):
            raise InputError(
                f"--distributed: found {how!r}, expected auto or HOST:PORT,PROCESSES,INDEX, with a port up to 65535 "
                "and an index from 0 to PROCESSES - 1"
            )
        jax.distributed.initialize(found[1], int(found[3]), int(found[4]))


def by_first_process(decide: Callable[[], Any]) -> Any:
    """Call `decide` in process 0 only and return its result, which JSON can hold, in every process.

    Anything that depends on a clock or a folder must be decided once. Raises `InputError` if `decide` raised an
    `InputError` or an `OSError`; every process raises it.
    """
    if jax.process_count() == 1:
        return decide()
    answer: dict[str, Any] = {}
    if jax.process_index() == 0:
        try:
            answer = {"value": decide()}
        except InputError as error:
            answer = {"error": str(error)}
        except OSError as error:
            answer = {"error": described(error)}
    text = json.dumps(answer).encode()
    size = int(broadcast_one_to_all(np.int32(len(text))))
    room = np.zeros(-(-size // PAGE) * PAGE, np.uint8)
    if jax.process_index() == 0:
        room[:size] = np.frombuffer(text, np.uint8)
    answer = json.loads(np.asarray(broadcast_one_to_all(room)).tobytes()[:size])
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["value"]


@contextlib.contextmanager
def hold(workdir: Workdir) -> Iterator[None]:
    """Hold the run folder for all processes of a run, by `Workdir.hold` in process 0."""
    with contextlib.ExitStack() as stack:
        by_first_process(lambda: stack.enter_context(workdir.hold()))
        yield


def versions() -> dict[str, str]:
    """Return the versions of Python and of `PACKAGES`."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def record_environment(workdir: Workdir, config: Config, fingerprints: dict[str, str], data_dir: Path) -> None:
    """Write config.json and environment.json of a new run, or compare a resumed run with them.

    Raises `InputError` if the run began on other data or on another split.
    """
    environment: dict[str, Any] = {
        "versions": versions(),
        "devices": [f"{jax.device_count()} × {jax.devices()[0].device_kind}", f"{jax.process_count()} processes"],
        "platform": platform.platform(),
        "settings": settings(),
        "git_revision": git_revision(),
        "data_dir": str(data_dir.absolute()),
        "fingerprints": fingerprints,
    }

    def begin() -> dict[str, Any] | None:
        workdir.check(config)  # again, now that no other process writes here
        if (workdir.path / "environment.json").exists():
            return workdir.read_json("environment.json")
        workdir.write_json("config.json", config_fields(config))
        workdir.write_json("environment.json", environment)
        return None

    began = by_first_process(begin)
    if began is None:
        return
    check_fingerprints(workdir, began, fingerprints)
    for name in ("versions", "devices"):
        if began.get(name) != environment[name]:
            say(
                f"note: the run began with {name} {began.get(name)}, now {environment[name]}: results may not be "
                "bit-identical"
            )
    note_settings(workdir, began)


def note_settings(workdir: Workdir, began: dict[str, Any]) -> None:
    """Print which settings of JAX and XLA differ from those in the run's environment.json, if it has any."""
    then, now = began.get("settings", settings()), settings()
    different = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    for name in different:
        say(
            f"note: {workdir.path} was trained with {name} {then.get(name, 'not set')}, now "
            f"{now.get(name, 'not set')}: results may not be bit-identical"
        )


def check_fingerprints(workdir: Workdir, began: dict[str, Any], fingerprints: dict[str, str]) -> None:
    """Raise `InputError` unless the SHA-256 of the `dataset` and `split` are those in the run's environment.json."""
    for name, found in fingerprints.items():
        expected = began.get("fingerprints", {}).get(name)
        if found != expected:
            raise InputError(
                f"{workdir.path / 'environment.json'}: found a {name} with SHA-256 {found[:12]}…, expected "
                f"{str(expected)[:12]}… as when the run began; give the --data-dir of that dataset, or start a new "
                "run in another --workdir"
            )


def git_revision() -> str | None:
    """Return the commit of the checkout that cardiax is imported from; None if it is installed from a wheel."""
    folder = Path(cardiax.__file__).parent
    if not (folder.parent / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
