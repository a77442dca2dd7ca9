"""What it costs to divide one batch: the same training step on 1, 2, 4 and 8 simulated devices, and in two processes.

The global batch and its examples are the same in every layout, so that the losses must be. The devices are simulated
and share the cores of one CPU: times tell what dividing costs here, not what more devices would gain.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from cardiax.config import Config, from_dict, to_dict, with_overrides
from cardiax.launch.timing.stopwatch import alternate, spread

LAYOUTS = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 1))
"""Processes, joined over loopback, and devices of each; the first is what the others are held against."""

COMPARED = 10
"""Steps whose losses are held against each other."""

PLAIN_DESCENT = {"optimizer.name": "sgd", "optimizer.learning_rate": 0.01}
"""Adam would lift the difference of sums taken in another order where a gradient is near 0."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The processes of one layout, which wait for orders.

    Attributes:
      name: as in the table.
      processes: a number of steps on their standard input has them made; a line of losses answers.
      errors: what each wrote to its standard error.
      losses: of every step so far, nats, ms or mV.
    """

    name: str
    processes: list[subprocess.Popen]
    errors: Sequence[IO[str]]
    losses: list[float]

    def run(self, steps: int) -> None:
        """Make so many training steps."""
        for process in self.processes:
            _pipe(process.stdin).write(f"{steps}\n")
            _pipe(process.stdin).flush()
        self.losses.extend(self.answer())

    def answer(self) -> list[float]:
        """Wait for the line of every process; that of the first.

        Raises:
          RuntimeError: a process has ended.
        """
        lines = [_pipe(process.stdout).readline() for process in self.processes]
        for line, error in zip(lines, self.errors, strict=True):
            if not line:
                error.seek(0)
                raise RuntimeError(f"{self.name}: a process ended: {error.read().strip()[-2000:]}")
        return json.loads(lines[0])


def measure_scaling(config: Config, blocks: int, seconds: float) -> dict[str, Any]:
    """The time of a training step of `config` in each of `LAYOUTS`, which take turns, and how far losses differ.

    Augmentation and average are those of the recipe; the update rule is plain gradient descent.

    Args:
      config: the experiment; its batch size is a multiple of 8.
      blocks: turns of each.
      seconds: of a turn, about.

    Returns:
      `task`, `model`, `batch_size`, and `layouts`: of each `processes`, `devices`, `step_seconds` and, held against the
      first block for block, `ratio`, each with median and quartiles, and `loss_difference`, the greatest relative one
      of the first `COMPARED` steps.
    """
    config = with_overrides(config, PLAIN_DESCENT)
    with contextlib.ExitStack() as stack:
        layouts = [stack.enter_context(_start(config, *layout)) for layout in LAYOUTS]
        for layout in layouts:
            layout.answer()  # compiled
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
    """The greatest |ours − theirs| / |theirs| of the first `COMPARED` steps."""
    pairs = zip(ours[:COMPARED], theirs[:COMPARED], strict=True)
    return max(abs(our - their) / abs(their) for our, their in pairs)


def table(result: dict[str, Any]) -> str:
    """The result as text."""
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


@contextlib.contextmanager
def _start(config: Config, processes: int, devices: int) -> Iterator[Layout]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    program = "import sys\nfrom cardiax.launch.timing.device_scaling import serve\nserve(*sys.argv[1:])"
    with contextlib.ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(processes)]
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program, json.dumps(to_dict(config))]
                + ([f"{address},{processes},{index}"] if processes > 1 else []),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=error,
                text=True,
                env=environment,
            )
            for index, error in enumerate(errors)
        ]
        try:
            yield Layout(f"{processes} × {devices}", running, errors, [])
            for process in running:
                _pipe(process.stdin).close()
            for process in running:
                process.wait(timeout=60)
        finally:
            for process in running:
                process.kill()
                process.wait()
                _pipe(process.stdin).close()
                _pipe(process.stdout).close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("found a process without pipes, expected one of `_start`")
    return stream


def serve(text: str, distributed: str | None = None) -> None:
    """One process of a layout: compile the step of the config in `text`, JSON as `to_dict` has it, then make as many
    steps as each line of the standard input says, and answer with their losses."""
    from cardiax.launch.run.environment import start_processes
    from cardiax.launch.timing import workload

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the processes' connection prints to the standard output
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
