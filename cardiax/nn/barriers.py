"""What XLA's compiler may fuse."""

import jax
from jax import lax


def fusion_barrier(x: jax.Array) -> jax.Array:
    """x; on a CPU the compiler may not move work over this point, nor work x out more than once.

    It holds in programs that were compiled with `cardiax.training.device_mesh.compiler_options`. There it must not be
    called inside of a loop over a few numbers, as that of `jax.random.gamma`: XLA compiles such a loop as one piece,
    and knows no barriers in it.
    """
    return lax.platform_dependent(x, cpu=lax.optimization_barrier, default=lambda x: x)
