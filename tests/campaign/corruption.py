"""Corruption of what cardiax wrote: a byte flipped, a file cut, a file of another run. It must be reported in one line,
or the result must be the same.

The files are those of two runs, of their bundles and of a prepared dataset. Each has a function that reads it as a
command does, and returns what depends on it.
"""

import argparse
import contextlib
import functools
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.campaign.scenarios import PREPARE, TRAIN, write_beats

SECONDS = 60
"""s, after which reading hangs."""

SMALL = 16384
"""Largest size, bytes, of a file of which each byte is flipped; of larger ones some are."""

SAMPLE = 400
"""Number of bytes that are flipped of a larger file."""

NETWORK = ("--model", "reference_cnn", "--model_args", "channels=(2,),widths=(2,)", "--optimizer.name", "sgd")
NETWORK += ("--ema", "0")
"""Flags of a network of few arrays, so that each byte of its checkpoints can be flipped."""

DATASET = "data/kaggle_heartbeat/mitbih/1.0.0"


def digest(tree: Any) -> str:
    """Return the SHA-256 of the arrays of a tree, with their types and shapes."""
    import jax
    import numpy as np

    found = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        found.update(f"{array.dtype}{array.shape}".encode() + (array.tobytes() if array.dtype != object else b""))
        found.update(repr(array.tolist()).encode() if array.dtype.kind in "OU" else b"")
    return found.hexdigest()


def of_json(name: str) -> Callable[[], Any]:
    """Return a function that reads a JSON file of the run."""
    from cardiax.launch.run.run_folder import Workdir

    return lambda: Workdir("run").read_json(name)


def of_table(name: str) -> Callable[[], Any]:
    """Return a function that reads a CSV file of the run."""
    from cardiax.launch.run.run_folder import read_csv

    return lambda: read_csv(Path("run", name))


def of_config() -> Any:
    """Return the fields of the run's config."""
    from cardiax.config import to_dict
    from cardiax.launch.run.run_folder import Workdir

    return to_dict(Workdir("run").config())


def of_trust() -> Any:
    """Return the calibration of the run."""
    from cardiax.launch.networks.trained import find_network

    return find_network("run").trust


def of_run() -> Any:
    """Return the content of the files of the run whose sums are kept."""
    return of_config(), of_trust(), *(reader_of(f"run/{name}")() for name in (*OBJECTS, *TABLES))


def of_best() -> Any:
    """Return the variables that `evaluate`, `predict` and `export` use."""
    from cardiax.launch.networks.trained import find_network

    return digest(find_network("run").variables())


@functools.cache
def like() -> Any:
    """Return a state with the arrays of the run's."""
    from cardiax.catalog import find_dataset
    from cardiax.launch.run.run_folder import Workdir
    from cardiax.models import build_model
    from cardiax.tasks import find_task
    from cardiax.training.optimizer import make_optimizer
    from cardiax.training.state import create_state

    config = Workdir("run").config()
    task = find_task(config.task)
    model = build_model(config.model, task.outputs, None, config.model_args)
    shapes = task.shapes(find_dataset(config.dataset))
    return create_state(model, make_optimizer(config.optimizer, 1), config.seed, shapes, config.ema > 0)


def of_latest() -> Any:
    """Return the state and the history from which training resumes."""
    from cardiax.launch.run.run_folder import Workdir
    from cardiax.training.checkpoint import Checkpoints

    workdir = Workdir("run")
    with contextlib.closing(Checkpoints(workdir.checkpoints, True, workdir.owner())) as checkpoints:
        state, history = checkpoints.restore("latest", like())
    return digest(state), history


def of_bundle() -> Any:
    """Return the config and the variables of the bundle."""
    from cardiax.config import to_dict
    from cardiax.launch.networks.trained import find_network

    network = find_network("bundle")
    return to_dict(network.config), digest(network.variables())


def of_dataset() -> Any:
    """Return the arrays of the dataset."""
    from cardiax import datasets

    found = datasets.load("kaggle_heartbeat/mitbih", Path("data"))
    return {split: digest(arrays) for split, arrays in found.items()}


def of_streamed() -> Any:
    """Return the examples of the dataset as they are read from the disk, and its fingerprint."""
    import tempfile

    import numpy as np

    from cardiax import datasets
    from cardiax.catalog import find_dataset
    from cardiax.launch.run.example_store import streamed
    from cardiax.tasks import find_task

    name = "kaggle_heartbeat/mitbih"
    records = datasets.open_records(name, Path("data"))
    with tempfile.TemporaryDirectory() as scratch:
        examples, _, fingerprint = streamed(records, find_task("arrhythmia"), find_dataset(name), Path(scratch))
        return digest(examples.take(np.arange(len(records)))), fingerprint


OBJECTS, TABLES = ("environment.json", "test.json"), ("metrics.csv", "test_cases.csv")
"""Files of the run: JSON and CSV."""


