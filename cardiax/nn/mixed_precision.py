"""Mixed precision: networks computed in bfloat16 with parameters, statistics and loss in float32."""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class InBfloat16:
    """A Flax module computed in bfloat16, which has the range of float32 and 8 bits of mantissa.

    Parameters and inputs are cast to bfloat16, so convolutions, products and intermediate values are bfloat16. These
    stay float32: the stored parameters, gradients and optimizer state; batch statistics; the last layer of a network
    with outputs in ms or mV, where bfloat16 would round 100 ms to half a ms; and the outputs and the loss. Loss scaling
    is not needed, since bfloat16 has the exponents of float32.
    """

    module: nn.Module

    def init(self, *arguments: Any, **options: Any) -> Any:
        """Return the module's variables, float32."""
        return self.module.init(*arguments, **options)

    def apply(
        self, variables: Any, *args: jax.Array, train: bool, rngs: Any = None, mutable: Any = False, **inputs: Any
    ) -> Any:
        """Return float32 outputs (B, ...) of inputs (B, ...); with `mutable`, the pair (outputs, changed variables)."""
        low: Any = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (variables["params"], args, inputs))
        params, args, inputs = low
        answer: Any = self.module.apply(
            variables | {"params": params}, *args, train=train, rngs=rngs, mutable=mutable, **inputs
        )
        if mutable is False:
            return answer.astype(jnp.float32)
        outputs, changed = answer
        return outputs.astype(jnp.float32), changed
