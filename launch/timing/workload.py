"""The training step of a task and a model on one synthetic batch, compiled and ready to be timed."""

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
from cardiax.tasks import find_task, input_shapes
from cardiax.training import device_mesh
from cardiax.training.lookup import network_of
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import TrainState, create_state, evaluated
from cardiax.training.step import AXIS, inputs_of, make_predict_step, make_train_step


def _reference_systems(task: str) -> dict[str, System]:
    """Return model → first reference system that uses it, without boosted trees."""
    found: dict[str, System] = {}
    for system in SYSTEMS[task].values():
        model = system.fields.get("model")
        if model in MODELS:
            found.setdefault(model, system)
    return found


REFERENCES = {task: _reference_systems(task) for task in SYSTEMS}
"""The reference systems of each task, in addition to its default model."""

ON_REQUEST = ("field_cnn",)
"""Models that are measured only if named: a step takes minutes and over 10 GB."""

SIZES = (1, 256)
"""Batch sizes of inference."""

PLAIN = AugmentationConfig(stretch=0.0, warp=0.0, noise=0.0, mixup=0.0)

TARGETS = {"activation": (0.0, 185.0), "transmembrane": (-93.0, 49.0)}
"""Range of the targets of the UCSD/LLNL dataset, ms and mV; the other tasks have classes."""


def models_of(task: str) -> tuple[str, ...]:
    """Return the models that can be measured on a task, its default first."""
    find_task(task)
    return (recipe(task).model, *REFERENCES[task])


def configure(task: str, model: str, model_args: dict[str, Any], bare: bool, precision: str = "float32") -> Config:
    """Return the configuration to measure: that of the recipe of a default model, or of a reference system.

    `model_args` override those of the reference. Without augmentation, average and schedule (`bare`), a step is
    network, loss and update rule. Raises `InputError` if the task does not exist, or the model does not fit it.
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
"""Source of the batch statistics: running averages, or the batch."""


@dataclass(frozen=True)
class Workload:
    """A training step with its inputs.

    Attributes:
      module: network in float32, for use outside a mapped step.
      step: compiled step, (state, batch) → (state, loss); the input state is donated.
      host: the batch in NumPy: `input` (B, ...), `target` (B, ...); `batch` is on the devices.
      variables: initial variables in NumPy.
      flops: FLOPs of one step over all devices.
      memory: bytes of arguments, results and intermediate values of the step on one device.
      compile_seconds: seconds of tracing, lowering and compilation.
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
        """The number of parameters of the model."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.variables["params"]))


def prepare(config: Config) -> Workload:
    """Make the batch and the initial state, and compile the step over all devices."""
    mesh, task = device_mesh.make_mesh(), find_task(config.task)
    device_mesh.check_divisible(config.batch_size, mesh.size)
    model = network_of(config, AXIS)
    host = make_batch(config, config.batch_size)
    tx = make_optimizer(config.optimizer, 1000)
    fresh = jax.jit(lambda: create_state(model, tx, config.seed, input_shapes(config), config.ema > 0))()
    share = device_mesh.process_share(np.arange(config.batch_size))
    state = device_mesh.replicate(jax.device_get(fresh), mesh)
    batch = device_mesh.divide({name: array[share] for name, array in host.items()}, mesh)
    loss = task.training_loss(config, host["target"])
    mapped: Any = device_mesh.map_train_step(make_train_step(task, model, tx, config, loss), mesh)
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
    """Draw noise in the task's shapes: inputs (size, ...), float32 in [0, 1), and `target` (size, ...), in range."""
    task, random, shapes = find_task(config.task), np.random.default_rng(config.seed), input_shapes(config)
    batch = {name: random.random((size, *shape), dtype=np.float32) for name, shape in shapes.items()}
    if config.task not in TARGETS:
        return batch | {"target": random.integers(0, task.outputs, size, dtype=np.int32)}
    shape = (size, task.outputs) if config.task == "activation" else (size, shapes["leads"][0], task.outputs)
    return batch | {"target": random.uniform(*TARGETS[config.task], shape).astype(np.float32)}


def training(workload: Workload) -> Callable[[int], None]:
    """Return a function that does a given number of training steps, continuing from its last state."""
    state = workload.state

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            state, loss = workload.step(state, workload.batch)
            loss.block_until_ready()

    return run


def evaluation(workload: Workload, size: int) -> tuple[Any, dict[str, Any], dict[str, jax.Array]]:
    """Return the jitted inference step on one device, (variables, batch) → outputs, the variables and `size` inputs."""
    config, mesh = workload.config, device_mesh.make_mesh(jax.devices()[:1])
    model = network_of(config, AXIS)
    batch = device_mesh.divide(inputs_of(make_batch(config, size)), mesh)
    step = device_mesh.map_eval_step(make_predict_step(model), mesh)
    return step, device_mesh.replicate(workload.variables, mesh), batch


def inference(workload: Workload, size: int) -> Callable[[int], None]:
    """Return a function that evaluates `size` inputs on one device a given number of times."""
    return repeated(*evaluation(workload, size))


def repeated(program: Callable[..., Any], *arguments: Any) -> Callable[[int], None]:
    """Return a function that runs the program a given number of times and waits for each result."""

    def run(times: int) -> None:
        for _ in range(times):
            jax.block_until_ready(program(*arguments))

    return run


def losses(workload: Workload) -> dict[str, float]:
    """Compute the initial loss without dropout, with batch statistics as in `evaluation` and in `training`."""
    task, model = find_task(workload.config.task), workload.module
    model = model.clone(dropout_rate=0.0) if hasattr(model, "dropout_rate") else model
    loss_of_examples = task.training_loss(workload.config, workload.host["target"])
    statistics = [name for name in workload.variables if name != "params"]

    @partial(jax.jit, static_argnames="train")
    def loss(variables: Any, batch: Any, train: bool) -> jax.Array:
        outputs, _ = model.apply(variables, **inputs_of(batch), train=train, mutable=statistics)
        return jnp.mean(loss_of_examples(outputs, batch["target"]))

    return {name: float(loss(workload.variables, workload.host, name == "training")) for name in MODES}


def seconds_to_first_step(config: Config) -> float:
    """Measure the time from the start of a new process to the end of its first training step.

    It includes Python, imports, initialization and compilation. The data are synthetic, so no dataset is read.
    """
    program = "import sys\nfrom cardiax.launch.timing.workload import first_step\nfirst_step(sys.argv[1])"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, json.dumps(to_dict(config))], check=True)
    return time.perf_counter() - start


def first_step(text: str) -> None:
    """Do the first training step of the configuration in `text`, the JSON of `to_dict`."""
    workload = prepare(from_dict(json.loads(text)))
    jax.block_until_ready(workload.step(workload.state, workload.batch))


def flops_of(traced: Any, compiled: Any) -> float:
    """Return the FLOPs of a program on one device."""
    return compiled.cost_analysis()["flops"] + products_of_scans(traced.jaxpr)


def products_of_scans(jaxpr: Any, times: int = 1) -> float:
    """Return the FLOPs of the matrix products in a jaxpr that runs `times`, without those that XLA counts.

    XLA counts the body of a scan once.
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
