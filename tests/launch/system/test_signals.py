"""Signals are handled within a context, and as before after it, also after an error."""

import contextlib
import os
import signal

from cardiax.launch.system.signals import handled


def test_a_signal_is_handled_within_the_context_alone():
    seen, before = [], signal.getsignal(signal.SIGTERM)
    with (
        contextlib.suppress(KeyError),
        handled(lambda number, frame: seen.append(number), signal.SIGTERM, signal.SIGUSR1),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
        raise KeyError
    assert seen == [signal.SIGTERM, signal.SIGUSR1]
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
