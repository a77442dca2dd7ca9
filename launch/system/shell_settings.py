"""Which environment variables may affect a command, and which may not."""

import codecs
import contextlib
import functools
import importlib
import importlib.util
import logging
import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cardiax.errors import InputError

FIXED: dict[str, Any] = {
    "jax_enable_x64": False,
    "jax_numpy_dtype_promotion": "standard",
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_threefry_gpu_kernel_lowering": False,
    "jax_enable_custom_prng": False,
    "jax_legacy_prng_key": "allow",
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    "jax_disable_jit": False,
    # NaN is a valid value: the target of a site that does not activate, and the loss of a run that diverged.
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_transfer_guard": "allow",
}
"""Settings of JAX on which results depend: every run has these values, whatever the environment variables."""

WITHOUT_BITS = (
    "JAX_CACHE",
    "JAX_CAPTURED",
    "JAX_COMPILATION_CACHE",
    "JAX_COORDINATOR",
    "JAX_CUDA_VISIBLE",
    "JAX_DEBUG_LOG",
    "JAX_DISTRIBUTED",
    "JAX_DUMP",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_EXPLAIN",
    "JAX_INCLUDE",
    "JAX_LOG",
    "JAX_NUMPY_RANK_PROMOTION",
    "JAX_NUM_",
    "JAX_PERSISTENT_CACHE",
    "JAX_PLATFORM",
    "JAX_PPRINT",
    "JAX_PROCESS",
    "JAX_ROCM_VISIBLE",
    "JAX_TRACEBACK",
)
"""Prefixes of JAX variables that do not change results; the devices are recorded separately."""

OF_COMPILERS = ("LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "XLA_FLAGS")

ASCII = str.maketrans({"×": "x", "–": "-", "−": "-", "±": "+-", "…": "...", "→": "->", "µ": "u", "²": "2", "³": "3"})
"""Replacements of characters that the terminal's encoding lacks."""


def _settle_home() -> None:
    """Give a user without a home folder, as in some containers, one in which nothing can be written.

    Libraries look for their settings there when they are imported, and some fail where there is none.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.devnull


def own_settings() -> None:
    """Apply the `FIXED` settings of JAX, and make stdout and stderr accept every character.

    Each variable that is overridden is reported in one line on stderr. JAX may already be imported, e.g. if `main` is
    called from Python.
    """
    _settle_home()
    for name, value in FIXED.items():
        typed = os.environ.get(name.upper())
        if typed is not None and not _says(typed, value):
            print(f"warning: {name.upper()}={typed} is ignored: results depend on {value}", file=sys.stderr)
        os.environ[name.upper()] = str(value).lower()
        if "jax" in sys.modules and name in sys.modules["jax"].config.values:
            sys.modules["jax"].config.update(name, value)
    codecs.register_error("cardiax", _written_otherwise)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape", "backslashreplace") and hasattr(
            stream, "reconfigure"
        ):
            stream.reconfigure(errors="cardiax")  # pyright: ignore[reportAttributeAccessIssue]


@contextlib.contextmanager
def quiet_matplotlib() -> Iterator[None]:
    """Hide MPLBACKEND and warnings of Matplotlib within the context, and restore them for the calling program.

    MPLBACKEND may name a backend that is not installed here, such as that of Jupyter, and plots, which are files, need
    none. Matplotlib warns if it keeps its fonts in a temporary folder, since the home cannot be written.
    """
    typed = os.environ.pop("MPLBACKEND", "")
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    is_first = "matplotlib" not in sys.modules
    try:
        yield
    finally:
        logger.setLevel(level)
        if typed:
            os.environ["MPLBACKEND"] = typed
            if is_first and "matplotlib" in sys.modules:
                with contextlib.suppress(ValueError):
                    sys.modules["matplotlib"].rcParams["backend"] = typed


def _says(text: str, value: Any) -> bool:
    if isinstance(value, bool):
        meant = ("y", "yes", "t", "true", "on", "1") if value else ("n", "no", "f", "false", "off", "0")  # as JAX reads
        return text.lower() in meant
    return text.lower() == str(value)


def _written_otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle a character that the encoding lacks, as `codecs.register_error` requires.

    It becomes its replacement in `ASCII`, the original byte of an undecodable file name (PEP 383), or Python's escape.
    """
    assert isinstance(error, UnicodeEncodeError)
    sign = error.object[error.start]
    if 0xDC80 <= ord(sign) <= 0xDCFF:
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    plain = sign.translate(ASCII)
    one = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    return (plain, error.start + 1) if plain != sign else codecs.backslashreplace_errors(one)


def start_jax(shell: Mapping[str, str], distributed: str | None) -> None:
    """Import JAX and find its devices, if an environment variable of the `shell` may prevent that.

    If `distributed` is given, devices are not looked for, since other processes must be joined first. Raises
    `InputError` if JAX cannot be imported with these variables, or finds no device.
    """
    _check_xla_flags(shell.get("XLA_FLAGS", ""))
    typed = {name: value for name, value in shell.items() if name.startswith("JAX_") and value}
    told = {name: value for name, value in typed.items() if name.lower() not in FIXED}
    if not told:
        return
    try:
        jax = importlib.import_module("jax")
    except ValueError as error:  # raised for an invalid value of a setting
        raise InputError(f"{_first_line(error)}; correct the variable or unset it") from error
    platforms = [f"{name}={told[name]}" for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME") if name in told]
    if platforms and not distributed:
        try:
            jax.devices()
        except (AssertionError, RuntimeError) as error:
            why = _first_line(error)
            raise InputError(
                f"{' '.join(platforms)}: found no such device{why and f' ({why})'}, expected an available one; unset "
                "the variable to use the available devices, or install JAX for that device"
            ) from error


@functools.cache
def _check_xla_flags(text: str) -> None:
    """Raise `InputError` for a flag that XLA does not know, at which XLA itself would abort the process.

    XLA lists its flags nowhere, but the name of each is a string in its library.
    """
    words = text.split()
    if words and not words[0].startswith("-"):
        if not Path(words[0]).is_file():
            raise InputError(f"XLA_FLAGS: found {words[0]}, expected flags that begin with --, or a file of them")
        return
    missing = {word.lstrip("-").partition("=")[0].encode(): word for word in words}
    package = importlib.util.find_spec("jaxlib")
    for library in Path(package.origin or ".").parent.glob("libjax*.so") if package else ():
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            unknown = [word for name, word in missing.items() if content.find(name) < 0]
        if unknown:
            raise InputError(
                f"XLA_FLAGS: found {unknown[0]}, expected flags that this XLA supports; correct the variable or "
                "unset it"
            )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(" (set JAX_PLATFORMS")[0].rstrip(".")


def settings() -> dict[str, str]:
    """Return the variables of JAX and its compilers that are set and may change results, for environment.json."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if value
        and (name in OF_COMPILERS or (name.startswith("JAX_") and not name.startswith(WITHOUT_BITS)))
        and name.lower() not in FIXED
    }
