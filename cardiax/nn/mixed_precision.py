"""A network computed in bfloat16, whose parameters, statistics and loss stay float32."""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class InBfloat16:
    """A module with the `init` and `apply` of a Flax module, computed in bfloat16: float32's range, 8 bits of mantissa.

    Parameters and inputs are cast on the way in, so that convolutions, products and what lies between them are
    bfloat16. Float32 stay: the parameters themselves, and so gradients and optimiser; batch statistics, which Flax sums
    in float32; the last layer of a network that answers in ms or mV, where bfloat16 would round 100 ms to half a ms;
    and the outputs, and so the loss. No scaling of the loss is needed, since bfloat16 has float32's exponents.

    Attributes:
      module: what is computed.
    """

    module: nn.Module

    def init(self, *arguments: Any, **options: Any) -> Any:
        """The module's variables, float32."""
        return self.module.init(*arguments, **options)

    def apply(self, variables: Any, inputs: jax.Array, **options: Any) -> Any:
        """Outputs float32 (B, ...) of inputs (B, ...); with `mutable`, and the variables that changed, as a pair."""
        low = variables | {"params": jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables["params"])}
        answer: Any = self.module.apply(low, inputs.astype(jnp.bfloat16), **options)
        if options.get("mutable", False) is False:
            return answer.astype(jnp.float32)
        outputs, changed = answer
        return outputs.astype(jnp.float32), changed
