"""Training of several runs in one program, each with its own folder, in the order of `training_loop`.

A population that is stopped or killed resumes bit-identically, all members from one step. Its common checkpoint lies in
a separate folder until the members are trained; then the folder of each member is that of any finished run.
"""

import contextlib
import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax import datasets
from cardiax.config import Config
from cardiax.errors import InputError
from cardiax.launch.loops.training_loop import (
    REMEDY,
    divergence,
    interruption,
    interrupts,
    score,
    total_steps,
    training_row,
    validation_figures,
)
from cardiax.launch.run.environment import record_environment
from cardiax.launch.run.experiment import Evaluator, Experiment, load_experiments
from cardiax.launch.run.progress import Events, Progress, say
from cardiax.launch.run.restored import load_best
from cardiax.launch.run.run_folder import Workdir, joint_owner, read_json, write_json
from cardiax.training.checkpoint import Checkpoints, History
from cardiax.training.device_mesh import divide_members, make_mesh, make_population_mesh, map_population_step, replicate
from cardiax.training.population import create_population, make_population_step, varying_values
from cardiax.training.state import TrainState, evaluated, record_score

FILE = "population.json"
"""File in the population's folder during training: the members' folders, in the order of the checkpoint's axis."""


NO_SCORE = "training diverged: found no finite validation score, expected at least one"
"""Message for a member whose evaluations are all NaN."""


class DivergenceError(InputError):
    """Some members of a population diverged; `failures` has the folder of each → its error message."""

    def __init__(self, failures: dict[Path, str], members: int):
        told = "; ".join(f"{path}: {why}" for path, why in failures.items())
        super().__init__(f"{len(failures)} of {members} members diverged: {told}; {REMEDY}")
        self.failures = {path: f"{why}; {REMEDY}" for path, why in failures.items()}


@dataclass(frozen=True, eq=False)
class Member:
    """One run of a population; members share the examples, and their last states are written when all are trained."""

    experiment: Experiment
    workdir: Workdir
    checkpoints: Checkpoints

    @property
    def trained(self) -> bool:
        """True if the run has done all its steps, in a population or alone."""
        return self.checkpoints.step("latest") == total_steps(self.experiment)


def train_together(
    configs: Sequence[Config],
    workdirs: Sequence[Workdir],
    folder: Path,
    data_dir: str | None,
    memory: float | None = None,
) -> int:
    """Train one group of `cardiax.training.population.groups` in one program, then test each member.

    Each member equals the result of `train` on one device, up to the order of floating-point sums. Members that are
    already trained are only tested. `data_dir` and `memory` are those of `train`.

    Args:
      folder: folder of the common files during training, `FILE` and `checkpoints`. A call with the same folder resumes
        a population that was stopped or killed.

    Returns:
      Exit status: 0 when done, 1 when interrupted.

    Raises:
      DivergenceError: some members diverged; raised after the others were tested.
      InputError: a folder holds something else.
      ValueError: `configs` belong to several groups or have `patience`.
    """
    with contextlib.ExitStack() as held:
        for workdir in workdirs:
            held.enter_context(workdir.hold())
        return _train_together(configs, workdirs, folder, data_dir, memory)


def _train_together(
    configs: Sequence[Config], workdirs: Sequence[Workdir], folder: Path, data_dir: str | None, memory: float | None
) -> int:
    varying = [name for name, column in varying_values(configs).items() if len(set(column)) > 1]
    if configs[0].patience:
        raise ValueError("found a config with patience, expected none: such a run may stop early; train it alone")
    for config, workdir in zip(configs, workdirs, strict=True):
        workdir.check(config)

    # Data.
    data_path = Path(data_dir) if data_dir else datasets.default_data_dir()
    experiments = load_experiments(configs, data_path, say, memory=memory)
    mesh = make_mesh()
    evaluator = Evaluator(experiments[0], mesh)
    _trace_step(experiments[0])

    # Members.
    failures: dict[Path, str] = {}
    with contextlib.ExitStack() as stack:
        members = []
        for experiment, workdir in zip(experiments, workdirs, strict=True):
            record_environment(workdir, experiment.config, experiment.fingerprints, data_path)
            checkpoints = stack.enter_context(
                contextlib.closing(Checkpoints(workdir.checkpoints, owner=workdir.owner()))
            )
            members.append(Member(experiment, workdir, checkpoints))
        population = _begin(members, folder)
        if population:
            say(f"train: {len(population)} members together; they differ in {', '.join(varying) or 'nothing'}")
            histories = _train(population, evaluator, folder)
            if histories is None:
                return 1
            diverged = [pair for pair in zip(population, histories, strict=True) if _diverged(pair[1])]
            failures = {member.workdir.path: divergence(rows[:-1], rows[-1]) for member, rows in diverged}
        finished = [member for member in members if member.trained and member.checkpoints.step("best") is not None]
        failures |= {member.workdir.path: NO_SCORE for member in members if member.trained and member not in finished}

    # Test each member with its parameters that were best on validation.
    from cardiax.launch.evaluation.run_report import report  # imported late, as in `training_loop`

    for member in finished:
        experiment, workdir = member.experiment, member.workdir
        best = load_best(workdir, experiment.config, experiment.examples.shapes, experiment.model, mesh)
        say(f"{workdir.path}: best step on validation: {int(best.step):,}")
        report(workdir, experiment, evaluator, evaluated(best), "test", int(best.step))
    if failures:
        raise DivergenceError(failures, len(members))
    return 0


