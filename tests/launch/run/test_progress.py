"""The bar of a training on a terminal."""

import contextlib
import io

import jax.numpy as jnp

from cardiax.launch.run.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_ends_at_all_steps_and_shows_the_loss():
    with contextlib.redirect_stderr(Terminal()) as terminal, contextlib.closing(Progress(total=8, first=2)) as progress:
        assert "compiling" in terminal.getvalue()
        assert "step/s" not in terminal.getvalue()
        for loss in (3.0, 2.0, 1.0):
            progress.step(jnp.array([loss, loss + 0.5]), 2)
    drawn = terminal.getvalue().split("\r")
    assert any(line.startswith(" 50%") for line in drawn)  # the first two that are done are those of compilation
    assert drawn[-1].startswith("100%")
    assert "8/8" in drawn[-1]
    assert "loss=1.2500" in drawn[-1]


def test_compilation_is_no_step(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with contextlib.redirect_stderr(Terminal()) as terminal, contextlib.closing(Progress(101, first=0)) as progress:
        clock[0] = 60.0  # of compilation
        progress.step(jnp.float32(1))
        for _ in range(100):
            clock[0] += 0.5
            progress.step(jnp.float32(1))
    assert "00:50<00:00,  2.00step/s" in terminal.getvalue().split("\r")[-1]


def test_nothing_is_drawn_where_output_is_piped(capsys):
    with contextlib.closing(Progress(total=2, first=0)) as progress:
        progress.step(jnp.float32(1))
        progress.step(jnp.float32(1))
    assert capsys.readouterr() == ("", "")
