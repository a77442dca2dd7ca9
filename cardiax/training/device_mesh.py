"""Steps mapped over devices: the batch is divided and the state replicated."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cardiax.errors import InputError
from cardiax.nn.speedups import uses
from cardiax.training.state import TrainState
from cardiax.training.step import AXIS, Batch, EvalStep, TrainStep

ON_CPU = {
    # These passes would remove the barriers of `cardiax.nn.barriers` before fusion.
    "xla_disable_hlo_passes": "cse_barrier_expander,optimization_barrier_expander",
    # The operations that YNNPACK computes instead of Eigen. 2-D convolutions are left out: it runs them on one core.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
}
"""Options of XLA's CPU backend that make a step faster; they change nothing but the order of sums."""

ResidentStep = Callable[[TrainState, tuple[Batch, jax.Array]], tuple[TrainState, jax.Array]]


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:  # pyright: ignore[reportInvalidTypeForm]
    """Return a one-dimensional mesh of `devices`; None for all devices of all processes."""
    devices = jax.devices() if devices is None else devices
    return Mesh(np.asarray(devices), (AXIS,), axis_types=(AxisType.Auto,))


def compiler_options(mesh: Mesh) -> dict[str, Any]:
    """Return the compiler options for a mesh: on a CPU those of `ON_CPU` that the installed XLA supports, else none.

    XLA's options change between versions; without them a step is only slower.
    """
    return supported(ON_CPU) if mesh.devices.flat[0].platform == "cpu" and uses("compiler_options") else {}


def supported(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of compiler options that the installed XLA knows."""
    return {name: value for name, value in options.items() if _is_known(name, value)}


@functools.cache
def _is_known(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def map_train_step(step: TrainStep, mesh: Mesh) -> TrainStep:
    """Map `step` over the mesh: (state, global batch) → (state, loss). The input state is donated."""
    mapped = jax.shard_map(step, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(), check_vma=False)
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(mesh))


def map_resident_step(step: TrainStep, mesh: Mesh) -> ResidentStep:
    """Map `step` over the mesh, k times in one program: (state, (examples, indices)) → (state, losses (k,)).

    The examples (n, ...) are replicated on every device; indices int32 (k, B) select the global batch of each step. The
    result is bit-identical to k calls of `map_train_step`. Use it on accelerators only: XLA's CPU backend is 13 times
    slower in a loop over convolutions. The input state is donated.
    """

    def steps(state: TrainState, feed: tuple[Batch, jax.Array]) -> tuple[TrainState, jax.Array]:
        examples, indices = feed

        def one(state: TrainState, some: jax.Array) -> tuple[TrainState, jax.Array]:
            return step(state, {name: array[some] for name, array in examples.items()})

        return jax.lax.scan(one, state, indices)

    mapped = jax.shard_map(steps, mesh=mesh, in_specs=(P(), (P(), P(None, AXIS))), out_specs=P(), check_vma=False)
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(mesh))


def map_eval_step(step: EvalStep, mesh: Mesh) -> EvalStep:
    """Map `step` over the mesh: (variables, global batch) → values of every example, replicated on every device."""
    mapped = jax.shard_map(step, mesh=mesh, in_specs=(P(), P(AXIS)), out_specs=P(), check_vma=False)
    return jax.jit(mapped, compiler_options=compiler_options(mesh))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Replicate a pytree of host arrays, which are equal in every process, on every device."""
    sharding = NamedSharding(mesh, P())
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, np.asarray(leaf)), tree)


def replicated_shapes(tree: Any, mesh: Mesh) -> Any:
    """Return the shapes and types of a pytree of arrays, with the sharding of `replicate`."""
    sharding = NamedSharding(mesh, P())
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)


def divide(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Shard this process's share of a batch (see `process_share`) over its devices."""
    sharding = NamedSharding(mesh, P(AXIS))
    return {name: jax.make_array_from_process_local_data(sharding, leaf) for name, leaf in batch.items()}


def divide_indices(indices: np.ndarray, mesh: Mesh) -> jax.Array:
    """Shard the example indices of k steps, (k, B), for `map_resident_step`; for a single process only."""
    return jax.device_put(indices.astype(np.int32), NamedSharding(mesh, P(None, AXIS)))


def process_share(indices: np.ndarray) -> np.ndarray:
    """Return the part of a global batch's indices (B,) that this process reads: (B / processes,)."""
    return indices.reshape(jax.process_count(), -1)[jax.process_index()]


def check_divisible(batch_size: int, devices: int, parts: int = 0) -> None:
    """Raise `InputError` if a batch does not divide evenly over the devices, since the step averages their means.

    With `parts`, those of `Config.reproducible`, the batch must divide evenly over them, and they over the devices.
    """
    if parts and (parts % devices or batch_size % parts):
        raise InputError(
            f"reproducible: found {parts}, expected a multiple of the {devices} devices that divides the batch size "
            f"{batch_size}"
        )
    if batch_size % devices:
        fitting = max(batch_size // devices, 1) * devices
        raise InputError(
            f"batch_size: found {batch_size}, expected a multiple of the {devices} devices, e.g. {fitting}"
        )