def _trace_step(experiment: Experiment) -> None:
    """Trace the training step of a member, so that its errors are raised before any run folder is created."""
    config, total, examples = experiment.config, total_steps(experiment), experiment.examples
    values = {name: jnp.asarray(column) for name, column in varying_values([config]).items()}
    state = jax.eval_shape(lambda: create_population(experiment.model, config, total, examples.shapes, values))
    step = make_population_step(experiment.task, experiment.model, config, total, experiment.targets, unroll=True)
    first = examples.take(experiment.split["train"][experiment.order.indices(0)])
    batch = jax.tree.map(lambda array: array[None], first)
    map_population_step(step, make_population_mesh(1)).eval_shape(state, values, batch)


def half_done(folder: Path) -> list[Workdir]:
    """Return the members of the unfinished population in `folder`, in its order; empty if there is none."""
    path = folder / FILE
    names = read_json(path).get("members", []) if path.exists() else []
    return [Workdir(os.path.normpath(folder / name)) for name in names]


def _begin(members: list[Member], folder: Path) -> list[Member]:
    """Return the members to train: those of an unfinished population, or else those that are not trained yet.

    Raises:
      InputError: `folder` holds an unfinished population of other members.
    """
    known = {os.path.relpath(member.workdir.path, folder): member for member in members}
    waiting = [name for name, member in known.items() if not member.trained]
    path = folder / FILE
    if path.exists():
        names = read_json(path).get("members", [])
        if not set(waiting) <= set(names) <= set(known):
            raise InputError(
                f"{path}: found an unfinished population of {', '.join(names)}, expected "
                f"{', '.join(waiting)}; finish it with the command that started it, or remove {folder}"
            )
        return [known[name] for name in names]
    if waiting:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # left by a population killed after it finished
        write_json(path, {"members": waiting})
    return [known[name] for name in waiting]


