"""Timing on a machine that others use too: what is compared takes turns."""

import statistics
import time
from collections.abc import Callable


def alternate(runs: dict[str, Callable[[int], None]], blocks: int, seconds: float) -> dict[str, list[float]]:
    """Seconds a step of each of `runs` in each of `blocks`, in which all of them take turns.

    Args:
      runs: functions that make so many steps and return when the last one is done.
      blocks: rounds.
      seconds: about how long a turn lasts; one step where that takes longer.
    """
    steps = {}
    for name, run in runs.items():
        run(2)  # compiles, and settles memory
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
    """The `median` of two values or more, and the `lower` and `upper` quartile."""
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return {"lower": lower, "median": median, "upper": upper}
