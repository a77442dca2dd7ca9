"""What makes a step faster on a CPU than the plain layers, each of which can be left out to measure what it gives.

The plain path of each computes the same values up to rounding. `cardiax bench --without NAME` compares both.
"""

import contextlib
from collections.abc import Iterator

SPEEDUPS = {
    "barriers": "XLA neither recomputes nor moves operations across certain arrays (`barriers`)",
    "action_potential": "the derivative of the action potential from six sums (`shaped_action_potential`)",
    "max_pool": "max-pooling as a maximum of shifted slices (`layers`)",
    "compiler_options": "options of XLA (`cardiax.training.device_mesh.ON_CPU`)",
}
"""Name → what it is, and the module that has it."""

_left_out: set[str] = set()


def uses(name: str) -> bool:
    """Return True unless the speedup is left out; read while a program is traced."""
    assert name in SPEEDUPS
    return name not in _left_out


@contextlib.contextmanager
def without(name: str) -> Iterator[None]:
    """Leave a speedup out of the programs that are traced within the context."""
    _left_out.add(name)
    try:
        yield
    finally:
        _left_out.discard(name)