def _train(members: list[Member], evaluator: Evaluator, folder: Path) -> list[History] | None:
    """Train a population, from its last checkpoint if there is one.

    Returns:
      The history of each member, or None when interrupted. The history of a diverged member ends in a row without
      validation, whose loss is not finite.
    """
    started = time.monotonic() - sum(member.workdir.seconds() for member in members)
    one = members[0].experiment
    config, examples, steps_per_epoch, total = one.config, one.examples, one.order.steps_per_epoch, total_steps(one)
    mesh = make_population_mesh(len(members))

    def indices(step: int) -> np.ndarray:
        own = [member.experiment for member in members]
        return np.stack([each.split["train"][each.order.indices(step)] for each in own])

    # Model, optimiser, step.
    values = divide_members(varying_values([member.experiment.config for member in members]), mesh)
    init = jax.jit(lambda values: create_population(one.model, config, total, examples.shapes, values))
    state = divide_members(jax.device_get(init(values)), mesh)
    unroll = jax.default_backend() == "cpu"
    step_of_device = make_population_step(one.task, one.model, config, total, one.targets, unroll)
    train_step = map_population_step(step_of_device, mesh)
    record = jax.jit(jax.vmap(record_score))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // len(members)
    say(
        f"train: {config.task}, {config.model} with {parameters:,} parameters, {len(one.split['train']):,} examples, "
        f"{total:,} steps of {config.batch_size}, {mesh.size} × {jax.devices()[0].device_kind}, in {folder}"
    )

    with contextlib.ExitStack() as stack:
        # Resume. As in a single run, metrics.csv is rewritten from the checkpoint's history,
        # without the row of a divergence.
        owner = joint_owner(member.workdir for member in members)
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(folder / "checkpoints", owner=owner)))
        histories: list[History] = [[] for _ in members]
        if checkpoints.step("latest") is not None:
            state, rows = checkpoints.restore("latest", state)
            histories = _divided(rows, len(members))
            say(f"resume: from step {int(state.step[0]):,}")
        first = int(state.step[0])
        for member, history in zip(members, histories, strict=True):
            member.workdir.write_metrics(history[:-1] if _diverged(history) else history)

        # Loop.
        events = [stack.enter_context(contextlib.closing(Events(member.workdir.path, first))) for member in members]
        progress = stack.enter_context(contextlib.closing(Progress(total, first, steps_per_epoch)))
        batches = stack.enter_context(contextlib.closing(examples.batches(map(indices, range(first, total)))))
        with interrupts() as interrupted:
            for done, batch in enumerate(batches, first + 1):
                if all(map(_diverged, histories)):
                    break
                state, losses = train_step(state, values, divide_members(batch, mesh))
                progress.dispatched(losses, 1)
                if done % steps_per_epoch == 0 or done == total:
                    progress.wait()
                    progress.evaluating()
                    histories = _evaluate(members, evaluator, state, histories, done)
                    scores = [-math.inf if _diverged(rows) else score(one.task, rows[-1]) for rows in histories]
                    state = record(state, divide_members(np.asarray(scores, np.float32), mesh))
                    _save_best(members, state, histories)
                    checkpoints.save("latest", state, _joined(histories))
                    for member, rows, event in zip(members, histories, events, strict=True):
                        if not _diverged(rows):
                            member.workdir.write_metrics(rows)
                            member.workdir.write_seconds((time.monotonic() - started) / len(members))
                            event.write(rows[-1])
                            progress.evaluation(rows[-1], member.workdir.path.name)
                if interrupted():
                    if checkpoints.step("latest") != done:
                        checkpoints.save("latest", state, _joined(histories))
                    say(interruption(done, total))
                    return None

    # Save the last checkpoint of each member unless it is also its best. The population's checkpoint must be kept until
    # all of these are on disk.
    host = jax.device_get(state)
    for index, (member, history) in enumerate(zip(members, histories, strict=True)):
        if not _diverged(history) and not member.trained:
            member.checkpoints.save("latest", _of_member(host, index), history)
    for saved in (checkpoints, *(member.checkpoints for member in members)):
        saved.wait()
    (folder / FILE).unlink()
    shutil.rmtree(folder)
    say(f"train: {len(members)} members done in {time.monotonic() - started:.0f} s")
    return histories


def _evaluate(
    members: list[Member], evaluator: Evaluator, state: TrainState, histories: list[History], done: int
) -> list[History]:
    """Evaluate the members one after another after `done` steps and return their histories with a new row each."""
    variables, loss_sums = jax.device_get((evaluated(state), state.loss_sum))
    longer = []
    for index, (member, history) in enumerate(zip(members, histories, strict=True)):
        if _diverged(history):
            longer.append(history)
            continue
        task, steps_per_epoch = member.experiment.task, member.experiment.order.steps_per_epoch
        row = training_row(history, done, steps_per_epoch, float(loss_sums[index]))
        if math.isfinite(row["train_loss"]):
            row |= validation_figures(task, evaluator(_of_member(variables, index), "validation"))
        else:
            say(f"{member.workdir.path}: {divergence(history, row)}; the others continue")
        longer.append([*history, row])
    return longer


def _save_best(members: list[Member], state: TrainState, histories: list[History]) -> None:
    """Save the members that have just improved in their own folders, and wait until they are on disk."""
    better = np.flatnonzero(np.asarray(state.stale) == 0).tolist()
    host = jax.device_get(state) if better else state
    for index in better:
        members[index].checkpoints.save("best", _of_member(host, index), histories[index])
    for index in better:
        members[index].checkpoints.wait()


def _of_member(tree: Any, index: int) -> Any:
    """Take one member of a pytree of host arrays (M, ...), replicated over the devices as in a single run."""
    return replicate(jax.tree.map(lambda leaf: leaf[index], tree), make_mesh())


def _diverged(history: History) -> bool:
    return bool(history) and not math.isfinite(history[-1]["train_loss"])


def _joined(histories: list[History]) -> History:
    """Join the histories of all members into one, for the checkpoint."""
    return [{"member": index, **row} for index, history in enumerate(histories) for row in history]


def _divided(rows: History, members: int) -> list[History]:
    """Split a joined history by member: the inverse of `_joined`."""
    histories: list[History] = [[] for _ in range(members)]
    for row in rows:
        histories[int(row["member"])].append({name: value for name, value in row.items() if name != "member"})
    return histories
