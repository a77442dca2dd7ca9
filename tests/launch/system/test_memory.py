"""How much memory there is; what is freed is kept for the next step."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from cardiax.launch.system import memory

PROGRAM = """
import resource, sys
import numpy as np
from cardiax.launch.system.memory import keep_memory

if sys.argv[1] == "kept":
    keep_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(2**23).sum()  # 64 MiB, 16,384 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_buffer_taken_again_is_not_mapped_again():
    faults = {}
    for how in ("kept", "as it is"):
        run = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        faults[how] = int(run.stdout)
    assert faults["kept"] < 2000
    # What it is for: without it every page is touched anew. With huge pages there would be fewer than 16,384 a round.
    assert faults["as it is"] > 2 * faults["kept"]


@pytest.mark.parametrize(
    ("platforms", "plugin", "found"),
    [("", False, False), ("", True, True), ("cpu", True, False), ("cuda,cpu", True, True), ("tpu", False, True)],
)
def test_the_heap_is_left_alone_where_an_accelerator_computes(platforms, plugin, found, tmp_path, monkeypatch):
    if plugin:  # as the packages jax-cuda12-plugin and jax-cuda13-plugin make themselves known
        information = tmp_path / "plugin-1.0.dist-info"
        information.mkdir()
        (information / "entry_points.txt").write_text("[jax_plugins]\nxla_cuda = plugin\n")
        (information / "METADATA").write_text("Name: plugin\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert memory.accelerator_installed() is found


LARGE = """
import re
import numpy as np
from pathlib import Path
from cardiax.launch.system.memory import keep_memory

def large_pages():
    return int(re.search(r"AnonHugePages: *(\\d+) kB", Path("/proc/self/smaps_rollup").read_text())[1]) * 1024

keep_memory()
keep_memory()
before = large_pages()
array = np.ones(2**25)  # 256 MiB
print(large_pages() - before)
"""


def large_pages_are_ours_to_ask_for():
    told = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return platform.libc_ver()[0] == "glibc" and told.exists() and "[never]" not in told.read_text()


@pytest.mark.skipif(not large_pages_are_ours_to_ask_for(), reason="the system gives no large pages")
def test_buffers_come_in_large_pages():
    run = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 2**27  # as far as the machine has them


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_limit_of_addresses_is_borne():
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))"
    program = f"{limit}\n{PROGRAM}"
    run = subprocess.run([sys.executable, "-c", program, "kept"], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 2000


def test_memory_is_what_the_system_and_the_group_leave(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    system = memory.available_memory()
    assert 2**20 < system < 2**50
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.available_memory() > system / 2
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.available_memory() == 4000
    (tmp_path / "memory.current").write_text("6000\n")
    assert memory.available_memory() == 0
