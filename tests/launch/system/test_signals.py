"""Signals are handled within a context of the main thread, and as before after it, also after an error."""

import contextlib
import os
import signal
import threading

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


def test_another_thread_changes_nothing():
    def enter():
        with handled(lambda number, frame: None, signal.SIGTERM):
            found.append(signal.getsignal(signal.SIGTERM))

    found = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
