"""JAX's random numbers, several times as fast on a CPU."""

import math
from functools import reduce

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
from jax import lax

from cardiax.nn.barriers import fusion_barrier

_JAX = jax.extend.random.threefry_prng_impl

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Of four rounds of Threefry-2x32, and of the next four; bits."""

PARITY = 0x1BD11BDA
"""Threefry's constant for the third word of the key."""

CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503)
CENTRE += (-0.00417768164, 0.246640727, 1.50140941)
"""Of the inverse error function where -log(1 - x²) is below 5, the highest power first."""

TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613)
TAIL += (0.00943887047, 1.00167406, 2.83297682)
"""The same beyond."""


def key(seed: int | jax.Array) -> jax.Array:
    """`jax.random.key(seed)` of Threefry, JAX's own generator: a key for all functions of `jax.random`.

    They draw the same bits with it. For a CPU JAX has the twenty rounds of Threefry in a loop whose state goes through
    memory; here they are one pass: 192,000 words take 0.4 ms of a core instead of 2.9.
    """
    return jax.random.key(seed, impl=_IN_ONE_PASS)


def _random_bits(key: jax.Array, bit_width: int, shape: tuple[int, ...]) -> jax.Array:
    """The bits (*shape) of a key, uint32 (2,)."""

    def usual(key: jax.Array) -> jax.Array:
        return _JAX.random_bits(key, bit_width, shape)

    def in_one_pass(key: jax.Array) -> jax.Array:
        counters = lax.iota(np.uint32, math.prod(shape)).reshape(shape)
        first, second = threefry(key, jnp.uint32(0), counters)
        return first ^ second

    # As JAX counts by default: an option of old programs counts in another order.
    counts = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]
    if bit_width != 32 or math.prod(shape) >= 2**32 or not counts:
        return usual(key)
    return lax.platform_dependent(key, cpu=in_one_pass, default=usual)


def threefry(key: jax.Array, first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with twenty rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405) of key (2,) and two words.

    All are uint32; the words are of any shapes that broadcast.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    first, second = first + keys[0], second + keys[1]
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            first = first + second
            second = first ^ ((second << np.uint32(rotation)) | (second >> np.uint32(32 - rotation)))
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


_IN_ONE_PASS = jax.extend.random.define_prng_impl(
    key_shape=_JAX.key_shape,
    seed=_JAX.seed,
    split=_JAX.split,
    random_bits=_random_bits,
    fold_in=_JAX.fold_in,
    name="threefry2x32_in_one_pass",
    tag="fry1",
)


def normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """`jax.random.normal(key, shape)`, float32, but for rounding; not for small loops (see `fusion_barrier`).

    XLA's CPU backend works out the inverse error function number by number, with a `log1p` that it cannot do for many
    at once: 192,000 numbers take 8.7 ms of a core, and here 1.2. As 1 - x² is exact to the rounding of x², its plain
    logarithm serves as well.
    """
    return lax.platform_dependent(
        key, cpu=lambda key: _normal(key, shape), default=lambda key: jax.random.normal(key, shape)
    )


def _normal(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    above = np.nextafter(np.float32(-1), np.float32(0))  # as JAX has it, so that no number is infinite
    return fusion_barrier(np.float32(np.sqrt(2)) * erf_inv(jax.random.uniform(key, shape, minval=above)))


def erf_inv(x: jax.Array) -> jax.Array:
    """The inverse error function of x in (-1, 1), float32: Giles, Approximating the erfinv function, GPU Computing Gems
    Jade Edition, 2011, whose coefficients `lax.erf_inv` has too."""
    w = -jnp.log(1 - x * x)
    centre, tail = _polynomial(CENTRE, w - 2.5), _polynomial(TAIL, jnp.sqrt(w) - 3)
    return jnp.where(w < 5, centre, tail) * x


def _polynomial(coefficients: tuple[float, ...], x: jax.Array) -> jax.Array:
    return reduce(lambda value, coefficient: value * x + coefficient, coefficients, jnp.zeros_like(x))
