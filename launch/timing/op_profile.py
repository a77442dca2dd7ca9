"""Profile of a training step and of inference on one CPU core: kind of operation → seconds.

On one core XLA runs nearly all operations in sequence, so the time of each is its own. On several cores they overlap,
and a convolution is divided among threads that its event does not cover.
"""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cardiax.config import Config, from_dict, to_dict
from cardiax.errors import InputError

TRACED = 0.5
"""Approximate duration of a trace in seconds; at least five runs are traced."""

KINDS = {
    "convolution": "convolutions",
    "dot": "products of matrices",
    "reduce": "reductions",
    "reduce-window": "reductions",
    "transpose": "copies in another order",
    "copy": "copies in another order",
}
"""Opcode of XLA → reported kind. A fusion has the kind of the first of these opcodes in it, or else `REST`."""

REST = "element by element"

BETWEEN = "between operations"
"""The rest of the total time: from Python to the first operation, between operations, and back."""

CONTROL = ("while", "call", "conditional", "tuple", "get-tuple-element", "parameter", "constant", "bitcast")
"""Opcodes that take no time or only the time of other operations."""


def check() -> None:
    """Raise `InputError` if the system cannot bind a process to a core."""
    if not hasattr(os, "sched_setaffinity"):
        raise InputError(f"--profile: found {sys.platform}, expected Linux, where a process can be bound to one core")


def measure(config: Config) -> dict[str, Any]:
    """Profile `config` in a new process that is bound to one core; see `check`.

    Returns `matmul_flops_per_second` of the core, `step`, and `inference` for each of `workload.SIZES`; the profiles
    have `seconds` of one traced run, `kinds` (kind → seconds), and `flops`.
    """
    program = (
        "import os, sys\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from cardiax.launch.timing.op_profile import main\nmain(sys.argv[1])"
    )
    command = [sys.executable, "-c", program, json.dumps(to_dict(config))]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def main(text: str) -> None:
    """Print, as JSON, the profiles of the configuration in `text`, the JSON of `to_dict`."""
    from cardiax.launch.system.memory import keep_memory

    keep_memory()
    from cardiax.launch.timing import workload
    from cardiax.launch.timing.machine import matmul_peak

    ours = workload.prepare(from_dict(json.loads(text)))
    result = {
        "matmul_flops_per_second": matmul_peak(ours.config.precision),
        "step": _profile(workload.training(ours), ours.step, ours.flops),
        "inference": {},
    }
    for size in workload.SIZES:
        step, *arguments = workload.evaluation(ours, size)
        traced = step.trace(*arguments)
        compiled = traced.lower().compile()
        run = workload.repeated(step, *arguments)
        result["inference"][str(size)] = _profile(run, compiled, workload.flops_of(traced, compiled))
    print(json.dumps(result))


def _profile(run: Callable[[int], None], compiled: Any, flops: float) -> dict[str, Any]:
    """Profile a program, which `run` runs a given number of times."""
    import jax

    run(1)
    start = time.perf_counter()
    run(1)
    times = max(5, round(TRACED / (time.perf_counter() - start)))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            start = time.perf_counter()
            run(times)
            seconds = (time.perf_counter() - start) / times
        (trace,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(trace))
        events = [event for plane in data.planes for line in plane.lines for event in line.events]
        found = kinds(compiled.as_text(), [(event.name, event.duration_ns * 1e-9) for event in events])
    found = {kind: total / times for kind, total in found.items()}
    # The difference may be negative, since an operation counts in full even while it waits for another.
    found[BETWEEN] = max(0.0, seconds - sum(found.values()))
    return {"seconds": seconds, "kinds": found, "flops": flops}


def kinds(program: str, events: list[tuple[str, float]]) -> dict[str, float]:
    """Sum the seconds of each kind of operation, longest first.

    Args:
      program: text of the compiled XLA program.
      events: names and seconds of traced events; names that are not operations of the program are ignored.
    """
    holds = collections.defaultdict(set)  # computation → opcodes
    operations: dict[str, set[str]] = {}  # operation → its opcode, or those of the computation that is fused into it
    fused: dict[str, str] = {}
    computation = ""
    for line in program.splitlines():
        if opened := re.match(r"(?:ENTRY )?%?([\w.-]+) \(.*\{$", line):
            computation = opened[1]
        elif found := re.match(r"\s+(?:ROOT )?%?([\w.-]+) = .*? ([a-z][a-z-]*)\(", line):
            name, opcode = found.groups()
            holds[computation].add(opcode)
            operations[name] = {opcode}
            if opcode == "fusion" and (calls := re.search(r"calls=%?([\w.-]+)", line)):
                fused[name] = calls[1]
    operations |= {name: holds[computation] for name, computation in fused.items()}
    totals: dict[str, float] = collections.defaultdict(float)
    for name, seconds in events:
        opcodes = operations.get(name, set(CONTROL))
        if not opcodes <= set(CONTROL):
            totals[next((kind for opcode, kind in KINDS.items() if opcode in opcodes), REST)] += seconds
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def table(result: dict[str, Any]) -> str:
    """Format the profiles as text."""
    rate = result["matmul_flops_per_second"]
    lines = [f"  on one core, where a matrix product reaches {rate / 1e9:.0f} GFLOP/s:"]
    programs = {"step": result["step"]} | {f"inference of {size}": one for size, one in result["inference"].items()}
    for name, program in programs.items():
        whole, flops = program["seconds"], program["flops"]
        lines.append(
            f"  {name}: {1e3 * whole:.2f} ms; at that rate its {flops / 1e9:.3g} GFLOP take {1e3 * flops / rate:.2f} ms"
        )
        lines += [f"  {1e3 * part:>9.2f} ms {part / whole:>5.0%}  {kind}" for kind, part in program["kinds"].items()]
    return "\n".join(lines)
