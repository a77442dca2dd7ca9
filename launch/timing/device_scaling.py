"""The cost of dividing a batch: one training step on 1, 2, 4 and 8 simulated devices, and in two processes.

The global batch is the same in every layout, so the losses must agree. The simulated devices share the cores of one
CPU: the times show the cost of dividing, not the gain of more devices.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from cardiax.config import Config, from_dict, to_dict, with_overrides
from cardiax.launch.run.environment import start_processes
from cardiax.launch.timing.machine import alternate, spread

LAYOUTS = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 1))
"""Processes, joined over loopback, and devices per process; the first layout is the reference."""

COMPARED = 10
"""Steps whose losses are compared."""

PLAIN_DESCENT = {"optimizer.name": "sgd", "optimizer.learning_rate": 0.01}
"""Overrides of the optimizer: Adam would amplify rounding differences where a gradient is near 0."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The worker processes of one layout, which read a number of steps from standard input and print a line of losses.

    Attributes:
      errors: standard error of each worker.
      losses: loss of every step so far, nats, ms or mV.
    """

    name: str
    processes: list[Any]
    errors: list[IO[str]]
    losses: list[float]

    def run(self, steps: int) -> None:
        """Do `steps` training steps."""
        for process in self.processes:
            process.stdin.write(f"{steps}\n")
        self.losses.extend(self.answer())

    def answer(self) -> list[float]:
        """Wait for a line of every process and return the losses of the first; `RuntimeError` if one has ended."""
        lines = [process.stdout.readline() for process in self.processes]
        for line, error in zip(lines, self.errors, strict=True):
            if not line:
                error.seek(0)
                raise RuntimeError(f"{self.name}: a process ended: {error.read().strip()[-2000:]}")
        return json.loads(lines[0])


def measure_scaling(config: Config, blocks: int, seconds: float) -> dict[str, Any]:
    """Measure the time of a training step in each of `LAYOUTS`, in alternating blocks, and the difference of losses.

    Augmentation and average are those of the recipe; the update rule is plain gradient descent. The batch size must be
    a multiple of 8; see `alternate` for `blocks` and `seconds`.

    Returns:
      `task`, `model`, `batch_size`, and `layouts`, each with `processes`, `devices`, `step_seconds`, `ratio` to the
      first layout block by block (both with median and quartiles), and `loss_difference`, the largest relative
      difference of the first `COMPARED` losses.
    """
    config = with_overrides(config, PLAIN_DESCENT)
    with contextlib.ExitStack() as stack:
        layouts = [_start(stack, config, *layout) for layout in LAYOUTS]
        for layout in layouts:
            layout.answer()  # an empty line of losses: the step is compiled
        times = alternate({layout.name: layout.run for layout in layouts}, blocks, seconds)
        for layout in layouts:
            layout.run(max(0, COMPARED - len(layout.losses)))
    first = layouts[0]
    rows = [
        {
            "processes": processes,
            "devices": devices,
            "step_seconds": spread(times[layout.name]),
            "ratio": spread([ours / one for ours, one in zip(times[layout.name], times[first.name], strict=True)]),
            "loss_difference": loss_difference(layout.losses, first.losses),
        }
        for (processes, devices), layout in zip(LAYOUTS, layouts, strict=True)
    ]
    return {"task": config.task, "model": config.model, "batch_size": config.batch_size, "layouts": rows}


def loss_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest |ours − theirs| / |theirs| of the first `COMPARED` steps."""
    pairs = zip(ours[:COMPARED], theirs[:COMPARED], strict=True)
    return max(abs(our - their) / abs(their) for our, their in pairs)


def table(result: dict[str, Any]) -> str:
    """Format the result as text."""
    lines = [
        f"{result['task']}, {result['model']}, a batch of {result['batch_size']} divided over simulated devices",
        f"{'processes':>9}{'devices of each':>17}{'step ms':>10}{'ratio':>8}  {'quartiles':<14}{'losses off by':>14}",
    ]
    for row in result["layouts"]:
        ratio = row["ratio"]
        quartiles = f"{ratio['lower']:.2f} … {ratio['upper']:.2f}"
        lines.append(
            f"{row['processes']:>9}{row['devices']:>17}{1e3 * row['step_seconds']['median']:>10.1f}"
            f"{ratio['median']:>8.2f}  {quartiles:<14}{row['loss_difference']:>14.1e}"
        )
    return "\n".join(lines)


def _start(stack: contextlib.ExitStack, config: Config, processes: int, devices: int) -> Layout:
    """Start the workers of a layout; they end with the `stack`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    program = "import sys\nfrom cardiax.launch.timing.device_scaling import serve\nserve(*sys.argv[1:])"
    layout = Layout(f"{processes} × {devices}", [], [], [])
    for index in range(processes):
        command = [sys.executable, "-c", program, json.dumps(to_dict(config))]
        if processes > 1:
            command.append(f"{address},{processes},{index}")
        errors = stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 (closed by the stack)
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = stack.enter_context(subprocess.Popen(command, text=True, bufsize=1, env=environment, **pipes))
        stack.callback(process.kill)
        layout.processes.append(process)
        layout.errors.append(errors)
    return layout


def serve(text: str, distributed: str | None = None) -> None:
    """Run a worker: compile the step, then do as many steps as each line of standard input says and print the losses.

    `text` is the configuration as the JSON of `to_dict`; for `distributed` see `start_processes`.
    """
    from cardiax.launch.timing import workload

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the connection of processes prints to standard output
    start_processes(distributed)
    work = workload.prepare(from_dict(json.loads(text)))
    state, losses = work.state, []
    print(json.dumps(losses), file=answers, flush=True)
    for line in sys.stdin:
        losses = []
        for _ in range(int(line)):
            state, loss = work.step(state, work.batch)
            losses.append(float(loss))
        print(json.dumps(losses), file=answers, flush=True)
