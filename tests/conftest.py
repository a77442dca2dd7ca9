"""Eight CPU devices, no rank promotion, and the place of the real data: what every test runs under."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, `$CARDIAX_REAL_DATA` or `../shared/data` beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("CARDIAX_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not a folder (set CARDIAX_REAL_DATA)")
    return folder
