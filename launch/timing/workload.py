"""A task and a model on one batch that is made up: the very step of training, compiled and ready to be timed."""

import dataclasses
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.baselines import SYSTEMS, System
from cardiax.config import AugmentationConfig, Config, from_dict, to_dict, with_overrides
from cardiax.errors import unknown
from cardiax.models import MODELS, build_model
from cardiax.recipes import recipe
from cardiax.tasks import find_task
from cardiax.training.device_mesh import (
    check_divisible,
    divide,
    make_mesh,
    map_eval_step,
    map_train_step,
    process_share,
    replicate,
)
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import TrainState, create_state, evaluated
from cardiax.training.step import AXIS, make_predict_step, make_train_step


def _reference_systems(task: str) -> dict[str, System]:
    """Model → the first of the reference systems that is made of it, trees left out."""
    found: dict[str, System] = {}
    for system in SYSTEMS[task].values():
        model = system.fields.get("model")
        if model in MODELS:
            found.setdefault(model, system)
    return found


REFERENCES = {task: _reference_systems(task) for task in SYSTEMS}
"""The reference systems of each task, beside its default model."""

ON_REQUEST = ("field_cnn",)
"""Models that are measured only where they are named: a step takes minutes and over 10 GB."""

SIZES = (1, 256)
"""Batches of inference."""

PLAIN = AugmentationConfig(stretch=0.0, warp=0.0, noise=0.0, mixup=0.0)

TARGETS = {"activation": (0.0, 185.0), "transmembrane": (-93.0, 49.0)}
"""ms and mV, the range of the UCSD/LLNL dataset's targets; the other tasks have classes."""


def models_of(task: str) -> tuple[str, ...]:
    """The models that may be measured on a task, its default first."""
    find_task(task)
    return (recipe(task).model, *REFERENCES[task])


def configure(task: str, model: str, model_args: dict[str, Any], bare: bool, precision: str = "float32") -> Config:
    """The experiment that is measured.

    A default model is trained by its recipe, augmentation and average included; a reference system as it was, see
    `cardiax.baselines`. `bare` leaves augmentation, average and schedule out of both, so that a step is network,
    loss and update rule. `model_args` come before the reference's.

    Raises:
      InputError: no such task, or the model does not fit it.
    """
    if model not in models_of(task):
        raise unknown(f"model of task {task!r}", model, models_of(task))
    config = recipe(task)
    if model != config.model:
        config = with_overrides(config, REFERENCES[task][model].fields)
    if bare:
        optimizer = dataclasses.replace(config.optimizer, schedule="constant", warmup=0.0)
        config = dataclasses.replace(config, optimizer=optimizer, augmentation=PLAIN, ema=0.0)
    return dataclasses.replace(config, model_args={**config.model_args, **model_args}, precision=precision)


MODES = ("evaluation", "training")
"""What batch statistics are taken from: the running ones, or the batch."""


@dataclass(frozen=True)
class Workload:
    """A training step with what goes in.

    Attributes:
      config: the experiment.
      module: the network, for use outside of a mapped step, in float32.
      step: the compiled step, (state, batch) → (state, loss); the state that goes in is used up.
      state: to begin with.
      batch: on the devices.
      host: the same batch, NumPy: `input` (B, ...), `target` (B, ...).
      variables: the weights to begin with, NumPy.
      flops: of one step, over all devices.
      memory: bytes of arguments, results and intermediate values of the step on one device.
      compile_seconds: tracing, lowering and compilation.
    """

    config: Config
    module: Any
    step: Callable[[TrainState, Any], tuple[TrainState, jax.Array]]
    state: TrainState
    batch: dict[str, jax.Array]
    host: dict[str, np.ndarray]
    variables: dict[str, Any]
    flops: float
    memory: int
    compile_seconds: float

    @property
    def parameters(self) -> int:
        """How many the model has."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.variables["params"]))


def prepare(config: Config) -> Workload:
    """Make the batch and the weights, and compile the step over all devices."""
    mesh, task = make_mesh(), find_task(config.task)
    check_divisible(config.batch_size, mesh.size)
    model = build_model(config.model, task.outputs, AXIS, config.model_args, config.precision)
    host = make_batch(config, config.batch_size)
    tx = make_optimizer(config.optimizer, 1000)
    fresh = jax.jit(lambda: create_state(model, tx, config.seed, task.input_shape, config.ema > 0))()
    share = process_share(np.arange(config.batch_size))
    state = replicate(jax.device_get(fresh), mesh)
    batch = divide({name: array[share] for name, array in host.items()}, mesh)
    loss = task.training_loss(config, host["target"])
    mapped: Any = map_train_step(make_train_step(task, model, tx, config, loss), mesh)
    start = time.perf_counter()
    traced = mapped.trace(state, batch)
    step = traced.lower().compile()
    seconds = time.perf_counter() - start
    sizes = step.memory_analysis()
    held = sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    variables = jax.device_get(evaluated(fresh))
    flops = mesh.size * flops_of(traced, step)
    module = build_model(config.model, task.outputs, None, config.model_args)
    memory = held + sizes.temp_size_in_bytes
    return Workload(config, module, step, state, batch, host, variables, flops, memory, seconds)


def make_batch(config: Config, size: int) -> dict[str, np.ndarray]:
    """Noise in the task's shapes, float32 in [0, 1) and targets in their range: `input` and `target` (size, ...)."""
    task, random = find_task(config.task), np.random.default_rng(config.seed)
    inputs = random.random((size, *task.input_shape), dtype=np.float32)
    if config.task not in TARGETS:
        return {"input": inputs, "target": random.integers(0, task.outputs, size, dtype=np.int32)}
    shape = (size, task.outputs) if config.task == "activation" else (size, task.input_shape[0], task.outputs)
    return {"input": inputs, "target": random.uniform(*TARGETS[config.task], shape).astype(np.float32)}


