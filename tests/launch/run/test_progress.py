"""The bar of a training on a terminal."""

import contextlib
import errno
import io

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.errors import InputError
from cardiax.launch.run.progress import IN_FLIGHT, Events, Progress
from cardiax.launch.system.quiet import quiet


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_ends_at_all_steps_and_shows_the_loss():
    with contextlib.redirect_stderr(Terminal()) as terminal, contextlib.closing(Progress(8, 2, 4)) as progress:
        assert "compiling" in terminal.getvalue()
        assert "step/s" not in terminal.getvalue()
        progress.step(jnp.array([3.0, 3.5]), 2)
        progress.evaluating()
        progress.evaluation({"step": 4, "epoch": 1})
        progress.best("macro_f1", 0.25)
        for loss in (2.0, 1.0):
            progress.step(jnp.array([loss, loss + 0.5]), 2)
        progress.evaluating()
        progress.evaluation({"step": 8, "epoch": 2})
    drawn = terminal.getvalue().split("\r")
    assert any(line.startswith("evaluating:  50%") for line in drawn)  # the first two done are those of compilation
    assert drawn[-1].startswith("epoch 2 of 2: 100%")
    assert "8/8" in drawn[-1]
    assert "best macro f1=0.2500, loss=1.2500" in drawn[-1]


def test_neither_compilation_nor_an_evaluation_counts_in_the_rate(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with contextlib.redirect_stderr(Terminal()) as terminal, contextlib.closing(Progress(101, 0, 101)) as progress:
        clock[0] = 60.0  # of compilation
        progress.step(jnp.float32(1))
        for step in range(100):
            if step == 50:
                progress.evaluating()
                clock[0] += 30.0
                progress.evaluation({"step": 51, "epoch": 1})
            clock[0] += 0.5
            progress.step(jnp.float32(1))
    assert "00:50<00:00,  2.00step/s" in terminal.getvalue().split("\r")[-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_loss_that_is_not_finite_is_named(bad):
    with contextlib.closing(Progress(40, 4, 8)) as progress:
        for losses in ([1.0, 2.0], [3.0, bad, np.nan, 4.0], [np.nan]):
            progress.dispatched(jnp.array(losses), len(losses))
        with pytest.raises(InputError, match=rf"training diverged at step 8: found a loss of {bad}, expected a finite"):
            progress.wait()
    with contextlib.closing(Progress(40, 0, 8)) as progress:
        for loss in [1.0, bad, *[1.0] * (IN_FLIGHT - 1)]:
            progress.dispatched(jnp.float32(loss), 1)
        with pytest.raises(InputError, match="at step 2:"):  # soon, not only at the end of an epoch
            progress.dispatched(jnp.float32(1), 1)


def test_nothing_is_drawn_where_output_is_piped(capsys):
    with contextlib.closing(Progress(2, 0, 2)) as progress:
        progress.step(jnp.float32(1))
        progress.step(jnp.float32(1))
    assert capsys.readouterr() == ("", "")


def test_the_line_of_an_evaluation(capsys):
    with contextlib.closing(Progress(20, 0, 149)) as progress:
        progress.evaluation({"step": 20, "epoch": 20 / 149, "train_loss": 0.5, "validation_f1_N": 1.0})
    assert capsys.readouterr().out == "epoch 0.13, step 20: train loss 0.5000\n"


def test_quiet_hides_the_bar():
    with contextlib.redirect_stderr(Terminal()) as terminal, quiet(), contextlib.closing(Progress(2, 0, 2)) as progress:
        progress.step(jnp.float32(1))
        progress.step(jnp.float32(1))
        progress.evaluation({"step": 2, "epoch": 1})
    assert terminal.getvalue() == ""


def test_a_failed_write_of_events_names_their_folder(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX", reason="needs the extra cardiax[tensorboard]")

    def fail(writer):
        raise OSError(errno.EROFS, "Read-only file system")

    row = {"step": 1, "train_loss": 0.5}
    with contextlib.closing(Events(tmp_path, 0)) as events:
        events.write(row)
        for name, call in (("flush", lambda: events.write(row)), ("close", events.close)):
            with monkeypatch.context() as patch:
                patch.setattr(f"tensorboardX.SummaryWriter.{name}", fail)
                with pytest.raises(OSError, match="Read-only file system") as raised:
                    call()
            assert raised.value.filename == str(tmp_path / "tensorboard")
