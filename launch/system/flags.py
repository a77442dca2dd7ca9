"""Flags that several commands have, and the modules of your own that --import names (see `cardiax/README.md`)."""

import argparse
import importlib
import math
import os
import sys
from pathlib import Path

from cardiax.errors import InputError


def finite(text: str) -> float:
    """Parse a finite number, as the type of a flag."""
    return _parsed(text, -math.inf, "a number")


def positive(text: str) -> float:
    """Parse a finite number above 0, as the type of a flag."""
    return _parsed(text, 0, "a number above 0")


def count(text: str) -> int:
    """Parse a whole number from 1 to 1,000, as the type of a flag."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1000):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to 1000")
    return int(text)


def _parsed(text: str, above: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not above < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return value


def add_data_dir(parser: argparse.ArgumentParser, default: str = "that of TFDS") -> None:
    """Add the flag --data-dir, whose default, also of an empty name, is described in words."""
    told = f"folder of the prepared datasets (default: {default})"
    parser.add_argument("--data-dir", type=lambda text: Path(text) if text else None, metavar="DIR", help=told)


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Add the flag --memory of the commands that load examples."""
    parser.add_argument(
        "--memory",
        type=positive,
        metavar="GIB",
        help="memory for the examples; larger sets are read from disk on demand, with identical results (default: half "
        "of the available memory)",
    )


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the flag --import to a command without config fields."""
    parser.add_argument(
        "--import", dest="imports", default="", metavar="A,B", help="your own modules that register what is new"
    )


def import_modules(names: str) -> None:
    """Import the modules `A,B`, which may lie in the current folder; `InputError` if one is missing or fails."""
    modules = [name for name in names.split(",") if name]
    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # a module may raise anything
            text = f"{type(error).__name__}: {error}"
            raise InputError(
                f"--import {name}: found {text}, expected a module that can be imported; run the command in its folder"
            ) from error
