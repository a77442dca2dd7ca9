"""Where the time of a training step and of inference goes, on one core of a CPU: kind of operation → seconds.

One core, since XLA then runs nearly every operation after the other and each one's time is its own; on several cores
they overlap, and a convolution is divided among threads that its event does not cover.
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
"""Seconds of a program that are traced, about, and at least five times that it runs."""

KINDS = {
    "convolution": "convolutions",
    "dot": "products of matrices",
    "reduce": "reductions",
    "reduce-window": "reductions",
    "transpose": "copies in another order",
    "copy": "copies in another order",
}
"""Opcode of XLA → what it is told as, the first that a fusion holds; any other is `REST`."""

REST = "element by element"

BETWEEN = "between operations"
"""What is left of the whole: the way from Python to the first operation, from one to the next, and back."""

CONTROL = ("while", "call", "conditional", "tuple", "get-tuple-element", "parameter", "constant", "bitcast")
"""Opcodes whose time is that of others, or none."""


def check() -> None:
    """Raise `InputError` where the system cannot bind a process to a core."""
    if not hasattr(os, "sched_setaffinity"):
        raise InputError(f"--profile: found {sys.platform}, expected Linux, where a process can be bound to one core")


def measure(config: Config) -> dict[str, Any]:
    """The profiles of `config`, taken by a new process that is bound to one core, as `check` allows.

    Returns:
      `matmul_flops_per_second` of the core, `step`, and `inference` for each of `workload.SIZES`: each has `seconds`
      of one run, traced, what it goes into, `kinds` (kind → seconds), and `flops`.
    """
    program = (
        "import os, sys\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from cardiax.launch.timing.op_profile import main\nmain(sys.argv[1])"
    )
    command = [sys.executable, "-c", program, json.dumps(to_dict(config))]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def main(text: str) -> None:
    """Print the profiles of the config in `text`, JSON as `to_dict` has it, as JSON."""
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
    """The profile of a program; `run` runs it so many times."""
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
    found[BETWEEN] = max(0.0, seconds - sum(found.values()))  # an operation that waits for another counts whole
    return {"seconds": seconds, "kinds": found, "flops": flops}


def kinds(program: str, events: list[tuple[str, float]]) -> dict[str, float]:
    """Seconds of each kind of operation, the longest first.

    Args:
      program: as XLA prints it, compiled.
      events: the name and the seconds of what ran; names that are no operations of the program are passed over.
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
    """The profiles in lines."""
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
