"""Progress of a run: a bar on a terminal, plain lines when piped, TensorBoard events if the extra is installed."""

import importlib.util
import math
import sys
from collections import deque
from pathlib import Path
from typing import Any, TextIO

import jax
import numpy as np
from tqdm import tqdm

from cardiax.errors import DIVERGED, InputError, naming
from cardiax.launch.system.quiet import is_quiet

IN_FLIGHT = 4
"""Programs dispatched ahead of the device: enough to keep it busy, few enough to stop promptly."""


def say(line: str, file: TextIO | None = None) -> None:
    """Print one line, by default to standard output, from process 0 only, above the progress bar if there is one."""
    if jax.process_index() == 0:
        tqdm.write(line, file=file or sys.stdout)
        (file or sys.stdout).flush()


class Progress:
    """A bar of the steps done of `total`, with phase, loss, best score, rate and remaining time.

    `first` steps were done before. The first steps include compilation. Until they are done the bar reads "compiling",
    and neither they nor evaluations count in the rate. Close it to remove the bar of a run that has not ended.
    """

    def __init__(self, total: int, first: int, steps_per_epoch: int):
        self._total, self._done, self._steps_per_epoch = total, first, steps_per_epoch
        self._in_flight: deque[tuple[jax.Array, int]] = deque()
        self._figures: dict[str, str] = {}
        self._hidden = jax.process_index() != 0 or not sys.stderr.isatty() or is_quiet()
        self._is_compiled = False
        self._bar = tqdm(total=0, desc="compiling", bar_format="{desc} …", leave=False, disable=self._hidden)

    def dispatched(self, loss: jax.Array, steps: int) -> None:
        """Note that a program of `steps` steps was dispatched; wait until at most `IN_FLIGHT` programs are not done."""
        self._in_flight.append((loss, steps))
        if len(self._in_flight) > IN_FLIGHT:
            self.step(*self._in_flight.popleft())

    def wait(self) -> None:
        """Wait for all programs that were dispatched; see `step`."""
        while self._in_flight:
            self.step(*self._in_flight.popleft())

    def step(self, loss: jax.Array, steps: int = 1) -> None:
        """Wait for the losses, a scalar or (steps,), of the next `steps` steps and advance the bar.

        Raises `InputError` if a loss is not finite.
        """
        losses = np.asarray(loss).ravel()
        if not np.isfinite(losses).all():
            first = int(np.isfinite(losses).argmin())
            raise InputError(divergence(self._done + first + 1, f"a loss of {losses[first]}"))
        self._done += steps
        if self._hidden:
            return
        if not self._is_compiled:
            self._bar.close()
            options: dict[str, Any] = {"unit": "step", "dynamic_ncols": True, "smoothing": 0.05}
            self._bar, self._is_compiled = tqdm(total=self._total, initial=self._done, **options), True
            return
        self._show_epoch()
        self._figures["loss"] = f"{np.mean(losses):.4f}"
        self._bar.set_postfix(self._figures, refresh=False)
        self._bar.update(steps)

    def _show_epoch(self) -> None:
        epoch, epochs = (math.ceil(some / self._steps_per_epoch) for some in (self._done, self._total))
        self._bar.set_description(f"epoch {epoch} of {epochs}", refresh=False)

    def evaluating(self) -> None:
        """Show that an evaluation begins; `evaluation` ends it."""
        self._bar.set_description("evaluating")

    def evaluation(self, row: dict[str, float], run: str = "") -> None:
        """Print a row of metrics.csv as one line, after the name of the run if it has one."""
        rest = {name: value for name, value in row.items() if name not in ("step", "epoch") and "_f1_" not in name}
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in rest.items())
        say(f"{run and f'{run}: '}epoch {round(row['epoch'], 2):g}, step {row['step']:,}: {figures}")
        self._bar.unpause()  # its time is not of the steps
        if self._is_compiled:
            self._show_epoch()

    def best(self, name: str, score: float) -> None:
        """Show the best validation score so far in the bar from now on."""
        self._figures[f"best {name.replace('_', ' ')}"] = f"{score:.4f}"

    def close(self) -> None:
        """Remove the bar if it has not reached the end."""
        self._bar.close()


def divergence(step: int, found: str) -> str:
    """Return the message for a run of which something is not finite since a step, counted from 1."""
    return (
        f"training diverged at step {step:,}: found {found}, expected a finite one; earlier checkpoints, if "
        f"any, are kept; {DIVERGED}"
    )


class Events:
    """TensorBoard events in `folder`/tensorboard, if the extra `cardiax[tensorboard]` is installed."""

    def __init__(self, folder: Path, first: int):
        self._folder, self._first = folder / "tensorboard", first
        self._expected = jax.process_index() == 0 and importlib.util.find_spec("tensorboardX") is not None
        self._writer: Any = None

    def write(self, row: dict[str, float]) -> None:
        """Write every metric of an evaluation, at its step."""
        if not self._expected:
            return
        with naming(self._folder):
            if self._writer is None:
                # Hide the rows that a killed run left after its checkpoint: the resumed run writes them again.
                self._writer = _summary_writer()(str(self._folder), purge_step=self._first + 1)
            for name, value in row.items():
                if math.isfinite(value):  # not that of a class without examples, of which tensorboardX would warn
                    self._writer.add_scalar(name, value, int(row["step"]))
            self._writer.flush()

    def close(self) -> None:
        """Close the file of events, if one was opened."""
        if self._writer is not None:
            with naming(self._folder):
                self._writer.close()


def _summary_writer() -> Any:
    """Import tensorboardX's writer class without PyTorch, which it would import if installed: two seconds, and not
    needed here."""
    modules: dict[str, Any] = sys.modules
    modules.setdefault("torch", None)  # None makes an import of it fail, as if it were not installed
    try:
        from tensorboardX import SummaryWriter
    finally:
        if modules["torch"] is None:
            del modules["torch"]
    return SummaryWriter
