"""The machine, its peak rate of matrix products, memory use, and timing of programs that run in alternation."""

import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P

from cardiax.launch.run.environment import versions
from cardiax.training.device_mesh import make_mesh
from cardiax.training.step import AXIS

WIDTH = 2048
"""Rows and columns of the matrices of `matmul_peak`."""


def describe_machine() -> dict[str, Any]:
    """Return the processor, usable cores, devices, system, load over the last minute, and versions."""
    devices, information = jax.devices(), Path("/proc/cpuinfo")  # of Linux
    lines = information.read_text().splitlines() if information.exists() else []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(names, platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "devices": f"{len(devices)} × {devices[0].device_kind} ({devices[0].platform})",
        "system": platform.platform(),
        "load": os.getloadavg()[0],
        "versions": versions(),
    }


def matmul_peak(precision: str = "float32") -> float:
    """Measure the FLOP/s of products of `WIDTH` × `WIDTH` matrices, with float32 sums, one on each device at once.

    The fastest of 8 counts.
    """
    mesh = make_mesh()
    left = jnp.ones((mesh.size, WIDTH, WIDTH), precision)
    left = jax.device_put(left, jax.NamedSharding(mesh, P(AXIS)))
    multiply = partial(jnp.matmul, preferred_element_type=jnp.float32)
    product = jax.jit(jax.shard_map(multiply, mesh=mesh, in_specs=P(AXIS), out_specs=P(AXIS)))
    product(left, left).block_until_ready()
    times = []
    for _ in range(8):
        start = time.perf_counter()
        product(left, left).block_until_ready()
        times.append(time.perf_counter() - start)
    return 2 * mesh.size * WIDTH**3 / min(times)


def peak_memory() -> int:
    """Return the peak memory of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): kilobytes under Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def alternate(runs: dict[str, Callable[[int], None]], blocks: int, seconds: float) -> dict[str, list[float]]:
    """Measure the seconds per step of each of `runs`, functions that do a given number of steps, in each of the blocks.

    They alternate in every block, in which the turn of one takes about `seconds`; at least one step is done.
    """
    steps = {}
    for name, run in runs.items():
        run(2)  # compile, and reach a steady state of memory
        start = time.perf_counter()
        run(1)
        steps[name] = max(1, round(seconds / (time.perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(blocks):
        for name, run in runs.items():
            start = time.perf_counter()
            run(steps[name])
            times[name].append((time.perf_counter() - start) / steps[name])
    return times


def spread(values: list[float]) -> dict[str, float]:
    """Return the `median` and the `lower` and `upper` quartile of two or more values."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return {"lower": lower, "median": median, "upper": upper}
