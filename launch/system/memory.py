"""How much memory there is, and how the process deals with what it freed."""

import ctypes
import functools
import importlib.util
import mmap
import os
import platform
from importlib.metadata import entry_points
from pathlib import Path

MALLOPT = {
    "M_MMAP_MAX": (-4, 0),  # never map a block of its own
    "M_TRIM_THRESHOLD": (-1, -1),  # never give the top of the heap back
    "M_TOP_PAD": (-2, 2**28),  # bytes by which the heap grows
    "M_ARENA_MAX": (-8, 1),  # one heap, since those of threads are too small for a step's buffers
}
"""glibc's `mallopt(3)`: the parameter's name → its number in malloc.h, and our value."""

LARGE_PAGE = 2**21
"""Bytes of a large page of x86-64 and most ARM machines; a multiple of any small page, as `madvise(2)` wants."""

GROUP = Path("/sys/fs/cgroup")
"""Where Linux tells what the process's control group, its container say, may take (cgroups(7), version 2)."""


def available_memory() -> int:
    """Bytes that the process may still take: what the system can give, and no more than its control group has left.

    Where the system does not tell what it can give, as macOS, half of all that there is.
    """
    information = Path("/proc/meminfo")
    lines = information.read_text().splitlines() if information.exists() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    system = kilobytes[0] * 1024 if kilobytes else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    limit, used = (_number(GROUP / name) for name in ("memory.max", "memory.current"))
    return system if limit is None or used is None else min(system, max(limit - used, 0))


def _number(path: Path) -> int | None:
    """What the file holds; None where there is none, or another word, as `max`."""
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None


@functools.cache
def keep_memory() -> None:
    """Ask the C library to keep freed memory for the next step instead of giving it back to the system, and the system
    to give it in large pages. Once a process.

    XLA's CPU backend takes its buffers anew in every step. As glibc is set, they are mapped, cleared page by page when
    they are touched, and unmapped again: 30 to 40 % of the time of a step, where it was measured. With pages of 2 MiB
    the processor needs few of their addresses at hand: another 4 to 12 % of a step. No bit depends on either. Other C
    libraries have no such setting and are left as they are.

    On an accelerator the step's buffers are not the C library's, and the threads of XLA's compiler would all wait for
    the one heap: on 16 cores beside an H100 they spent twice as long in the kernel as in the compiler.
    """
    if platform.libc_ver()[0] == "glibc" and not accelerator_installed():
        library = ctypes.CDLL(None)
        for number, value in MALLOPT.values():
            library.mallopt(number, value)
        _advise_large_pages(library, available_memory() // 2)


def accelerator_installed() -> bool:
    """Whether JAX, which must not be imported yet, may find another device than the CPU."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms:
        return platforms.split(",")[0] != "cpu"
    plugins = bool(entry_points(group="jax_plugins")) or importlib.util.find_spec("jax_plugins") is not None
    return plugins or importlib.util.find_spec("libtpu") is not None


def _advise_large_pages(library: ctypes.CDLL, size: int) -> None:
    """Have the heap's next `size` bytes come in large pages, where Linux leaves that to the process (`madvise` in
    /sys/kernel/mm/transparent_hugepage/enabled). Addresses are taken for them, and memory only once it is used.
    """
    library.malloc.restype = ctypes.c_void_p
    start = library.malloc(ctypes.c_size_t(size))
    if not start:  # the user may not have so many addresses (`ulimit -v`): pages stay small
        return
    first = -(-start // LARGE_PAGE) * LARGE_PAGE
    if first < start + size:
        library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(start + size - first), mmap.MADV_HUGEPAGE)
    library.free(ctypes.c_void_p(start))
