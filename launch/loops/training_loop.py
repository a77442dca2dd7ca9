"""The training run, in order: data, model, step, resume, loop, test."""

import contextlib
import dataclasses
import functools
import math
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax import datasets
from cardiax.config import Config
from cardiax.errors import DIVERGED, InputError
from cardiax.launch.run.batch_feed import Feed
from cardiax.launch.run.environment import by_first_process, record_environment
from cardiax.launch.run.experiment import Evaluator, load_experiment
from cardiax.launch.run.progress import Events, Progress, divergence, say
from cardiax.launch.run.run_folder import Workdir
from cardiax.launch.system.signals import handled
from cardiax.tasks import Task
from cardiax.training.checkpoint import Checkpoints, History
from cardiax.training.device_mesh import check_divisible, make_mesh, replicate
from cardiax.training.optimizer import make_optimizer
from cardiax.training.reproducible_step import ReproducibleStep
from cardiax.training.state import TrainState, create_state, evaluated, record_score
from cardiax.training.step import make_gradient, make_train_step, make_update

TIMED = 12
"""Steps whose median time gives the number that fits into `minutes`; three steps before them are not counted."""


def train(
    config: Config,
    workdir: Workdir,
    data_dir: Path | None,
    minutes: float | None,
    memory: float | None,
    checkpoint_minutes: float,
) -> int:
    """Train `config` in `workdir`, which is held, from its last checkpoint if there is one, then test.

    With several processes, process 0 decides everything that depends on a clock or a folder.

    Args:
      data_dir: folder of the prepared datasets; None for the default of TFDS.
      minutes: training time without evaluations. The number of steps that fit into it on this machine is measured
        first and stored in the config, so that the run can be repeated.
      memory: GiB for the examples; see `load_experiment`.
      checkpoint_minutes: time after which a checkpoint is written between two evaluations.

    Returns:
      Exit status: 0 when done, 1 when interrupted.

    Raises:
      InputError: the loss or the state of a step is not finite, or the config, data or folder are not valid.
    """
    started = time.monotonic() - by_first_process(workdir.seconds)
    decided = by_first_process(lambda: [config.steps, minutes, checkpoint_minutes])
    steps, minutes, checkpoint_minutes = decided
    config = dataclasses.replace(config, steps=steps)
    mesh = make_mesh()
    check_divisible(config.batch_size, mesh.size, config.reproducible)

    # Data.
    data_dir = data_dir or datasets.default_data_dir()
    experiment = load_experiment(config, data_dir, say, memory=memory)
    task, order, shape = experiment.task, experiment.order, experiment.examples.shapes
    feed = Feed(experiment, mesh)

    # Model, optimiser, step.
    loss_of_examples = task.training_loss(config, experiment.targets)

    def build(total: int) -> tuple[TrainState, Any]:
        tx = make_optimizer(config.optimizer, total)
        init = jax.jit(lambda seed: create_state(experiment.model, tx, seed, shape, config.ema > 0))
        if config.reproducible:
            gradient = make_gradient(task, experiment.model, config, loss_of_examples)
            step = ReproducibleStep(gradient, make_update(tx, config), config.reproducible, mesh)
        else:
            step = feed.map_step(make_train_step(task, experiment.model, tx, config, loss_of_examples))
        return replicate(jax.device_get(init(config.seed)), mesh), step

    if minutes:
        seconds = by_first_process(functools.partial(float, _seconds_a_step(*build(1000), feed)))
        config = dataclasses.replace(config, steps=max(1, int(60 * minutes / seconds)))
        experiment = dataclasses.replace(experiment, config=config)
    total, is_first = config.steps or config.epochs * order.steps_per_epoch, jax.process_index() == 0
    state, train_step = build(total)
    record = jax.jit(record_score)
    evaluator = Evaluator(experiment, mesh)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    say(
        f"train: {config.task}, {config.model} with {parameters:,} parameters, {order.size:,} examples, "
        f"{total:,} steps of {config.batch_size}, {mesh.size} × {jax.devices()[0].device_kind}, in {workdir.path}"
    )

    # Trace the step, so that its errors are raised before the run folder is created.
    with contextlib.closing(feed.batches(0, 1)) as batches:
        train_step.eval_shape(state, next(batches)[1])
    record_environment(workdir, config, experiment.fingerprints, data_dir)
    with contextlib.ExitStack() as stack:
        # Resume. The metrics.csv of a killed run may be ahead of its checkpoint, which was still being written: it is
        # rewritten from the checkpoint's history.
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(workdir.checkpoints, owner=workdir.owner())))
        history: History = []
        if by_first_process(lambda: checkpoints.step("latest")) is not None:
            state, history = checkpoints.restore("latest", state)
            say(f"resume: from step {int(state.step):,}")
        first, stale = int(state.step), int(state.stale)
        if is_first:
            workdir.write_metrics(history)

        # Loop.
        events = stack.enter_context(contextlib.closing(Events(workdir.path, first)))
        progress = stack.enter_context(contextlib.closing(Progress(total, first, order.steps_per_epoch)))
        batches = stack.enter_context(contextlib.closing(feed.batches(first, total)))
        saved = time.monotonic()
        with interrupts() as interrupted:
            for steps, batch in batches:
                if 0 < config.patience <= stale:
                    say(f"stop: {config.patience} evaluations without a better {task.selection} on validation")
                    break
                if history and reached(task, config, history[-1]):
                    say("stop: the last evaluation has the values of --until on validation")
                    break
                state, loss = train_step(state, batch)
                progress.dispatched(loss, len(steps))
                done = steps.stop
                if done % order.steps_per_epoch == 0 or done == total:
                    refuse_diverged(progress, state)
                    progress.evaluating()
                    row = training_row(history, done, order.steps_per_epoch, float(state.loss_sum))
                    measured = evaluator(evaluated(state), "validation")
                    row |= by_first_process(functools.partial(validation_figures, task, measured))
                    history = [*history, row]
                    is_best = reached(task, config, row)  # whatever the score of those before
                    state = record(state, jnp.float32(math.inf if is_best else score(task, row)))
                    stale = int(state.stale)
                    checkpoints.save("latest" if stale else "best", state, history)
                    saved = time.monotonic()
                    if is_first:
                        workdir.write_metrics(history)
                        workdir.write_seconds(time.monotonic() - started)
                    events.write(row)
                    progress.evaluation(row)
                    if math.isfinite(best_score := float(state.best_score)):
                        progress.best(task.selection, best_score if task.higher_is_better else -best_score)
                elif checkpoint_minutes < math.inf and by_first_process(
                    lambda since=saved: time.monotonic() - since >= 60 * checkpoint_minutes
                ):
                    refuse_diverged(progress, state)
                    checkpoints.save("latest", state, history)
                    saved = time.monotonic()
                if interrupted():
                    if checkpoints.step("latest") != done:
                        refuse_diverged(progress, state)
                        checkpoints.save("latest", state, history)
                    say(f"interrupted: after step {done:,} of {total:,}; the same command resumes from there")
                    return 1
        checkpoints.drop_superseded()
        best, _ = checkpoints.restore("best", state)
        if math.isnan(score(task, history[-1])):
            say(f"warning: {diverged_later(task, history)}", sys.stderr)

    # Test with the parameters that were best on validation.
    # Imported late, because the plots take a quarter of a second, for which the first step need not wait.
    from cardiax.launch.evaluation.run_report import Run, report

    say(f"train: done in {time.monotonic() - started:.0f} s; best step on validation: {int(best.step):,}")
    report(Run(workdir, experiment, evaluator, evaluated(best), int(best.step)), "test")
    if is_first:
        workdir.write_seconds(workdir.seconds(), finished=True)
    return 0


