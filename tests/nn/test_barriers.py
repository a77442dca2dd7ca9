"""What is kept apart stays so in the compiled program, and keeps its value."""

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.nn.barriers import fusion_barrier
from cardiax.training.device_mesh import compiler_options, make_mesh


def test_a_barrier_is_left_in_a_program_compiled_for_cpus():
    options = compiler_options(make_mesh(jax.devices("cpu")[:1]))
    x = jnp.linspace(-1, 1, 7)
    compiled = jax.jit(lambda x: fusion_barrier(x * 2) + 1, compiler_options=options).lower(x).compile()
    assert "opt-barrier" in compiled.as_text()
    np.testing.assert_array_equal(compiled(x), x * 2 + 1)


def test_it_has_the_identitys_derivative_and_may_be_mapped():
    x = jnp.linspace(-1, 1, 7)
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(fusion_barrier(x) ** 2))(x), 2 * x, rtol=1e-6)
    np.testing.assert_array_equal(jax.vmap(fusion_barrier)(x), x)
