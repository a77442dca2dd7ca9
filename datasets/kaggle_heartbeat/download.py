"""Download of Kaggle's archive with Kaggle's command line tool, into the folder layout of TFDS.

`dl_manager.download_kaggle_data` runs the same command, but imports TensorFlow to unpack the result; here the zip file
is read directly.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cardiax.durability import temporary_folder
from cardiax.errors import InputError, installation

KAGGLE_DATASET = "shayanfazeli/heartbeat"
TFDS_FOLDER = "shayanfazeli_heartbeat"  # the name that `dl_manager.download_kaggle_data` gives it


def has_credentials() -> bool:
    """Return True if Kaggle's command line tool would find credentials in one of the places it searches."""
    if os.environ.get("KAGGLE_API_TOKEN") or (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")):
        return True
    folders = [Path.home() / ".kaggle", Path.home() / ".config" / "kaggle"]
    if config_dir := os.environ.get("KAGGLE_CONFIG_DIR"):
        folders.append(Path(config_dir))
    return any((folder / name).is_file() for folder in folders for name in ("kaggle.json", "access_token"))


def download(download_dir: Path) -> Path:
    """Download Kaggle's heartbeat.zip unless it is there already; return its folder below `download_dir`.

    `InputError` if there is no `kaggle` command, or it failed.
    """
    folder = download_dir / TFDS_FOLDER
    if folder.is_dir():
        return folder
    beside_python = os.path.dirname(sys.executable)  # commands of the environment, even if it is not activated
    command = shutil.which("kaggle", path=os.pathsep.join([beside_python, os.environ.get("PATH", os.defpath)]))
    if command is None:
        raise InputError(
            f"Kaggle credentials are set, but the `kaggle` command is not installed: run {installation('kaggle')}, or "
            "fetch archive.zip yourself and name its folder with --manual-dir"
        )
    download_dir.mkdir(parents=True, exist_ok=True)
    with temporary_folder("incomplete.", download_dir) as incomplete:
        target = incomplete / TFDS_FOLDER
        result = subprocess.run(
            [command, "datasets", "download", "--path", target, KAGGLE_DATASET], stdout=subprocess.PIPE, text=True
        )  # stderr is not captured, as it shows the progress bar
        if result.returncode != 0:
            said = " ".join(result.stdout.split()) or "see its message above"
            raise InputError(
                f"`kaggle datasets download {KAGGLE_DATASET}` failed with status {result.returncode} ({said}): check "
                "the credentials and the network, or fetch archive.zip yourself and name its folder with --manual-dir"
            )
        target.rename(folder)
    return folder
