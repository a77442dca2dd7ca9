"""Silence about errors that are reported anyway."""

import logging
import sys
from types import SimpleNamespace

from cardiax.launch.system.quiet import quiet_orbax, quiet_threads
from cardiax.training.checkpoint import Checkpoints


def test_commands_in_one_process_install_one_hook(monkeypatch):
    passed = []
    monkeypatch.setattr(sys, "unraisablehook", passed.append)
    quiet_threads()
    hook = sys.unraisablehook
    quiet_threads()
    assert sys.unraisablehook is hook
    closed, other = (
        SimpleNamespace(exc_value=RuntimeError(text)) for text in ("Event loop is closed", "dictionary changed")
    )
    for one in (closed, other):
        hook(one)  # pyright: ignore[reportArgumentType]
    assert passed == [other]


def test_loggers_are_set_by_a_command_not_by_the_library(tmp_path):
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio", "concurrent.futures")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        Checkpoints(tmp_path).close()
        assert [logger.level for logger in loggers] == 3 * [logging.WARNING]
        quiet_orbax()
        assert loggers[1].level == logging.WARNING
        quiet_threads()
        assert [logger.level for logger in loggers] == 3 * [logging.CRITICAL]
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
