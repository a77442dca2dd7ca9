"""A network as a program for other machines and libraries: StableHLO by `jax.export`, and ONNX by `jax2onnx`."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from cardiax.errors import InputError, import_extra
from cardiax.nn.speedups import SPEEDUPS, without

PLATFORMS = ("cpu", "cuda", "tpu")
"""The platforms of the StableHLO program."""

GUARANTEE = {
    "guarantee": "runs with a jax and jaxlib built up to 6 months after, or 3 weeks before, the jaxlib that wrote it",
    "source": "https://docs.jax.dev/en/latest/export/export.html#compatibility-guarantees",
}
"""JAX's promise for its exported programs."""


@contextlib.contextmanager
def _plain() -> Iterator[None]:
    """Trace without speedups: they are for this machine's CPU, and some depend on the size of the batch.

    Operations keep no locations either. JAX writes the caller's stack into them, with the paths of this machine, which
    concern nobody and make another program of the same network elsewhere.
    """
    frames = jax.config.values["jax_traceback_in_locations_limit"]
    jax.config.update("jax_traceback_in_locations_limit", 0)
    try:
        with contextlib.ExitStack() as stack:
            for name in SPEEDUPS:
                stack.enter_context(without(name))
            yield
    finally:
        jax.config.update("jax_traceback_in_locations_limit", frames)


def stablehlo(apply: Callable[..., Any], shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """Return the network, a function of its inputs by name, each (B, ...), as a serialized `jax.export.Exported`.

    The batch is symbolic; `shapes` are those of each input of one example.
    """
    from jax import export

    (batch,) = export.symbolic_shape("batch")
    inputs = {name: jax.ShapeDtypeStruct((batch, *shape), np.float32) for name, shape in shapes.items()}
    with _plain():
        return bytes(export.export(jax.jit(apply), platforms=PLATFORMS)(**inputs).serialize())


def onnx(apply: Callable[..., Any], shapes: Mapping[str, tuple[int, ...]], model: str) -> bytes:
    """Return the network as an ONNX model with the inputs of `shapes`, a dynamic batch, and the output `output`.

    Raises `InputError` if the package `jax2onnx` is missing, or cannot convert the model of that name.
    """
    to_onnx = import_extra("jax2onnx", "--onnx").to_onnx
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    names = list(shapes)
    specs = [jax.ShapeDtypeStruct(("batch", *shape), np.float32) for shape in shapes.values()]
    try:
        with _plain(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of types that it asks JAX for and does not get
            converted = to_onnx(
                lambda *inputs: apply(**dict(zip(names, inputs, strict=True))),
                specs,
                input_names=names,
                output_names=["output"],
                return_mode="proto",
            )
    except Exception as error:  # jax2onnx raises many types for what it does not support
        why = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise InputError(
            f"--onnx: found the model {model!r}, which jax2onnx cannot convert ({why}), expected one that it can; "
            "leave --onnx out"
        ) from error
    return converted.SerializeToString()
