"""Fetch or read a dataset, check it, and write it once in the format of training.

DATASET is a name, or the path of your own beats: a table with a row for each beat, or a folder of annotated WFDB
records. `cardiax train --dataset PATH` prepares it by itself; the name that is printed is another name of it.

Examples:

  cardiax prepare physionet_mitbih
  cardiax prepare kaggle_heartbeat --manual-dir archive.zip
  cardiax prepare simulated_heartbeat --again
  cardiax prepare beats.csv --groups patient
  cardiax prepare simulated_intracardiac --raw hearts
"""

import argparse
import time
from pathlib import Path

from cardiax.catalog import DATASETS, Dataset, find_dataset
from cardiax.errors import InputError
from cardiax.launch.run.own_data import add_own_flags, settle
from cardiax.launch.system.flags import add_data_dir, add_import


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cardiax prepare`."""
    add_import(parser)
    parser.add_argument(
        "dataset",
        help="NAME or NAME/CONFIG, or PATH; NAME alone: its own data, or every configuration whose files are at hand",
    )
    parser.add_argument(
        "--manual-dir",
        type=Path,
        metavar="PATH",
        help="manually downloaded files: a folder, searched at any depth, or an archive",
    )
    parser.add_argument(
        "--download-dir", type=Path, metavar="DIR", help="folder of downloads (default: DATA_DIR/downloads)"
    )
    add_data_dir(parser, "$TFDS_DATA_DIR or ~/tensorflow_datasets")
    parser.add_argument("--strict", action="store_true", help="raise an error for a source file that would be left out")
    parser.add_argument(
        "--again",
        action="store_true",
        help="prepare a dataset again; the old one is kept until the new one is complete",
    )
    parser.add_argument(
        "--raw",
        type=Path,
        metavar="DIR",
        help="write simulated_intracardiac in the files of the UCSD/LLNL dataset instead",
    )
    parser.add_argument(
        "--mesh", type=Path, metavar="FILE", help="with --raw: tetrahedral mesh of the heart, mm, as VTK"
    )
    parser.add_argument("--sites", type=Path, metavar="FILE", help="with --mesh: CSV of the 75 sites, x, y, z, Name")
    add_own_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Prepare every dataset that `args.dataset` names; if there are several, those with missing files are skipped."""
    name = args.dataset.rstrip("/")
    if (args.mesh is None) != (args.sites is None) or (args.mesh and not args.raw):
        raise InputError("prepare: found only some of --mesh, --sites and --raw, expected all three for your mesh")
    if args.raw:
        _write_raw(name, args.raw, args.mesh, args.sites)
        return

    from cardiax.datasets import default_data_dir
    from cardiax.datasets.storage.manual_files import MissingFileError

    data_dir = args.data_dir or default_data_dir()
    datasets = [DATASETS[name]] if name in DATASETS else []
    datasets = datasets or [one for one in DATASETS.values() if one.name.split("/")[0] == name]
    settle(args)
    if not datasets:
        _tally(find_dataset(args.dataset), data_dir)
        return
    missing = []
    for dataset in datasets:
        try:
            _prepare(dataset, data_dir, args)
        except MissingFileError as error:
            missing.append((dataset, error))
    if len(missing) == len(datasets):
        raise InputError(str(missing[0][1]))
    for dataset, error in missing:
        print(f"{dataset.name}: skipped: {error}")


def _prepare(dataset: Dataset, data_dir: Path, args: argparse.Namespace) -> None:
    from cardiax.datasets import is_prepared, prepare, prepared_from, prepared_path

    already = not args.again and is_prepared(dataset.name, data_dir)
    started = time.perf_counter()
    notes: list[str] = []
    prepare(dataset.name, data_dir, args.manual_dir, args.download_dir, notes.append, args.strict, args.again)
    path, source = prepared_path(dataset.name, data_dir), prepared_from(dataset.name, data_dir)
    if already:
        given = {"--manual-dir": args.manual_dir, "--download-dir": args.download_dir, "--strict": args.strict}
        ignored = [flag for flag, value in given.items() if value]
        print(
            f"{dataset.name}: already prepared in {path}{f' from {source}' if source else ''} and kept"
            + (f", ignoring {' and '.join(ignored)}" if ignored else "")
            + "; --again prepares it again"
        )
    else:
        print(f"{dataset.name}: prepared in {path} in {time.perf_counter() - started:.1f} s")
    _tally(dataset, data_dir)
    for note in notes:
        print(f"  note: {note}")


def _tally(dataset: Dataset, data_dir: Path) -> None:
    """Print the number of examples of each class in each part of a prepared dataset."""
    from cardiax.datasets import load, sizes

    if dataset.kind == "beat":
        for split, arrays in load(dataset.name, data_dir).items():
            labels = arrays["label"].tolist()
            tally = ", ".join(f"{name} {labels.count(index)}" for index, name in enumerate(dataset.classes))
            print(f"  {split}: {len(labels)} beats ({tally})")
    else:
        for split, size in sizes(dataset.name, data_dir).items():
            print(f"  {split}: {size} recordings")


def _write_raw(name: str, folder: Path, mesh: Path | None, sites: Path | None) -> None:
    if name != "simulated_intracardiac":
        raise InputError(
            f"--raw: found dataset {name!r}, expected simulated_intracardiac, the only one that can be written this way"
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: found files in it, expected a new or empty folder; choose another --raw")

    from cardiax.datasets.simulated_intracardiac.simulated_intracardiac_dataset_builder import write_raw
    from cardiax.launch.formats.heart_mesh import read_heart

    heart = read_heart(mesh, sites) if mesh and sites else None
    print(f"{name}: {write_raw(folder, heart=heart)} recordings written below {folder}")
