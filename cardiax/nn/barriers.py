"""Control of XLA's fusion."""

import jax
from jax import lax

from cardiax.nn.speedups import uses


def fusion_barrier(x: jax.Array) -> jax.Array:
    """Return x; on a CPU the compiler does not move operations across this point or compute x more than once.

    It has an effect only in programs compiled with `cardiax.training.device_mesh.compiler_options`. In these it must
    not be used inside a loop over a few numbers, such as that of `jax.random.gamma`: XLA compiles such a loop as one
    kernel, in which barriers are not supported.
    """
    if not uses("barriers"):
        return x
    return lax.platform_dependent(x, cpu=lax.optimization_barrier, default=lambda x: x)
