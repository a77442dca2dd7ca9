"""Timing on a shared machine: the compared programs run in alternation."""

import statistics
import time
from collections.abc import Callable


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
