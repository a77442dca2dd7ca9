"""What is installed: our folders under our own name, and nothing that needs TensorFlow."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setuptools import find_packages

from cardiax.errors import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_folder_is_found_under_our_name():
    found = {"cardiax"}
    for path in (path for name in ("cardiax", "datasets", "launch") for path in (ROOT / name).rglob("__init__.py")):
        parts = path.parent.relative_to(ROOT).parts
        found.add(".".join(parts if parts[0] == "cardiax" else ("cardiax", *parts)))
    options = PROJECT["tool"]["setuptools"]["packages"]["find"]
    assert set(find_packages(str(ROOT), include=options["include"])) == found


@pytest.mark.parametrize("arguments", [("-c", "import cardiax.datasets"), ("-m", "cardiax.launch.train", "--help")])
def test_a_checkout_that_shadows_the_installed_package_is_whole(arguments):
    found = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr


def test_no_top_level_package_of_a_common_name():
    top_level = (distribution("cardiax").read_text("top_level.txt") or "").split()
    assert top_level == ["cardiax"]
    script = "import importlib.util as u; print([n for n in ('datasets', 'launch') if u.find_spec(n)])"
    command = [sys.executable, "-I", "-c", script]  # without the PYTHONPATH that a person may have set
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout
    assert out.strip() == "[]"


def test_tensorflow_is_neither_required_nor_imported():
    names = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert "tensorflow" not in names
    script = (
        "import sys, cardiax.datasets, cardiax.launch.loops.training_loop, cardiax.launch.evaluation.measured_runs\n"
        "import cardiax.datasets.simulated_heartbeat.simulated_heartbeat_dataset_builder\n"
        "print([name for name in ('tensorflow', 'torch', 'clu') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_extra_of_an_optional_package_is_the_one_that_has_it():
    extras = PROJECT["project"]["optional-dependencies"]
    for name, extra in EXTRAS.items():
        assert name in {Requirement(line).name for line in extras[extra]}, name
    files = [path for name in ("cardiax", "datasets", "launch") for path in (ROOT / name).rglob("*.py")]
    calls = [call for path in files for call in re.findall(r'import_extra\("(\w+)"', path.read_text())]
    assert {"wfdb", "xgboost", "edfio"} <= set(calls) <= set(EXTRAS)


LAYERS = (
    "launch",
    "launch/page",
    "launch/timing",
    "launch/loops",
    "launch/evaluation",
    "launch/bundle",
    "launch/predictors",
    "launch/networks",
    "launch/run",
    "launch/formats",
    "launch/system",
    "datasets",
    *sorted(f"datasets/{path.parent.name}" for path in (ROOT / "datasets").glob("*/*_dataset_builder.py")),
    "datasets/storage",
    "cardiax/training",
    "cardiax/models",
    "cardiax/tasks",
    "cardiax/plots",
    "cardiax/simulate/varied",
    "cardiax/simulate",
    "cardiax/stats",
    "cardiax/ecg",
    "cardiax/nn",
    "cardiax",
)
"""Every folder of source; a file imports from its own folder and from those below it in this list."""


def imported_folders(path):
    """The folders that a file imports from, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names if name.split(".")[0] == "cardiax"):
            folder = Path(*parts[1:] if parts[1:2] and parts[1] in ("launch", "datasets") else parts)
            while not (ROOT / folder).is_dir():
                folder = folder.parent
            yield str(folder)


def test_imports_run_one_way():
    files = [path for name in ("cardiax", "datasets", "launch") for path in (ROOT / name).rglob("*.py")]
    assert {str(path.parent.relative_to(ROOT)) for path in files} == set(LAYERS)
    files.remove(
        ROOT / "cardiax/__init__.py"
    )  # names the functions of launch/api.py, and imports them when they are used
    for path in files:
        own = LAYERS.index(str(path.parent.relative_to(ROOT)))
        for folder in imported_folders(path):
            assert LAYERS.index(folder) >= own, f"{path} imports {folder}, which lies above it"
            # datasets may use pure functions of cardiax; cardiax never opens a dataset
            assert not (LAYERS[own].startswith("cardiax") and not folder.startswith("cardiax")), path
