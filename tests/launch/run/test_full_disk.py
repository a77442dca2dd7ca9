"""A full disk and a folder that may not be written: one line, nothing half-written that is trusted later."""

import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_training_on_a_full_disk(small_disk, cardiax, small_run):
    message = cardiax.mistake(*small_run, "--workdir", small_disk / "run")
    where = small_disk / "run" / "checkpoints"
    assert message.startswith(
        f"{where}: no space for a checkpoint of 2 MiB; free some space there and run the same command"
    )
    assert not (small_disk / "run" / "test.json").exists()
    # What is there is a run that has not evaluated yet, and says so.
    assert "found no checkpoint, expected one" in cardiax.mistake("evaluate", small_disk / "run")


def test_a_run_begins_on_a_disk_without_any_space(small_disk, cardiax, small_run):
    (small_disk / "filler").write_bytes(b"0" * (2**20 - 4096))
    message = cardiax.mistake(*small_run, "--workdir", small_disk / "run")
    assert "No space left on device; free some space there and run the same command again" in message
    assert str(small_disk) in message


def test_a_folder_without_write_permission(cardiax, small_run, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    message = cardiax.mistake(*small_run, "--workdir", tmp_path / "run")
    assert message == f"{tmp_path / 'run'}: Permission denied; allow it, or choose another path"
