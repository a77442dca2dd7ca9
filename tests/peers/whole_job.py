"""A whole training from process start on, here and as the reference script does it in PyTorch, in turns.

  python tests/peers/whole_job.py --data-dir DIR
  python tests/peers/whole_job.py --dataset simulated_heartbeat --epochs 5 --rounds 1

Both train the reference 1-D CNN on the same beats in batches of 64 for as many epochs and validate after each. PyTorch
is given its arrays ready to use; `cardiax train` reads the prepared dataset, draws the split, writes checkpoints, tests
the best and draws its plots. Each round has a seed of its own. Told are the seconds from process start to the first
epoch whose accuracy on validation reaches what both reach, and to the end. Needs the extra `bench`, and `cardiax
prepare kaggle_heartbeat` before.
"""

import argparse
import dataclasses
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cardiax import datasets
from cardiax.baselines import find_system
from cardiax.config import PRECISIONS, to_dict, with_overrides
from cardiax.launch.run.experiment import load_experiment
from cardiax.recipes import recipe

LINE = re.compile(r"epoch (\d+)\b.*validation accuracy ([\d.]+)")
"""What both sides print after an epoch."""

CARDIAX = Path(sys.executable).with_name("cardiax")
"""The command of this environment."""


def timed(command):
    """The command's epochs, as (seconds since its start, accuracy), and the seconds until its end."""
    start, epochs = time.perf_counter(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if found := LINE.search(line):
                epochs.append((time.perf_counter() - start, float(found[2])))
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit status {process.returncode}")
    return epochs, time.perf_counter() - start


def seconds_to(score, epochs):
    """Seconds until an epoch first had the score."""
    return next(seconds for seconds, accuracy in epochs if accuracy >= score)


def write_arrays(path, config, data_dir):
    """The beats that `cardiax train` will see, train and validation, for PyTorch."""
    found = load_experiment(config, data_dir, lambda line: None)
    sides = {
        f"{side}_{name}": array
        for side in ("train", "validation")
        for name, array in found.examples.take(found.split[side]).items()
    }
    np.savez(path, allow_pickle=False, **sides)


def main():
    """Write the arrays, run both sides in turns, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="kaggle_heartbeat/ptbdb")
    parser.add_argument("--data-dir", type=Path, default=datasets.default_data_dir())
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of our network's arithmetic")
    parser.add_argument("--torch-precision", choices=PRECISIONS, default=PRECISIONS[0], help="of PyTorch's")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fields = dict(find_system("heartbeat", "cnn").fields) | {"dataset": options.dataset}
    config = with_overrides(recipe("heartbeat", options.dataset), fields)
    config = dataclasses.replace(config, epochs=options.epochs, precision=options.precision)
    with tempfile.TemporaryDirectory() as scratch:
        arrays, written = Path(scratch, "arrays.npz"), Path(scratch, "config.json")
        write_arrays(arrays, config, options.data_dir)
        rounds = []
        for number in range(options.rounds):
            written.write_text(json.dumps(to_dict(dataclasses.replace(config, seed=number))))
            ours = [CARDIAX, "train", "--config", written, "--workdir", Path(scratch, f"{number}")]
            ours += ["--data-dir", options.data_dir]
            theirs = [sys.executable, Path(__file__).with_name("torch_job.py"), arrays]
            theirs += [options.epochs, options.torch_precision, number]
            sides = [timed([str(part) for part in command]) for command in (ours, theirs)]
            score = min(max(accuracy for _, accuracy in epochs) for epochs, _ in sides)
            to_score = [seconds_to(score, epochs) for epochs, _ in sides]
            rounds.append((*to_score, *(end for _, end in sides)))
            print(
                f"round {number + 1}: to accuracy {score:.4f} {to_score[0]:.1f} s, PyTorch {to_score[1]:.1f} s; "
                f"to the end {sides[0][1]:.1f} s, PyTorch {sides[1][1]:.1f} s",
                flush=True,
            )
    for name, ours, theirs in (("to the score", 0, 1), ("to the end", 2, 3)):
        ratios = [each[theirs] / each[ours] for each in rounds]
        middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{name}: PyTorch takes {middle:.2f} times as long ({least:.2f} … {most:.2f})")


if __name__ == "__main__":
    main()
