"""`--dataset PATH`: beats of your own, prepared once and then known by a name that contains a digest of their content.

Preparing them makes your files, their options and what a run trained on one thing: a run keeps reading the copy that it
began with, and files that have changed have another name, so that they cannot be mixed.
"""

import argparse
import json
from pathlib import Path

from cardiax.catalog import DATASETS, OWN, describe, find_dataset, remember
from cardiax.errors import InputError, naming
from cardiax.launch.system.flags import positive

FLAGS = ("labels", "groups", "classes", "annotations", "rate")
"""Flags for reading your own beats."""


def add_own_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags for reading your own beats."""
    own = parser.add_argument_group(
        "your own beats",
        "for PATH in place of the name of a dataset: a table with a row for each beat (.csv, .tsv, .txt, .npz), or a "
        "folder of annotated WFDB records",
    )
    own.add_argument("--labels", metavar="COLUMN", help="column of a table with the class of each beat (label, class)")
    own.add_argument(
        "--groups",
        metavar="X",
        help="column of a table with the group, e.g. the patient, of the beat (group, patient, subject, record), or "
        "none; of a folder, a table record,group (by default each record is a group)",
    )
    own.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="table label,class or symbol,class as CSV or JSON: the names of your classes (default: the labels; of a "
        "folder, the classes of AAMI)",
    )
    own.add_argument("--annotations", metavar="EXT", help="ending of the annotation files of a folder (atr)")
    own.add_argument("--rate", type=positive, metavar="HZ", help="sampling rate of the beats of a table, for plots")


def settle(options: argparse.Namespace) -> None:
    """Replace a path in `options.dataset` by the name of the dataset, which is prepared if it is not yet.

    Raises `InputError` if there is nothing of that name, or the files are not beats.
    """
    from cardiax import datasets
    from cardiax.datasets.storage.record_files import prepare_command

    text, again = getattr(options, "dataset", None), getattr(options, "again", False)
    given = {flag: getattr(options, flag) for flag in FLAGS if getattr(options, flag, None) is not None}
    if text and (text.startswith(f"{OWN}/") or not _is_name(text)):
        data_dir = (options.data_dir or datasets.default_data_dir()).expanduser()
        if text.startswith(f"{OWN}/"):
            _recall(text, data_dir)
            if again:
                raise InputError(
                    f"--again: found the name {text}, expected the path of its files, of which it is a copy; run "
                    f"`{prepare_command(text, options.data_dir)} --again`"
                )
        else:
            options.dataset = _prepared(Path(text).expanduser(), given, data_dir, again)
            given = {}
            for flag in FLAGS:
                setattr(options, flag, None)
    for flag, value in given.items():
        raise InputError(f"--{flag}: found {value}, which applies to your own files alone; give --dataset PATH")


def _is_name(text: str) -> bool:
    """Return True for the name of a dataset; raise its error for what is neither that nor like a path."""
    try:
        find_dataset(text)
        return True
    except InputError as error:
        path = Path(text).expanduser()
        if path.exists():
            return False
        if path.suffix or text.startswith((".", "/", "~")) or text.endswith("/"):
            raise InputError(
                f"{text}: found no such file or folder, expected a table of beats, a folder of WFDB records, or the "
                "name of a dataset"
            ) from error
        raise InputError(f"{error}; or the path of a table of beats or of a folder of WFDB records") from error


def _recall(name: str, data_dir: Path) -> None:
    """Add a prepared dataset to the catalog, unless a config.json has."""
    if found := recorded(name, data_dir):
        remember(found["dataset"])
    elif name not in DATASETS:
        raise InputError(
            f"{name}: found no such dataset in {data_dir}, expected a prepared one; give the path of its files"
        )


def recorded(name: str, data_dir: Path) -> dict | None:
    """Return what a prepared dataset of your own says of itself: `dataset`, `source`, `notes`; None without one."""
    from cardiax.datasets.own_beats.own_beats_dataset_builder import Builder

    path = data_dir / name / str(Builder.VERSION) / "metadata.json"
    try:
        with naming(path):
            found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("dataset"), dict) else None


def _prepared(path: Path, given: dict, data_dir: Path, again: bool) -> str:
    """Return the name of the dataset of these files; prepare it and say so unless it is there."""
    from cardiax import datasets
    from cardiax.datasets.own_beats.own_beats_dataset_builder import READ
    from cardiax.datasets.own_beats.own_files import OwnFiles
    from cardiax.launch.run.progress import say  # imports JAX, which reads its settings then

    files = OwnFiles(path, **given)
    files.check()
    name = files.name()
    if not again and recorded(name, data_dir):
        _recall(name, data_dir)
        if datasets.is_prepared(name, data_dir):
            say(f"data: {path} is {name} in {data_dir}")
            return name
    beats = files.read()
    remember(describe(beats.dataset))
    READ[name] = beats
    try:
        datasets.prepare(name, data_dir, report=lambda line: say(f"note: {line}"), again=again)
    finally:
        del READ[name]
    say(f"data: {path} is prepared as {name} in {data_dir}")
    known = {(own := f"{OWN}/{one.name}"): recorded(own, data_dir) for one in sorted((data_dir / OWN).glob("*"))}
    if others := [own for own, one in known.items() if one and own != name and one.get("source") == beats.source]:
        say(f"note: {path} was also prepared as {', '.join(others)}, with other content or flags: runs on that keep it")
    return name
