"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax


class BiLSTM(nn.Module):
    """A bidirectional layer with two bias vectors per direction, as in PyTorch: (T, B, C) → (T, B, 2 · features).

    Both directions run in one loop, after the products with the inputs. Time is the first axis, so that a step reads
    contiguous memory. There are `features` hidden units in each direction.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return hidden states (T, B, 2 · features), forward direction first."""
        size, width = self.features, 4 * self.features
        to_gates = self.param("input_kernel", nn.initializers.lecun_normal(batch_axis=(0,)), (2, x.shape[-1], width))
        kernel = self.param("recurrent_kernel", nn.initializers.orthogonal(), (2, size, width))
        biases = self.param("bias", nn.initializers.zeros_init(), (2, 2, width))
        series = jnp.stack([x, jnp.flip(x, axis=0)], axis=1)
        inputs = jnp.einsum("tdbc,dcg->tdbg", series, to_gates) + jnp.sum(biases, axis=0)[None, :, None, :]

        def step(carry: tuple[jax.Array, jax.Array], gates: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            hidden, cell = carry
            i, f, g, o = jnp.split(gates + hidden @ kernel, 4, axis=-1)
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
            hidden = nn.sigmoid(o) * jnp.tanh(cell)
            return (hidden, cell), hidden

        zeros = jnp.zeros((2, x.shape[1], size), inputs.dtype)
        forwards, backwards = jnp.moveaxis(lax.scan(step, (zeros, zeros), inputs)[1], 1, 0)
        return jnp.concatenate([forwards, jnp.flip(backwards, axis=0)], axis=-1)
