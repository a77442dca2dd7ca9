"""Available memory, and how the C library handles freed memory."""

import ctypes
import functools
import importlib.util
import mmap
import os
import platform
from importlib.metadata import entry_points
from pathlib import Path

MALLOPT = {
    "M_MMAP_MAX": (-4, 0),  # never map a separate block
    "M_TRIM_THRESHOLD": (-1, -1),  # never return the top of the heap
    "M_TOP_PAD": (-2, 2**28),  # bytes by which the heap grows
    "M_ARENA_MAX": (-8, 1),  # one heap, since those of threads are too small for a step's buffers
}
"""Parameter of glibc's `mallopt(3)` → its number in malloc.h and the value to set."""

LARGE_PAGE = 2**21
"""Bytes of a large page on x86-64 and most ARM machines; a multiple of any small page, as `madvise(2)` requires."""

GROUP = Path("/sys/fs/cgroup")
"""Folder of the memory limits of the process's control group, e.g. its container (cgroups(7), version 2)."""


def available_memory() -> int:
    """Return the bytes that the process can still allocate, in the system and within its control group.

    If the system does not report its available memory, as on macOS, half of the physical memory counts.
    """
    information = Path("/proc/meminfo")
    lines = information.read_text().splitlines() if information.exists() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    system = kilobytes[0] * 1024 if kilobytes else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    limit, used = (_number(GROUP / name) for name in ("memory.max", "memory.current"))
    return system if limit is None or used is None else min(system, max(limit - used, 0))


def _number(path: Path) -> int | None:
    """Return the number in the file; None if there is no file or another word, such as `max`."""
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None


@functools.cache
def keep_memory() -> None:
    """Let the C library keep freed memory for the next step, and the system provide it in large pages.

    It acts once per process. XLA's CPU backend allocates its buffers in every step. By default glibc maps them, which
    clears each page at its first use, and unmaps them again: 30 to 40 % of the time of a step, as measured. Pages of
    2 MiB need fewer address translations in the processor, which saves another 4 to 12 % of a step. Neither changes a
    result. Other C libraries have no such setting and are left unchanged.

    On an accelerator the buffers of a step are not the C library's, and all threads of XLA's compiler would wait for
    the one heap: on 16 cores with an H100 they spent twice as long in the kernel as in the compiler.
    """
    if platform.libc_ver()[0] == "glibc" and not accelerator_installed():
        library = ctypes.CDLL(None)
        for number, value in MALLOPT.values():
            library.mallopt(number, value)
        _advise_large_pages(library, available_memory() // 2)


def accelerator_installed() -> bool:
    """Return True if JAX may find a device other than the CPU; JAX must not be imported yet."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms:
        return platforms.split(",")[0] != "cpu"
    plugins = bool(entry_points(group="jax_plugins")) or importlib.util.find_spec("jax_plugins") is not None
    return plugins or importlib.util.find_spec("libtpu") is not None


def _advise_large_pages(library: ctypes.CDLL, size: int) -> None:
    """Let the next `size` bytes of the heap use large pages.

    It has an effect if Linux leaves the choice to the process (`madvise` in
    /sys/kernel/mm/transparent_hugepage/enabled). It reserves addresses; memory is taken only when it is used.
    """
    library.malloc.restype = ctypes.c_void_p
    start = library.malloc(ctypes.c_size_t(size))
    if not start:  # the address space is limited (`ulimit -v`): pages stay small
        return
    first = -(-start // LARGE_PAGE) * LARGE_PAGE
    if first < start + size:
        library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(start + size - first), mmap.MADV_HUGEPAGE)
    library.free(ctypes.c_void_p(start))
