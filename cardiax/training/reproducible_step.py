"""Steps whose results are bit-identical on any number of devices."""

import functools
import operator
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax._src import xla_bridge  # JAX has no public function that tells whether it has started
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cardiax.training.device_mesh import compiler_options, make_mesh
from cardiax.training.state import TrainState
from cardiax.training.step import AXIS, Batch, EvalStep, Gradient


class ReproducibleStep:
    """The training step (state, global batch) → (state, loss), in as many parts on any number of devices.

    The gradients of the parts, which have equal sizes, are added in their order. The gradient of a part, and the
    average and the update, are programs for a single device, so that they are the same programs everywhere; all others
    only copy. Within one program for all parts, XLA rounds in ways that depend on how many parts a device has. On CPUs
    XLA also divides sums among its threads, whose number `fix_threads` determines.

    Compared with the step of `make_train_step`, batch statistics and the pairs of mixup are those of a part, and other
    dropout masks are drawn.

    `gradient` and `update` are from `make_gradient` and `make_update` of `cardiax.training.step`. States are replicated
    over the mesh, and batches divided; the number of parts is a multiple of its devices.
    """

    def __init__(self, gradient: Gradient, update: Callable[..., TrainState], parts: int, mesh: Mesh):
        def average(state: TrainState, found: Any) -> tuple[TrainState, jax.Array]:
            mean = jax.tree.map(lambda leaf: functools.reduce(operator.add, list(leaf)) / parts, found)
            return update(state, *mean), mean[0]

        self._parts, self._rounds = parts, parts // mesh.size
        self._divided, self._replicated = NamedSharding(mesh, P(AXIS)), NamedSharding(mesh, P())
        self._stack = jax.jit(lambda found: jax.tree.map(lambda *leaves: jnp.stack(leaves), *found))
        self._gather = jax.jit(lambda tree: tree, out_shardings=self._replicated)
        self._devices = [
            (index * self._rounds, device, _alone(gradient, device), _alone(average, device))
            for index, device in enumerate(mesh.devices.flat)
            if device in mesh.local_devices
        ]

    def eval_shape(self, state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        """Trace the programs and return the shapes of the results."""
        _, _, gradient, average = self._devices[0]
        part = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((len(leaf) // self._parts, *leaf.shape[1:]), leaf.dtype), batch
        )
        state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state)
        found = gradient.eval_shape(state, part, 0)
        every = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((self._parts, *leaf.shape), leaf.dtype), found)
        return average.eval_shape(state, every)

    def __call__(self, state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        """Do one step; the state and the results are replicated over the mesh, and the batch is divided over it."""
        states = [_of_device(state, device) for _, device, _, _ in self._devices]
        found = [
            self._stack([gradient(own, part, first + i) for i, part in enumerate(self._parts_of(batch, device))])
            for own, (first, device, gradient, _) in zip(states, self._devices, strict=True)
        ]
        every = self._gather(jax.tree.map(functools.partial(_assemble, self._divided, self._parts), *found))
        results = [
            average(own, _of_device(every, device))
            for own, (_, device, _, average) in zip(states, self._devices, strict=True)
        ]
        return jax.tree.map(functools.partial(_assemble, self._replicated, None), *results)

    def _parts_of(self, batch: Batch, device: jax.Device) -> list[Batch]:  # pyright: ignore[reportInvalidTypeForm]
        """Return the parts of a batch that lie on a device."""
        own = _of_device(batch, device)
        size = len(own["target"]) // self._rounds
        starts = range(0, len(own["target"]), size)
        return [{name: leaf[start : start + size] for name, leaf in own.items()} for start in starts]


def fix_threads(parts: int) -> str:
    """Let XLA's CPU backend have `parts` threads, whatever the number of cores and of simulated devices.

    It reads this number from the environment variable NPROC when JAX first looks for devices.

    Returns:
      Why that is too late, for an error message; empty if it is done, or on another backend.
    """
    found = os.environ.get("NPROC")
    if found == str(parts):
        return ""
    if not xla_bridge.backends_are_initialized():
        os.environ["NPROC"] = str(parts)
        return ""
    if jax.default_backend() != "cpu":
        return ""
    threads = f"NPROC={found}" if found else "as many threads as cores"
    return (
        f"reproducible: found JAX started with {threads}, expected {parts} threads; use a process of its own (of a "
        f"sweep: --workers 2), or set NPROC={parts} before Python starts"
    )


def map_reproducible_eval(step: EvalStep, mesh: Mesh) -> EvalStep:
    """Do as `cardiax.training.device_mesh.map_eval_step`, with the same program for each device of any mesh.

    Results are bit-identical if every device has the same number of examples.
    """
    programs = [(device, _alone(step, device)) for device in mesh.local_devices]
    gather = jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, P()))

    def evaluate(variables: Any, batch: Batch) -> dict[str, jax.Array]:
        found = [program(_of_device(variables, device), _of_device(batch, device)) for device, program in programs]
        total = len(batch["target"])
        return gather(jax.tree.map(functools.partial(_assemble, NamedSharding(mesh, P(AXIS)), total), *found))

    return evaluate


def _assemble(sharding: NamedSharding, total: int | None, *leaves: jax.Array) -> jax.Array:
    """Make one array of those of all devices: copies, or with `total` their shares of an array (total, ...)."""
    shape = leaves[0].shape if total is None else (total, *leaves[0].shape[1:])
    return jax.make_array_from_single_device_arrays(shape, sharding, list(leaves))


def _alone(function: Callable[..., Any], device: jax.Device) -> Any:  # pyright: ignore[reportInvalidTypeForm]
    """Compile a function of one device's arrays for that device, with an axis `AXIS` of size 1."""
    mesh = make_mesh([device])
    mapped = jax.shard_map(function, mesh=mesh, in_specs=P(), out_specs=P(), check_vma=False)
    return jax.jit(mapped, compiler_options=compiler_options(mesh))


def _of_device(tree: Any, device: jax.Device) -> Any:  # pyright: ignore[reportInvalidTypeForm]
    """Return the part of each array that lies on a device."""
    return jax.tree.map(
        lambda leaf: next(shard.data for shard in leaf.addressable_shards if shard.device == device), tree
    )
