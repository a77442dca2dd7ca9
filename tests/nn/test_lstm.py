"""The LSTM against Flax's own cell."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from cardiax.nn.lstm import BiLSTM


def test_both_directions_are_flax_cells():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(11, 3, 5)), jnp.float32)
    layer = BiLSTM(4)
    params = layer.init(jax.random.key(0), x)["params"]
    params = params | {"bias": jax.random.normal(jax.random.key(1), params["bias"].shape)}
    for direction, series in ((0, x), (1, x[::-1])):
        cell = {}
        parts = [jnp.split(params[name][direction], 4, axis=-1) for name in ("input_kernel", "recurrent_kernel")]
        bias = jnp.split(params["bias"].sum(0)[direction], 4)
        for gate, to_gate, kernel, shift in zip("ifgo", *parts, bias, strict=True):
            cell[f"i{gate}"] = {"kernel": to_gate}
            cell[f"h{gate}"] = {"kernel": kernel, "bias": shift}
        expected = nn.RNN(nn.OptimizedLSTMCell(4), time_major=True).apply({"params": {"cell": cell}}, series)
        expected = expected[::-1] if direction else expected
        found = layer.apply({"params": params}, x)[..., 4 * direction : 4 * direction + 4]
        np.testing.assert_allclose(found, expected, atol=1e-6)