def _seconds_a_step(state: TrainState, step: Callable, feed: Feed) -> float:
    """Return the median time of a training step in seconds, without compilation."""
    times = []
    with contextlib.closing(feed.batches(0, (TIMED + 3) * feed.max_steps)) as batches:
        last = time.perf_counter()
        for steps, batch in batches:
            state, loss = step(state, batch)
            loss.block_until_ready()
            times.append((time.perf_counter() - last) / len(steps))
            last = time.perf_counter()
    return statistics.median(times[3:])


def training_row(history: History, done: int, steps_per_epoch: int, loss_sum: float) -> dict[str, float]:
    """Return the row of metrics.csv after `done` steps, without validation.

    The training loss is the mean over the steps since the last row.
    """
    since = done - int(history[-1]["step"]) if history else done
    return {"step": done, "epoch": done / steps_per_epoch, "train_loss": loss_sum / since}


def validation_figures(task: Task, figures: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of an evaluation that metrics.csv keeps."""
    return {f"validation_{name}": value for name, value in task.scalars(figures).items()}


def score(task: Task, row: dict[str, float]) -> float:
    """Return the score that selects the best checkpoint; higher is better."""
    figure = row[f"validation_{task.selection}"]
    return figure if task.higher_is_better else -figure


def reached(task: Task, config: Config, row: dict[str, float]) -> bool:
    """Return True if an evaluation has all values of `until`, and there are some."""
    signs = {merit.name: 1 if merit.higher_is_better else -1 for merit in task.report.merits}
    goals = config.until.items()
    return bool(goals) and all(signs[name] * (row[f"validation_{name}"] - goal) >= 0 for name, goal in goals)


def refuse_diverged(progress: Progress, state: TrainState) -> None:
    """Wait for `state`; raise `InputError` if its losses or anything that it has learned are not finite.

    Gradients of a step that are not finite make the parameters so, while the loss of that step may still be finite.
    """
    progress.wait()
    learned = (state.params, state.model_state, state.opt_state, state.average, state.loss_sum)
    if not all(np.isfinite(leaf).all() for leaf in map(np.asarray, jax.tree.leaves(learned))):
        raise InputError(divergence(int(state.step), "a state of which not every value is finite"))


def diverged_later(task: Task, history: History) -> str:
    """Return the message for a run whose last validation scores are NaN, after some that were not."""
    scores = [score(task, row) for row in history]
    last = max(i for i, value in enumerate(scores) if not math.isnan(value))
    return (
        f"training diverged: validation {task.selection} is NaN from step {history[last + 1]['step']:,}; the best "
        f"earlier step is kept; {DIVERGED}"
    )


@contextlib.contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True after Ctrl-C or SIGTERM; a second signal raises `KeyboardInterrupt`.

    The loop can then stop at the end of its step. With several processes the signal kills the process instead, since
    all must stop at the same step. Only the main thread can handle signals; in others the function returns False.
    """
    seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM) if jax.process_count() == 1 else ()
    with handled(note, *numbers):
        yield lambda: bool(seen)
