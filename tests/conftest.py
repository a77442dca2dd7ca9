"""Eight CPU devices, no rank promotion, and the place of the real data: what every test runs under."""

import gc
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

# One thread of BLAS, before NumPy is imported: for small products the others only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run: a test that fails, fails again. HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))

# Most of a test's time is compilation, and most of that is XLA's optimisations and its emitters of fused loops: without
# the latter a training step compiles in 1.7 s instead of 4.3 s. XLA_FLAGS=--xla_force_host_platform_device_count=8 and
# JAX_DISABLE_MOST_OPTIMIZATIONS=0 put them back; README's own command, which .ci/run runs, has them.
DEVICES, LOOPS = "--xla_force_host_platform_device_count=8", "--xla_cpu_use_fusion_emitters=false"
if "XLA_FLAGS" not in os.environ:  # the workers of pytest-xdist inherit it
    # Newer versions of XLA do not know the second flag, at which they abort the process.
    start = [sys.executable, "-c", "import jax; jax.devices()"]
    knows = subprocess.run(start, env=os.environ | {"XLA_FLAGS": LOOPS}, capture_output=True, check=False)
    os.environ["XLA_FLAGS"] = DEVICES if knows.returncode else f"{DEVICES} {LOOPS}"
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
# Many tests run the same small training: compile it once a session. Subprocesses inherit all of this.
_CACHE = tempfile.TemporaryDirectory(prefix="cardiax-tests-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left with one of them at the end."""
    seconds = Counter[Path]()
    for item in items:
        seconds[item.path] += 20 if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: (-seconds[item.path], str(item.path)))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what all tests have imported: it is a fifth of the time of tracing."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs() -> Iterator[None]:
    """Let the compiled programs go when a worker holds 2 GiB: of the whole suite they would be gigabytes more."""
    yield
    if "jax" in sys.modules and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 2**21:  # KiB
        sys.modules["jax"].clear_caches()


@pytest.fixture
def optimized(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """XLA's optimisations and its emitters of fused loops in mapped steps, for a test of what they may change."""
    import jax

    from cardiax.training import device_mesh

    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    monkeypatch.setitem(device_mesh.ON_CPU, "xla_cpu_use_fusion_emitters", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, `$CARDIAX_REAL_DATA` or `../shared/data` beside the checkout; skips where absent."""
    folder = Path(os.environ.get("CARDIAX_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not a folder (set CARDIAX_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A data folder that all workers share; `datasets.prepare` waits for a worker that prepares the same dataset."""
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker_id == "master" else folder.parent) / "shared"


@pytest.fixture(scope="session")
def kaggle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Kaggle's two MIT-BIH files, 600 + 140 rows of true format, in classes that can be told apart."""
    folder = tmp_path_factory.mktemp("archive")
    random = np.random.default_rng(0)
    for name, size in (("mitbih_train.csv", 600), ("mitbih_test.csv", 140)):
        labels = np.arange(size) % 5
        time, length = np.arange(187), random.integers(80, 188, (size, 1))
        waves = np.exp(-(((time - 30 - 12 * labels[:, None]) / (4 + labels[:, None])) ** 2))
        beats = np.clip(waves + 0.2 * random.uniform(size=(size, 187)), 0, 1) * (time < length)
        np.savetxt(folder / name, np.column_stack([beats.astype(np.float32), labels]), delimiter=",", fmt="%.18e")
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, kaggle_folder: Path) -> Path:
    """A TFDS data folder in which `kaggle_heartbeat/mitbih` is prepared from `kaggle_folder`."""
    from cardiax import datasets

    folder = tmp_path_factory.mktemp("data")
    datasets.prepare("kaggle_heartbeat/mitbih", folder, manual_dir=kaggle_folder)
    return folder


@pytest.fixture(scope="session")
def heartbeats() -> Callable[..., np.ndarray]:
    """A function that draws one lead (n,), mV: a wave for each P, QRS and T, and noise."""

    def draw(
        times: np.ndarray, rate: float, seconds: float, wide: np.ndarray | None = None, noise: float = 0.02
    ) -> np.ndarray:
        """Beats at `times`, s, those `wide` (m,) without P and with a QRS complex four times as wide."""
        at = np.arange(round(seconds * rate)) / rate
        lead = noise * np.random.default_rng(0).normal(size=len(at))
        for time, is_wide in zip(times, np.zeros(len(times), bool) if wide is None else wide, strict=True):
            narrow = ((0.1, -0.16, 0.025), (1.0, 0.0, 0.012), (-0.2, 0.03, 0.012), (0.25, 0.25, 0.05))
            for height, shift, width in ((1.8, 0.0, 0.05), (-0.5, 0.3, 0.07)) if is_wide else narrow:
                lead += height * np.exp(-(((at - time - shift) / width) ** 2))
        return lead

    return draw


