"""Silence about errors of threads: installed once, however many commands run in a process."""

import logging
import sys
import warnings
from types import SimpleNamespace

from cardiax.launch.system.quiet import THREADS, quiet_threads


def test_threads_are_silenced_once(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    levels = {name: logging.getLogger(name).level for name in THREADS}
    try:
        with warnings.catch_warnings():
            quiet_threads()
            hook, filters = sys.unraisablehook, len(warnings.filters)
            quiet_threads()
            assert sys.unraisablehook is hook
            assert len(warnings.filters) == filters
            assert {logging.getLogger(name).level for name in THREADS} == {logging.CRITICAL}
            other = SimpleNamespace(exc_value=RuntimeError("another one"))
            hook(SimpleNamespace(exc_value=RuntimeError("Event loop is closed")))
            hook(other)
            assert seen == [other]
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
