"""Comparison with PyTorch twins of the models, which lie in tests/peers of a checkout and are not installed.

A twin runs in a separate process, as a user would run it: with its own threads and the system's default memory
allocation, while `cardiax` keeps freed memory (see `cardiax.launch.system.memory`). The two alternate, so that one
always waits.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

import cardiax
from cardiax.config import to_dict
from cardiax.errors import InputError, installation
from cardiax.launch.timing.machine import spread
from cardiax.launch.timing.workload import MODES, Workload, losses

PEERS = Path(cardiax.__file__).parents[1] / "tests" / "peers"
"""Folder of the twins in a checkout."""

TOLERANCE = 1e-4
"""Largest relative difference of the losses of equal networks, whose float32 sums have another order."""


def check() -> str:
    """Return the version of PyTorch; `InputError` without it or a checkout, or if JAX does not run on the CPU."""
    if not (PEERS / "__init__.py").exists():
        raise InputError(f"--peer torch: found no {PEERS}, expected the twins; run from a checkout, `pip install -e .`")
    if importlib.util.find_spec("torch") is None:
        raise InputError(f"--peer torch: found no PyTorch, expected it to be installed; run {installation('torch')}")
    if jax.default_backend() != "cpu":
        raise InputError(
            f"--peer torch: found JAX on {jax.default_backend()}, expected it on the CPU, where PyTorch runs; set "
            "JAX_PLATFORMS=cpu"
        )
    return importlib.metadata.version("torch")


class Twin:
    """The connection to a process that runs tests/peers/torch_peer.py.

    `kinds` are `eager`, and `compile` if there is a C++ compiler.
    """

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self.kinds: list[str] = self._answer()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the `Peer` in that process and return its result."""
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")  # pyright: ignore[reportOptionalMemberAccess]
        return self._answer()

    def runs(self, method: str, *arguments: Any) -> dict[str, Callable[[int], None]]:
        """Return, for each of `kinds`, a function that calls a method of the `Peer` with a number of times."""
        return {kind: partial(self.ask, method, kind, *arguments) for kind in self.kinds}

    def _answer(self) -> Any:
        line = self._process.stdout.readline()  # pyright: ignore[reportOptionalMemberAccess]
        if not line:
            raise RuntimeError(f"the PyTorch twin ended with status {self._process.wait()}: see its error above")
        return json.loads(line)


@contextlib.contextmanager
def start(workload: Workload) -> Iterator[Twin]:
    """Start the twin of a workload, with the same weights and batch, in a process that ends with the context."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(to_dict(workload.config)))
        for name, tree in (("variables", workload.variables), ("batch", workload.host)):
            flat: dict[str, Any] = dict(flatten_dict(tree, sep="/"))
            np.savez(Path(folder, f"{name}.npz"), allow_pickle=False, **flat)
        command = [sys.executable, "-m", f"{PEERS.name}.torch_peer", folder]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, cwd=PEERS.parent, text=True, bufsize=1, **pipes) as process:
            yield Twin(process)


def compare_losses(twin: Twin, workload: Workload) -> dict[str, dict[str, float]]:
    """Compute the losses of `cardiax` and `torch`, with batch statistics as in `evaluation` and in `training`.

    Raises `InputError` if they differ.
    """
    found = {"cardiax": losses(workload), "torch": {mode: twin.ask("loss", mode == "training") for mode in MODES}}
    for mode in MODES:
        ours, theirs = found["cardiax"][mode], found["torch"][mode]
        if not abs(ours - theirs) <= TOLERANCE * abs(ours):
            raise InputError(
                f"--peer torch: found a loss of {theirs:.7g} of the {workload.config.model} in tests/peers, expected "
                f"{ours:.7g} as here ({mode}); correct the twin"
            )
    return found


def compare(times: dict[str, list[float]]) -> dict[str, Any]:
    """Compare the seconds per block of `cardiax`, `eager` and, if present, `compile`.

    Returns `seconds`, the median of each; `best`, the faster PyTorch kind; and `ratio`, its seconds divided by those of
    `cardiax`, block by block, as median and quartiles.
    """
    seconds = {kind: statistics.median(blocks) for kind, blocks in times.items()}
    best = min((kind for kind in times if kind != "cardiax"), key=lambda kind: seconds[kind])
    ratios = [their / our for our, their in zip(times["cardiax"], times[best], strict=True)]
    return {"seconds": seconds, "best": best, "ratio": spread(ratios)}
