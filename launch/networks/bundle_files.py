"""The files of a bundle: an exported network in a folder of its own, with the SHA-256 of each file."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.durability import publish
from cardiax.errors import InputError, naming
from cardiax.launch.run.run_folder import as_json, read_json, remove_left_overs, temporary_of
from cardiax.launch.run.run_sums import digest

FORMAT = 1
"""Version of the format of a bundle, in config.json; a higher one is refused."""

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
SUMS = "sums.json"
CARD = "README.md"
"""The files that every bundle has."""


def is_bundle(folder: Path) -> bool:
    """Return True if the folder is a bundle, complete or not, and not that of a run."""
    return (folder / SUMS).exists() or (folder / WEIGHTS).exists()


def check_is_free(folder: Path) -> None:
    """Raise `InputError` unless the folder is absent or empty."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: found it in use, expected a new or empty folder; choose another --out")


def write_bundle(folder: Path, files: dict[str, bytes]) -> None:
    """Write a bundle of files, name → content, and their sums; the folder appears when it is complete."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_left_overs(folder.parent, folder.name)
    temporary = temporary_of(folder)
    sums = {name: digest(content) for name, content in sorted(files.items())}
    try:
        temporary.mkdir()
        for name, content in (files | {SUMS: as_json(sums)}).items():
            (temporary / name).write_bytes(content)
        publish(temporary, folder)
    except OSError as error:  # it names a file of the temporary folder
        raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_bundle(folder: Path) -> None:
    """Raise `InputError` if the bundle is not complete, a file was changed, or its format is of a later version."""
    sums, files = read_json(folder / SUMS), {path.name for path in folder.iterdir() if path.is_file()}
    for name in sorted({CONFIG, WEIGHTS} - sums.keys()):
        raise InputError(f"{folder / SUMS}: found no {name}, expected the sum of each file; export the bundle again")
    for name, expected in sums.items():
        path = folder / name
        if name not in files:
            raise InputError(f"{path}: found no such file, expected it as {SUMS} has it; copy the whole bundle again")
        with naming(path):
            found = digest(path.read_bytes())
        if found != expected:
            raise InputError(
                f"{path}: found a file with SHA-256 {found[:12]}…, expected {str(expected)[:12]}… as in {SUMS}: it "
                "was damaged or changed; copy or export the bundle again"
            )
    about = read_json(folder / CONFIG).get("bundle")
    version = about.get("format") if isinstance(about, dict) else None
    if not isinstance(version, int) or version > FORMAT:
        raise InputError(
            f"{folder / CONFIG}: found a bundle of format {version}, expected {FORMAT} or less; update cardiax"
        )


def weights_file(variables: Any) -> bytes:
    """Return the content of weights.safetensors: each array of the variables by its path, e.g. `params/stem/kernel`."""
    from safetensors.numpy import save

    flat = _by_path(variables)
    return save({name: np.asarray(array, order="C") for name, array in flat.items()}, metadata={"format": "flax"})


def _by_path(variables: Any) -> dict[str, Any]:
    from flax.traverse_util import flatten_dict

    return dict(flatten_dict(variables, sep="/"))


def read_weights(folder: Path, like: Any) -> Any:
    """Return the variables of a bundle, which differ in no name, type or shape from the tree `like`, unless it is None.

    Raises `InputError` if the file cannot be read, or its arrays differ from those of `like`.
    """
    from flax.traverse_util import unflatten_dict
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / WEIGHTS
    try:
        with naming(path):
            arrays = load(path.read_bytes())
    except SafetensorError as error:
        raise InputError(f"{path}: found no valid safetensors ({error}), expected weights; copy it again") from error
    if like is None:
        return unflatten_dict(arrays, sep="/")
    expected = {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in _by_path(like).items()}
    found = {name: f"{array.dtype}{list(array.shape)}" for name, array in arrays.items()}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise InputError(
                f"{path}: found {name} {found.get(name, 'absent')}, expected {expected.get(name, 'none')}: it is of "
                "another version of the model; export it again with this version of cardiax"
            )
    return unflatten_dict(arrays, sep="/")