def training(workload: Workload) -> Callable[[int], None]:
    """A function that makes so many training steps, each from the state that the one before left."""
    state = workload.state

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            state, loss = workload.step(state, workload.batch)
            loss.block_until_ready()

    return run


def evaluation(workload: Workload, size: int) -> tuple[Any, dict[str, Any], dict[str, jax.Array]]:
    """The jitted step of inference on one device, (variables, batch) → outputs, and what goes in: `size` inputs."""
    config, mesh = workload.config, make_mesh(jax.devices()[:1])
    model = build_model(config.model, find_task(config.task).outputs, AXIS, config.model_args, config.precision)
    batch = divide({"input": make_batch(config, size)["input"]}, mesh)
    return map_eval_step(make_predict_step(model), mesh), replicate(workload.variables, mesh), batch


def inference(workload: Workload, size: int) -> Callable[[int], None]:
    """A function that evaluates `size` inputs so many times over, on one device."""
    return repeated(*evaluation(workload, size))


def repeated(program: Callable[..., Any], *arguments: Any) -> Callable[[int], None]:
    """A function that runs the program so many times over, and waits for it each time."""

    def run(times: int) -> None:
        for _ in range(times):
            jax.block_until_ready(program(*arguments))

    return run


def losses(workload: Workload) -> dict[str, float]:
    """The loss of the first weights with dropout off, its batch statistics as in `evaluation` and in `training`."""
    task, model = find_task(workload.config.task), workload.module
    model = model.clone(dropout_rate=0.0) if hasattr(model, "dropout_rate") else model
    loss_of_examples = task.training_loss(workload.config, workload.host["target"])
    statistics = [name for name in workload.variables if name != "params"]

    @partial(jax.jit, static_argnames="train")
    def loss(variables: Any, batch: Any, train: bool) -> jax.Array:
        outputs, _ = model.apply(variables, batch["input"], train=train, mutable=statistics)
        return jnp.mean(loss_of_examples(outputs, batch["target"]))

    return {name: float(loss(workload.variables, workload.host, name == "training")) for name in MODES}


def seconds_to_first_step(config: Config) -> float:
    """From the start of a new process to the end of its first training step: Python, imports, weights, compilation.

    The data are made up; nothing is read but the program.
    """
    program = "import sys\nfrom cardiax.launch.timing.workload import first_step\nfirst_step(sys.argv[1])"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, json.dumps(to_dict(config))], check=True)
    return time.perf_counter() - start


def first_step(text: str) -> None:
    """Make the first step of the config in `text`, JSON as `to_dict` has it."""
    workload = prepare(from_dict(json.loads(text)))
    jax.block_until_ready(workload.step(workload.state, workload.batch))


def flops_of(traced: Any, compiled: Any) -> float:
    """FLOPs of a program on one device."""
    return compiled.cost_analysis()["flops"] + products_of_scans(traced.jaxpr)


def products_of_scans(jaxpr: Any, times: int = 1) -> float:
    """FLOPs that XLA's count leaves out: it takes a scan's body once; these are the matrix products of the other times.

    Args:
      jaxpr: of the step.
      times: how often it runs.
    """
    total = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            terms = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
            total += (times - 1) * 2 * terms * equation.outvars[0].aval.size
        again = times * equation.params["length"] if equation.primitive.name == "scan" else times
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            if hasattr(inner, "eqns"):
                total += products_of_scans(inner, again)
    return total
