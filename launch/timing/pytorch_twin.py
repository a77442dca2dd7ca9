"""PyTorch twins, which lie in tests/peers of a checkout and are no part of what is installed.

A twin runs in a process of its own, as its user would run it: with its own threads and with memory as the system gives
it, while `cardiax` keeps what it freed (see `cardiax.launch.system.memory`). The two take turns, so that one of them
waits.
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
from cardiax.errors import InputError
from cardiax.launch.timing.stopwatch import spread
from cardiax.launch.timing.workload import MODES, Workload, losses

PEERS = Path(cardiax.__file__).parents[1] / "tests" / "peers"
"""Where the twins lie, in a checkout."""

TOLERANCE = 1e-4
"""Relative difference of the losses of two networks that are the same: float32 sums in another order."""


def check() -> str:
    """The version of PyTorch that the twins will run with.

    Raises:
      InputError: this is no checkout, PyTorch is not installed, or the devices are not CPUs.
    """
    if not (PEERS / "__init__.py").exists():
        raise InputError(f"--peer torch: found no {PEERS}, expected the twins; run from a checkout, `pip install -e .`")
    if importlib.util.find_spec("torch") is None:
        raise InputError("--peer torch: found no PyTorch, expected it; run `pip install 'cardiax[bench]'`")
    if jax.default_backend() != "cpu":
        raise InputError(
            f"--peer torch: found JAX on {jax.default_backend()}, expected it on the CPU, where PyTorch runs; set "
            "JAX_PLATFORMS=cpu"
        )
    return importlib.metadata.version("torch")


class Twin:
    """The other end of a process that runs tests/peers/torch_peer.py.

    Attributes:
      kinds: `eager`, and `compile` where there is a C++ compiler.
    """

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self.kinds: list[str] = self._answer()

    def ask(self, method: str, *arguments: Any) -> Any:
        """What the `Peer` over there returns for a call of this method."""
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")  # pyright: ignore[reportOptionalMemberAccess]
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()  # pyright: ignore[reportOptionalMemberAccess]
        if not line:
            raise RuntimeError(f"the PyTorch twin ended with status {self._process.wait()}: see its error above")
        return json.loads(line)


@contextlib.contextmanager
def start(workload: Workload) -> Iterator[Twin]:
    """The twin of a workload: the same weights and the same batch, in a process that ends with the context."""
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
    """The losses of both sides, `cardiax` and `torch`, with batch statistics as in `evaluation` and `training`.

    Raises:
      InputError: they differ.
    """
    found = {"cardiax": losses(workload), "torch": {mode: twin.ask("loss", mode == "training") for mode in MODES}}
    for mode in MODES:
        ours, theirs = found["cardiax"][mode], found["torch"][mode]
        if not abs(ours - theirs) <= TOLERANCE * abs(ours):
            raise InputError(
                f"--peer torch: found a loss of {theirs:.7g} of the {workload.config.model} in tests/peers, expected "
                f"{ours:.7g} as here ({mode}); mend the twin"
            )
    return found


def training(twin: Twin) -> dict[str, Callable[[int], None]]:
    """Functions that make so many training steps, one for each of `twin.kinds`."""
    return {kind: partial(twin.ask, "train", kind) for kind in twin.kinds}


def inference(twin: Twin, size: int) -> dict[str, Callable[[int], None]]:
    """Functions that evaluate `size` inputs so many times over, likewise."""
    return {kind: partial(twin.ask, "infer", kind, size) for kind in twin.kinds}


def compare(times: dict[str, list[float]]) -> dict[str, Any]:
    """PyTorch against us, from the seconds of each block of `cardiax`, `eager` and perhaps `compile`.

    Returns:
      `seconds`, the median of each; `best`, the faster of PyTorch's; `ratio`, its seconds divided by ours, block for
      block: median and quartiles.
    """
    seconds = {kind: statistics.median(blocks) for kind, blocks in times.items()}
    best = min((kind for kind in times if kind != "cardiax"), key=lambda kind: seconds[kind])
    ratios = [their / our for our, their in zip(times["cardiax"], times[best], strict=True)]
    return {"seconds": seconds, "best": best, "ratio": spread(ratios)}
