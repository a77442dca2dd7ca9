"""A person's shell decides nothing about results without a word."""

import io
import json
import os
import subprocess
import sys
import tempfile
import threading

import jax
import pytest

from cardiax.launch.loops.training_loop import interrupts
from cardiax.launch.run.environment import note_settings
from cardiax.launch.run.run_folder import Workdir
from cardiax.launch.system.shell_settings import FIXED, own_settings, settings

PROGRAM = """
import os
from cardiax.launch.system.shell_settings import own_settings, quiet_matplotlib
own_settings()
with quiet_matplotlib():
    import io, jax
    from matplotlib.figure import Figure
    Figure().savefig(io.BytesIO(), format="png")
print(os.environ["MPLBACKEND"])
print(jax.config.jax_enable_x64, jax.config.jax_default_prng_impl, jax.config.jax_threefry_partitionable)
print("2 × 3 … ä")
"""


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment, timeout=100
    )


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_settings_that_would_change_results_are_not_heeded(backend):
    shell = {
        "JAX_ENABLE_X64": "nonsense",
        "JAX_DEFAULT_PRNG_IMPL": "rbg",
        "JAX_THREEFRY_PARTITIONABLE": "0",
        "JAX_DEBUG_NANS": "0",
        "MPLBACKEND": backend,
        "PYTHONIOENCODING": "ascii",
    }
    done = run(PROGRAM, **shell)
    assert done.stdout == f"{backend}\nFalse threefry2x32 True\n2 x 3 ... \\xe4\n", done.stderr
    assert done.stderr.splitlines() == [
        "warning: JAX_ENABLE_X64=nonsense is ignored: results depend on False",
        "warning: JAX_DEFAULT_PRNG_IMPL=rbg is ignored: results depend on threefry2x32",
        "warning: JAX_THREEFRY_PARTITIONABLE=0 is ignored: results depend on True",
    ]


def test_a_home_that_cannot_be_written_is_no_matter_for_plots(tmp_path):
    (tmp_path / "home").touch()
    (tmp_path / "temporary").mkdir()
    shell = {"HOME": str(tmp_path / "home" / "none"), "TMPDIR": str(tmp_path / "temporary"), "MPLBACKEND": "agg"}
    shell |= {"MPLCONFIGDIR": "", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    done = run(PROGRAM, **shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_nor_where_jax_is_imported_already(monkeypatch):
    for name in FIXED:
        monkeypatch.setenv(name.upper(), os.environ.get(name.upper(), ""))
        monkeypatch.delenv(name.upper())
    jax.config.update("jax_enable_x64", True)
    own_settings()
    assert jax.numpy.arange(3.0).dtype == "float32"


def test_a_library_lets_a_persons_backend_be():
    program = "import cardiax.plots.confusion_matrix, matplotlib; print(matplotlib.rcParams['backend'])"
    assert run(program, MPLBACKEND="svg").stdout == "svg\n"


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("JAX_PLATFORMS=cuda", "JAX_PLATFORMS=cuda: found no such device"),
        ("JAX_PLATFORMS=abacus", "JAX_PLATFORMS=abacus: found no such device (Unable to initialize backend 'abacus'"),
        ("JAX_PLATFORM_NAME=gpu", "JAX_PLATFORM_NAME=gpu: found no such device"),
        ("XLA_FLAGS=--xla_nonsense=3", "XLA_FLAGS: found --xla_nonsense=3, expected flags that this XLA supports"),
        ("XLA_FLAGS=xla_cpu", "XLA_FLAGS: found xla_cpu, expected flags that begin with --, or a file of them"),
        ("JAX_DEFAULT_MATMUL_PRECISION=most", 'Invalid value "most" for JAX flag jax_default_matmul_precision'),
    ],
)
def test_what_jax_cannot_do_is_one_line(variable, message):
    if "cuda" in variable and jax.default_backend() == "gpu":
        pytest.skip("there is a GPU")
    name, value = variable.split("=", 1)
    done = run("from cardiax.launch.cli import main; main(['info'])", **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"cardiax: error: {message}")
    assert done.stderr.count("\n") == 1


def test_what_may_change_bits_is_recorded_and_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "bfloat16")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "")
    began = {"settings": settings()}
    assert began["settings"] == {
        "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
    }
    note_settings(Workdir(tmp_path), json.loads(json.dumps(began)))
    note_settings(Workdir(tmp_path), {})  # of a run that did not record them yet
    assert capsys.readouterr().out == ""
    monkeypatch.delenv("XLA_FLAGS")
    note_settings(Workdir(tmp_path), began)
    assert capsys.readouterr().out == (
        f"note: {tmp_path} was trained with XLA_FLAGS --xla_cpu_enable_fast_math=true, now not set: results may not "
        "be bit-identical\n"
    )


def test_output_of_any_encoding(monkeypatch):
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        errors = "surrogateescape" if encoding == "ascii" else "strict"  # as in the C locale
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)
        monkeypatch.setattr(sys, "stdout", stream)
        own_settings()
        print("1 × 2 ± 3 … → µV \udce4", flush=True)
        printed = stream.buffer.getvalue()
        assert printed.startswith(b"1 x 2 +- 3 ... -> uV" if encoding == "ascii" else "1 × 2 ± 3".encode(encoding))
        assert printed.endswith(b" \xe4\n")  # a byte of a file's name


def test_a_run_in_a_thread_hears_no_signals():
    def enter():
        with interrupts() as interrupted:
            outcome.append(interrupted())

    outcome = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert outcome == [False]


def test_info_leaves_no_folders_behind(cardiax, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cardiax("info", "--data-dir", tmp_path / "data")[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_home_is_told_where_one_is_needed(monkeypatch):
    import pwd
    from pathlib import Path

    from cardiax.datasets import default_data_dir
    from cardiax.errors import InputError
    from cardiax.launch.system import shell_settings

    def getpwuid(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setenv("HOME", "before")  # put back at the end
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    with pytest.raises(RuntimeError, match="home"):
        Path.home()
    shell_settings._settle_home()
    assert not (Path.home() / "settings.yml").exists()  # what libraries ask when they are imported
    with pytest.raises(InputError, match="found no home folder, expected one for the datasets; set TFDS_DATA_DIR"):
        default_data_dir()
    monkeypatch.setenv("TFDS_DATA_DIR", "data")
    assert default_data_dir() == Path("data")
