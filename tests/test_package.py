"""What is installed: our folders under our own name, and nothing that needs TensorFlow."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setuptools import find_packages

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
        "import sys, cardiax.datasets, cardiax.launch.loop, cardiax.launch.measure\n"
        "print([name for name in ('tensorflow', 'torch', 'clu') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_imports_run_one_way():
    # launch → cardiax, launch → datasets; datasets → pure functions of cardiax; nothing imports launch.
    def imports(path, *names):
        lines = [line.strip() for line in path.read_text().splitlines()]
        starts = tuple(f"{word} {name}" for name in names for word in ("import", "from"))
        return [
            line for line in lines if line.startswith(starts) or re.match(r"from cardiax import .*\blaunch\b", line)
        ]

    for path in (ROOT / "cardiax").rglob("*.py"):
        assert not imports(path, "cardiax.datasets", "cardiax.launch"), path
    for path in (ROOT / "datasets").rglob("*.py"):
        assert not imports(path, "cardiax.launch"), path
