"""Write one page that shows a run, several runs, a sweep or a prediction. It opens anywhere, offline.

A run's page has its metrics with intervals, learning curves, the confusion matrix with the beats of each cell, the ten
worst cases and how to repeat it; of the task activation or transmembrane also hearts that turn and beat. Several runs
or a sweep's folder are also compared side by side. PREDICTION is the folder of `cardiax predict`, which writes a page
for each recording, or one of these pages: they become one file. Research only, not a medical device.

Examples:

  cardiax report runs/mine --out mine.html
  cardiax report runs/mine-seed0 runs/mine-seed1 runs/mine-seed2 --out seeds.html
  cardiax report sweeps/arrhythmia-simulated_heartbeat --out sweep.html
  cardiax report runs/hearts --out hearts.html
  cardiax report predictions --out recordings.html
"""

import argparse
from pathlib import Path

from cardiax.errors import InputError
from cardiax.launch.system.flags import add_data_dir, add_memory

LARGEST = 8_000_000
"""Bytes, of a page that still opens quickly."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is shown, and the page."""
    parser.add_argument(
        "what",
        nargs="+",
        type=Path,
        metavar="RUN|SWEEP|PREDICTION",
        help="folders of runs, of a sweep or of predictions, or pages of `cardiax predict`",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the page, e.g. report.html")
    add_data_dir(parser, "that of each run")
    add_memory(parser)


def run(options: argparse.Namespace) -> None:
    """Write the page."""
    from cardiax.launch.evaluate import find_runs, group
    from cardiax.launch.page.document import page
    from cardiax.launch.page.prediction import pages_in
    from cardiax.launch.page.runs import parts_of_runs
    from cardiax.launch.run.progress import say
    from cardiax.launch.run.run_folder import write_atomically

    pages = {path: pages_in(path, options.out) for path in options.what}
    predicted = [page for some in pages.values() for page in some]
    runs = [path for path, some in pages.items() if not some]
    if predicted and runs:
        raise InputError(f"report: found {runs[0]} beside predictions, expected runs or predictions; report them apart")
    if options.out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out: found {options.out}, expected a file that ends in .html")
    if predicted:
        parts, title = [part for parts, _ in predicted for part in parts], predicted[0][1]
        title = title if len(predicted) == 1 else f"{len(predicted)} recordings"
    else:
        rows = group(find_runs(runs))
        for workdirs in rows.values():
            for workdir in workdirs:
                workdir.read_json("test.json")
        parts = parts_of_runs(rows, options.data_dir, options.memory)
        title = parts[0]["title"] if sum(map(len, rows.values())) == 1 else " and ".join(rows)
    content = page(title, parts)
    write_atomically(options.out, content)
    if len(content) > LARGEST:
        say(f"note: the page has {len(content) / 1e6:.1f} MB and opens slowly; report fewer at a time")
    say(f"wrote: {options.out} ({len(content) / 1e6:.1f} MB)")
