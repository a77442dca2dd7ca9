"""How the process deals with freed memory."""

import ctypes
import platform

MALLOPT = {
    "M_MMAP_MAX": (-4, 0),  # never map a block of its own
    "M_TRIM_THRESHOLD": (-1, -1),  # never give the top of the heap back
    "M_TOP_PAD": (-2, 2**28),  # bytes by which the heap grows
    "M_ARENA_MAX": (-8, 1),  # one heap, since those of threads are too small for a step's buffers
}
"""glibc's `mallopt(3)`: the parameter's name → its number in malloc.h, and our value."""


def keep_memory() -> None:
    """Ask the C library to keep freed memory for the next step instead of giving it back to the system.

    XLA's CPU backend takes its buffers anew in every step. As glibc is set, they are mapped, cleared page by page when
    they are touched, and unmapped again: 30 to 40 % of the time of a step, where it was measured. No bit depends on it.
    Other C libraries have no such setting and are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for number, value in MALLOPT.values():
            library.mallopt(number, value)
