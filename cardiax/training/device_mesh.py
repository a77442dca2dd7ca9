"""One step mapped over devices: the batch is divided, the state is the same on each; of a population, the members are
divided, each of them whole on its device."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cardiax.errors import InputError
from cardiax.training.population import PopulationStep
from cardiax.training.state import TrainState
from cardiax.training.step import AXIS, Batch, EvalStep, TrainStep

MEMBER = "member"
"""Name of the axis over which a population is divided."""

ON_CPU = {
    # The passes that take barriers away, those of `cardiax.nn.convolution`, before the compiler fuses.
    "xla_disable_hlo_passes": "cse_barrier_expander,optimization_barrier_expander",
    # What YNNPACK does in place of Eigen: not 2-D convolutions, for which it takes one core of several.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
}
"""Options of XLA's CPU backend that make a step faster and change no more than the order of sums."""

ResidentStep = Callable[[TrainState, tuple[Batch, jax.Array]], tuple[TrainState, jax.Array]]


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:  # pyright: ignore[reportInvalidTypeForm]
    """All devices (of all processes, unless `devices` says which) along one axis."""
    devices = jax.devices() if devices is None else devices
    return Mesh(np.asarray(devices), (AXIS,), axis_types=(AxisType.Auto,))


def compiler_options(mesh: Mesh) -> dict[str, Any]:
    """What programs of these devices are compiled with: `ON_CPU`, as far as the installed XLA knows it, or nothing.

    XLA's options come and go between versions; without them a step is slower and nothing else.
    """
    return _known_on_cpu() if mesh.devices.flat[0].platform == "cpu" else {}


@functools.cache
def _known_on_cpu() -> dict[str, Any]:
    return {name: value for name, value in ON_CPU.items() if _is_known(name, value)}


def _is_known(name: str, value: str) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def map_train_step(step: TrainStep, mesh: Mesh) -> TrainStep:
    """`step` over the mesh: (state, global batch) → (state, loss). The buffers of the state that goes in are reused."""
    mapped = jax.shard_map(step, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(), check_vma=False)
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(mesh))


def map_resident_step(step: TrainStep, mesh: Mesh) -> ResidentStep:
    """`step` over the mesh, k times in one program: (state, (examples, places)) → (state, losses (k,)).

    The examples (n, ...) are whole on every device; places int32 (k, B) say which of them are the global batch of each
    step. The same bits as k calls of `map_train_step`. For accelerators alone: XLA's CPU backend is 13 times slower in
    a loop over convolutions. The buffers of the state that goes in are reused.
    """

    def steps(state: TrainState, feed: tuple[Batch, jax.Array]) -> tuple[TrainState, jax.Array]:
        examples, indices = feed

        def one(state: TrainState, some: jax.Array) -> tuple[TrainState, jax.Array]:
            return step(state, {name: array[some] for name, array in examples.items()})

        return jax.lax.scan(one, state, indices)

    mapped = jax.shard_map(steps, mesh=mesh, in_specs=(P(), (P(), P(None, AXIS))), out_specs=P(), check_vma=False)
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(mesh))


def map_eval_step(step: EvalStep, mesh: Mesh) -> EvalStep:
    """`step` over the mesh: (variables, global batch) → measures of every example, on every device."""
    mapped = jax.shard_map(step, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(), check_vma=False)
    return jax.jit(mapped, compiler_options=compiler_options(mesh))


def make_population_mesh(members: int, devices: Sequence[jax.Device] | None = None) -> Mesh:  # pyright: ignore[reportInvalidTypeForm]
    """As many of the devices as divide the members evenly, (d, 1): `MEMBER` and, for the step's sake, `AXIS`."""
    devices = jax.devices() if devices is None else devices
    count = math.gcd(members, len(devices))
    return Mesh(np.asarray(devices[:count]).reshape(count, 1), (MEMBER, AXIS), axis_types=(AxisType.Auto,) * 2)


def map_population_step(step: PopulationStep, mesh: Mesh) -> PopulationStep:
    """`step` over the mesh of `make_population_mesh`. The buffers of the state that goes in are reused."""
    mapped = jax.shard_map(step, mesh=mesh, in_specs=P(MEMBER), out_specs=P(MEMBER), check_vma=False)
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(mesh))


def divide_members(tree: Any, mesh: Mesh) -> Any:
    """A pytree of arrays (M, ...), M members, laid over the mesh of `make_population_mesh`."""
    return jax.device_put(tree, NamedSharding(mesh, P(MEMBER)))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """A pytree of host arrays, equal in every process, on every device."""
    sharding = NamedSharding(mesh, P())
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, np.asarray(leaf)), tree)


def divide(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """This process's share of a batch (see `process_share`), laid over its devices."""
    sharding = NamedSharding(mesh, P(AXIS))
    return {name: jax.make_array_from_process_local_data(sharding, leaf) for name, leaf in batch.items()}


def divide_places(indices: np.ndarray, mesh: Mesh) -> jax.Array:
    """Which examples k steps take, (k, B), divided as `map_resident_step` wants them; one process alone."""
    return jax.device_put(indices.astype(np.int32), NamedSharding(mesh, P(None, AXIS)))


def process_share(indices: np.ndarray) -> np.ndarray:
    """The part of a global batch's indices (B,) that this process reads: (B / processes,)."""
    return indices.reshape(jax.process_count(), -1)[jax.process_index()]


def check_divisible(batch_size: int, devices: int) -> None:
    """A batch must divide evenly over the devices: the step takes the mean of their means."""
    if batch_size % devices:
        fitting = max(batch_size // devices, 1) * devices
        raise InputError(f"batch_size: found {batch_size}, expected a multiple of the {devices} devices, {fitting} say")