def reader_of(name: str) -> Callable[[], Any] | None:
    """Return the function whose result depends on a file, or None if no command reads it."""
    if name.startswith("run/checkpoints/"):
        return of_best if "/best/" in name else of_latest
    if name.startswith("bundle/"):
        return of_bundle
    if name.startswith(DATASET):
        return of_streamed if name.endswith("test.array_record-00000-of-00001") else of_dataset
    own = name.removeprefix("run/")
    if own in OBJECTS or own in TABLES:
        return of_json(own) if own in OBJECTS else of_table(own)
    return {"config.json": of_config, "calibration.json": of_trust, ".sums.json": of_run}.get(own)


def command(*arguments: str) -> None:
    """Run a command of cardiax."""
    from cardiax.launch.cli import main

    main(list(arguments))


def make_world(folder: Path) -> None:
    """Train two runs that differ in the seed, and export them, in a folder."""
    from tests.campaign.disturbance import fork

    shutil.rmtree(folder, ignore_errors=True)
    export = ("export", "run", "--data-dir", "data", "--out", "bundle")
    for name, seed in (("one", "0"), ("other", "1")):
        (folder / name).mkdir(parents=True)
        commands = (PREPARE, (*TRAIN, *NETWORK, "--seed", seed), export)
        for run in (write_beats, *(functools.partial(command, *one) for one in commands)):
            if status := fork(run, folder / name, folder / "said.txt"):
                raise RuntimeError(f"{folder}: status {status}: {(folder / 'said.txt').read_text()}")
    (folder / "complete").touch()


def corruptions(draw: random.Random, name: str, content: bytes, other: bytes | None) -> Iterator[tuple[str, bytes]]:
    """Yield descriptions and contents of corrupted files."""
    indices = range(len(content))
    if len(content) > SMALL:
        indices = draw.sample(indices, SAMPLE)
    for at in indices:
        bit = 1 << draw.randrange(8)
        yield f"{name} byte {at} ^ {bit}", content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
    for length in sorted({*range(0, len(content), 512), max(len(content) - 1, 0)}):
        yield f"{name} cut to {length}", content[:length]
    if other is not None and other != content:
        yield f"{name} of the other run", other


def campaign(options: argparse.Namespace) -> int:
    """Corrupt one file after another until the time is over; print the counts last."""
    from cardiax.launch.system.quiet import quiet_threads

    quiet_threads()  # of Orbax, as in a command
    world, results = options.out / "corruption", options.out / "corruption.jsonl"
    if not (world / "complete").exists():
        make_world(world)
    lines = results.read_text().splitlines() if results.exists() else []
    done = {one["what"]: one for one in map(json.loads, lines)}
    one, other, end = world / "one", world / "other", time.monotonic() + 60 * options.minutes
    names = [str(path.relative_to(one)) for path in sorted(one.rglob("*")) if path.is_file()]
    names = [name for name in names if reader_of(name) and name.startswith(tuple(options.files.split(",")))]
    lists = []
    for name in names:
        same = other / name
        draw = random.Random(f"{options.seed} {name}")
        content = same.read_bytes() if same.exists() else None
        lists.append([(name, *pair) for pair in corruptions(draw, name, (one / name).read_bytes(), content)])
        draw.shuffle(lists[-1])
    os.chdir(one)
    signal.signal(signal.SIGALRM, _hang)
    expected = {name: reader_of(name)() for name in names}
    for name, what, content in filter(None, itertools.chain.from_iterable(itertools.zip_longest(*lists))):
        if time.monotonic() > end or len(done) >= options.count:
            break
        if what in done:
            continue
        verdict = judged(Path(name), content, reader_of(name), expected[name])
        done[what] = {"what": what, "verdict": verdict}
        with results.open("a") as file:
            file.write(json.dumps(done[what]) + "\n")
        if verdict not in ("reported", "same"):
            print(json.dumps(done[what]), flush=True)
    verdicts = [one["verdict"] for one in done.values()]
    reported, same = verdicts.count("reported"), verdicts.count("same")
    wrong = len(verdicts) - reported - same
    print(f"{len(verdicts)} corruptions, {reported} reported, {same} harmless, {wrong} wrong")
    return int(wrong > 0)


def _hang(*_: Any) -> None:
    raise TimeoutError


def judged(path: Path, content: bytes, read: Any, expected: Any) -> str:
    """Read with another content of a file, then put the old one back; return `reported`, `same` or what is wrong."""
    from cardiax.errors import InputError

    whole = path.read_bytes()
    path.write_bytes(content)
    signal.alarm(SECONDS)
    try:
        return "same" if read() == expected else "another result"
    except InputError as error:
        return "reported" if str(error).isprintable() else f"not one line: {error}"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/site-packages/" not in frame.filename and "/lib/" not in frame.filename]
        return f"{type(error).__name__}: {str(error)[:200]} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"
    finally:
        signal.alarm(0)
        path.write_bytes(whole)
        sys.stdout.flush()
