"""Measure trained models from their run folders alone: figures with 95 % intervals, per class, and a picture.

Writes SPLIT.json and pictures below figures/ into each folder, with real noise SPLIT_noise.json besides. Of several
folders, seeds of one experiment say, it also prints the mean and its interval. Examples:

  cardiax evaluate runs/mine
  cardiax evaluate runs/mine --protocol noise
  cardiax evaluate runs/hearts --noise 12
  cardiax evaluate runs/mine-seed0 runs/mine-seed1 runs/mine-seed2 --split validation
"""

import argparse
from pathlib import Path

from cardiax.catalog import NOISE, find_dataset
from cardiax.errors import InputError, unknown
from cardiax.launch.train import add_memory
from cardiax.launch.workdir import Workdir
from cardiax.splits import SPLITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders, the split, and where the data lies now if it has moved."""
    parser.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="a run's folder")
    parser.add_argument("--split", default="test", metavar="SPLIT", help="train, validation or test (default)")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where prepared datasets lie (default: where the run found it)"
    )
    add_memory(parser)
    parser.add_argument(
        "--protocol", metavar="NAME", help="noise: then also with real noise, and of twelve leads with each missing"
    )
    parser.add_argument(
        "--noise", type=float, metavar="DB", help="of twelve leads: with white noise at this signal-to-noise ratio"
    )
    parser.add_argument(
        "--drop-lead", action="store_true", help="of twelve leads: with one at 0, case by case another in turn"
    )


def run(options: argparse.Namespace) -> None:
    """Evaluate each folder's best checkpoint, then the mean over folders."""
    if options.split not in SPLITS:
        raise unknown("split", options.split, SPLITS)
    if options.protocol not in (None, NOISE):
        raise unknown("protocol", options.protocol, [NOISE])
    if options.protocol and (options.noise is not None or options.drop_lead):
        raise InputError(
            "evaluate: found --protocol noise with --noise or --drop-lead, wanted one; evaluate them apart"
        )
    runs = [Workdir(path) for path in options.workdirs]
    configs = [workdir.config() for workdir in runs]
    if len({(config.task, find_dataset(config.dataset).name, config.split) for config in configs}) > 1:
        raise InputError(
            "evaluate: found runs of several tasks, datasets or protocols, wanted one; evaluate them apart"
        )

    from cardiax.launch.measure import Harm, measure, summarize

    harm, data_dir = Harm(options.noise, options.drop_lead), options.data_dir and Path(options.data_dir)
    results = [
        measure(workdir, options.split, data_dir, harm, bool(options.protocol), options.memory) for workdir in runs
    ]
    if len(results) > 1:
        summarize(results)
