"""Files that survive a power cut."""

import os
from pathlib import Path


def synchronise(path: Path) -> None:
    """Wait until a file, or a folder with everything in it, is on the disk."""
    for one in (*path.rglob("*"), path):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
