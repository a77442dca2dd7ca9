"""PyTorch twins, which lie in tests/peers of a checkout and are no part of what is installed."""

import importlib.util
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

import cardiax
from cardiax.errors import InputError
from cardiax.launch.stopwatch import spread
from cardiax.launch.workload import MODES, Workload, losses

PEERS = Path(cardiax.__file__).parents[1] / "tests" / "peers"
"""Where the twins lie, in a checkout."""

TOLERANCE = 1e-4
"""Relative difference of the losses of two networks that are the same: float32 sums in another order."""


def load() -> Any:
    """The package tests/peers of this checkout.

    Raises:
      InputError: this is no checkout, PyTorch is not installed, or the devices are not CPUs.
    """
    if not (PEERS / "__init__.py").exists():
        raise InputError(f"--peer torch: found no {PEERS}, wanted the twins; run from a checkout, `pip install -e .`")
    if importlib.util.find_spec("torch") is None:
        raise InputError("--peer torch: found no PyTorch, wanted it; run `pip install 'cardiax[bench]'`")
    if jax.default_backend() != "cpu":
        raise InputError(
            f"--peer torch: found JAX on {jax.default_backend()}, wanted it on the CPU, where PyTorch runs; set "
            "JAX_PLATFORMS=cpu"
        )
    name = "cardiax_peers"
    if name not in sys.modules:
        spec: Any = importlib.util.spec_from_file_location(name, PEERS / "__init__.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return importlib.import_module(f"{name}.torch_peer")


def build(torch_peers: Any, workload: Workload) -> tuple[Any, dict[str, dict[str, float]]]:
    """The twin of a workload, and the losses of both sides, `cardiax` and `torch`, in `evaluation` and `training`.

    Raises:
      InputError: the losses differ.
    """
    twin = torch_peers.Peer(workload.config, workload.module, workload.variables, workload.host)
    found = {"cardiax": losses(workload), "torch": {mode: twin.loss(mode == "training") for mode in MODES}}
    for mode in MODES:
        ours, theirs = found["cardiax"][mode], found["torch"][mode]
        if not abs(ours - theirs) <= TOLERANCE * abs(ours):
            raise InputError(
                f"--peer torch: found a loss of {theirs:.7g} of the {workload.config.model} in tests/peers, wanted "
                f"{ours:.7g} as here ({mode}); mend the twin"
            )
    return twin, found


def training(twin: Any) -> dict[str, Callable[[int], None]]:
    """Functions that make so many training steps: `eager`, and `compile` where there is a C++ compiler."""
    return {kind: partial(twin.train, kind) for kind in twin.forwards}


def inference(twin: Any, inputs: np.ndarray) -> dict[str, Callable[[int], None]]:
    """Functions that evaluate `inputs` (B, T, C) so many times over."""
    return {kind: partial(twin.infer, kind, twin.laid_out(inputs)) for kind in twin.forwards}


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