@pytest.fixture(scope="session")
def one_beat() -> np.ndarray:
    """Ten electrodes (500, 10), mV at 1 kHz, of a dipole that turns from septum to left wall to base."""
    time = np.arange(500)[:, None]
    waves = [np.exp(-(((time - at) / width) ** 2)) for at, width in ((30, 10), (50, 13), (72, 12), (280, 45))]
    turns = np.array([[0.1, -0.05, 0.3], [1.0, 0.8, 0.1], [-0.25, -0.3, -0.5], [0.3, 0.25, 0.1]])  # left, down, front
    heart = sum(wave * turn for wave, turn in zip(waves, turns, strict=True))
    limbs = np.array([[-1, -0.6, 0], [1, -0.6, 0], [0.2, 1.2, 0], [0.19, 1.19, 0]]) / 2
    angles = np.radians([115, 95, 70, 50, 20, -5])  # from the left towards the front
    chest = np.stack([np.cos(angles), np.full(6, 0.2), np.sin(angles)], axis=1)
    return heart @ np.concatenate([limbs, chest]).T + 0.002 * np.random.default_rng(0).normal(size=(500, 10))


@pytest.fixture(scope="module")
def without_plots() -> Iterator[None]:
    """Runs in this process without their plots, which are most of the time of a small one."""
    from cardiax.launch.evaluation import run_report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "save_plot", lambda path, draw: [])
        yield


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers that are the same whichever tests run."""
    return np.random.default_rng(0)


class CommandLine:
    """`cardiax` run in this process: exit status, and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        from cardiax.launch.cli import main

        self._capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        printed = self._capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    def mistake(self, *arguments: object) -> str:
        """The one line of a command that must exit with 2."""
        status, _, error = self(*arguments)
        assert status == 2, error
        assert error.startswith("cardiax: error: ")
        assert error.count("\n") == 1, error
        return error.removeprefix("cardiax: error: ").rstrip("\n")


@pytest.fixture
def cardiax(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line."""
    return CommandLine(capsys)


@pytest.fixture(scope="session")
def small_run(data_dir: Path) -> list[str]:
    """The arguments of a training that takes seconds: 8 steps, two epochs, AdamW, and of the random changes only noise.

    In so few steps, what the recipe of Kaggle's split has besides would leave a network that calls all beats the same.
    """
    return [
        *("train", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", str(data_dir)),
        *("--augmentation.mixup", "0", "--augmentation.stretch", "0", "--augmentation.warp", "0"),
        *("--balance", "none", "--label_smoothing", "0", "--ema", "0.999"),
        *("--optimizer.name", "adamw", "--optimizer.learning_rate", "3e-3"),
        *("--model_args", "widths=(8,),blocks=1", "--batch_size", "128", "--epochs", "2"),
    ]


ONE_EPOCH = """
import csv, sys
from pathlib import Path

import jax

from cardiax.datasets.simulated_heartbeat import simulated_heartbeat_dataset_builder as beats
from cardiax.datasets.simulated_intracardiac import simulated_intracardiac_dataset_builder as hearts
from cardiax.launch.cli import main
from cardiax.launch.loops import training_loop
from cardiax.launch.loops.training_loop import score, validation_figures
from cardiax.launch.evaluation import run_report
from cardiax.launch.run.experiment import Evaluator
from cardiax.training.device_mesh import make_mesh
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import create_state, evaluated

task, dataset, data_dir, workdir, per_class = sys.argv[1:]
# A part of each simulated dataset: of 16,000 beats and 4,000, of 16 hearts (6 s each) with 450 beats (20 ms each), and
# of 10,000 varied hearts.
beats.BEATS = {"train": 2_000, "test": 2_000}
hearts.VOLUNTEERS, hearts.BEATS, hearts.VARIED_HEARTS = 2, 150, 40
run_report.report = lambda *arguments: None  # the test set and its plots, which no score here needs
loaded = []
load = training_loop.load_experiment
training_loop.load_experiment = lambda *arguments, **named: loaded.append(load(*arguments, **named)) or loaded[0]
run = ["train", task, "--dataset", dataset, "--data-dir", data_dir, "--workdir", workdir]
try:
    main([*run, "--epochs", "1", "--per_class", per_class])
except SystemExit as stopped:
    assert not stopped.code, stopped.code
with open(Path(workdir, "metrics.csv"), newline="") as file:
    (row,) = csv.DictReader(file)
(experiment,) = loaded
config = experiment.config
tx, shapes = make_optimizer(config.optimizer, 1), experiment.examples.shapes
# As the loop makes it: its program is compiled once for both.
fresh = jax.jit(lambda seed: create_state(experiment.model, tx, seed, shapes, config.ema > 0))(config.seed)
figures = Evaluator(experiment, make_mesh())(evaluated(fresh), "validation")
before = score(experiment.task, validation_figures(experiment.task, figures))
print("before and after:", before, score(experiment.task, {name: float(value) for name, value in row.items()}))
"""


@pytest.fixture
def one_epoch(tmp_path: Path) -> Callable[..., tuple[float, float]]:
    """Train a task's default experiment on a dataset for one epoch, compiled as a user's command compiles it.

    Returns the validation score before and after it; higher is better.
    """

    def train(task: str, dataset: str, data_dir: Path, per_class: int = 0) -> tuple[float, float]:
        command = [sys.executable, "-c", ONE_EPOCH, task, dataset, str(data_dir), str(tmp_path / "run"), str(per_class)]
        environment = os.environ | {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        before, after = done.stdout.rsplit("before and after:", 1)[1].split()
        return float(before), float(after)

    return train
