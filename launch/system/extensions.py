"""Modules of your own that register models, datasets and more (see `cardiax/README.md`) before a command runs."""

import argparse
import importlib
import os
import sys

from cardiax.errors import InputError


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the flag --import to a command without config fields."""
    parser.add_argument(
        "--import", dest="imports", default="", metavar="A,B", help="your own modules that register what is new"
    )


def import_modules(names: str) -> None:
    """Import the modules `A,B`, which may lie in the current folder.

    Raises:
      InputError: a module is missing, or fails while it is imported.
    """
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
