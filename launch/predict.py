"""Predict the activation of the heart, or its voltages, from your own 12-lead recordings.

Reads NumPy arrays (time × 12 leads or 10 electrodes), text tables (.csv, .tsv, .txt, also .gz; the first line names
the leads) and WFDB records. For each file it writes a CSV with units, and plots. All files are read and checked before
the first output is written.

Examples:

  cardiax predict runs/hearts beat.npy --rate 1000
  cardiax predict runs/hearts holter.hea --start 12345 --out predictions
  cardiax predict runs/hearts export.npy --rate 500 --leads I,II,III,aVR,aVF,aVL,V1,V2,V3,V4,V5,V6
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiax.catalog import WINDOW
from cardiax.errors import InputError
from cardiax.launch.cli import finite, positive
from cardiax.launch.run.run_folder import Workdir, save_plot, write_atomically, write_csv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run folder, the files, and what the files do not state."""
    parser.add_argument("workdir", metavar="WORKDIR", help="folder of a run of the task activation or transmembrane")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".npy, a text table (.csv, .tsv, .txt, also .gz), or a WFDB record (.hea)",
    )
    parser.add_argument("--rate", type=positive, metavar="HZ", help="sampling rate, if a file does not state it")
    parser.add_argument(
        "--start", type=finite, metavar="MS", help="start of the beat, in the times of the file if it has them"
    )
    parser.add_argument("--leads", metavar="A,B", help="names of the channels in order, if a file does not have them")
    parser.add_argument(
        "--unit",
        type=str.lower,
        choices=("v", "mv", "uv"),
        metavar="V|mV|uV",
        help="unit of the channels, if a file states none (mV)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the outputs (default: WORKDIR/predictions)")


def run(options: argparse.Namespace) -> None:
    """Read every file, then write the predicted times or voltages of each as CSV, and plots."""
    workdir = Workdir(options.workdir)
    config = workdir.config()
    if config.task not in ("activation", "transmembrane"):
        raise InputError(
            f"{workdir.path}: found a run of {config.task!r}, expected activation or transmembrane; "
            "`cardiax predict` reads twelve leads"
        )
    stems = output_names(options.files)

    from cardiax.launch.formats.twelve_lead_beat import read_beat

    names = [name for name in re.split(r"[,;\s]+", options.leads) if name] if options.leads else None
    beats = [read_beat(path, options.rate, options.start, names, options.unit) for path in options.files]
    leads = np.stack([beat.leads for beat in beats])

    from cardiax.ecg.voltage import activation_time
    from cardiax.launch.run.restored import load_predictor
    from cardiax.plots.heart_plots import case_plots

    outputs = load_predictor(workdir)({"leads": leads})
    for path, output in zip(options.files, outputs, strict=True):
        if not np.isfinite(output).all():
            raise InputError(
                f"{path}: found an output of the network that is not a number, expected {config.task}; nothing written"
            )
    folder = options.out or workdir.path / "predictions"
    lines = []
    for stem, beat, output in zip(stems, beats, outputs, strict=True):
        voltage = output if output.ndim == 2 else None
        times = output if voltage is None else np.asarray(activation_time(output))
        written = [folder / f"{stem}_activation.csv"]
        write_csv(written[0], times_rows(times))
        if voltage is not None:
            written.append(folder / f"{stem}_voltage.csv")
            write_csv(written[1], voltage_rows(voltage))
        plots = case_plots(beat.leads, stem.encode(errors="replace").decode(), times, voltage=voltage)
        for name, draw in plots.items():
            written += save_plot(folder / f"{stem}_{name}", draw)
        active = np.isfinite(times)
        notes = [f"note: {note}" for note in beat.notes]
        if np.any(times[active] < 0) or np.any(times[active] > WINDOW):
            outside = int(np.sum((times < 0) | (times > WINDOW)))
            notes.append(
                f"warning: {outside} of {len(times)} times lie outside 0 to {WINDOW} ms, from {np.nanmin(times):.0f} "
                f"to {np.nanmax(times):.0f} ms: the recording is unlike the training data; do not trust them"
            )
        if notes:
            written.append(folder / f"{stem}_notes.txt")
            write_atomically(written[-1], ("\n".join(notes) + "\n").encode())
        else:
            (folder / f"{stem}_notes.txt").unlink(missing_ok=True)  # left by another recording of that name
        found = (
            f"{active.sum()} of {len(times)} sites activate, from {np.nanmin(times):.0f} to {np.nanmax(times):.0f} ms"
            if active.any()
            else "no site activates"
        )
        lines += [(f"{stem}: {note}", sys.stderr) for note in notes]
        lines += [(f"{stem}: {found}", sys.stdout), (f"  wrote: {', '.join(map(str, written))}", sys.stdout)]
    for line, stream in lines:  # after all files are written, since the reader of the pipe may stop
        print(line, file=stream)


def output_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each file's output names.

    It is the file's name without its ending, plus as much of its folders or ending as distinguishes it from the others.

    Raises:
      InputError: one file is given twice.
    """
    whole = [path.resolve() for path in paths]
    for path in paths:
        if whole.count(path.resolve()) > 1:
            raise InputError(f"{path}: found this file twice, expected each once")
    endings = (".npy", ".csv", ".tsv", ".txt", ".hea", ".dat", ".mat")

    def name(path: Path, folders: int, with_ending: bool) -> str:
        last = path.name
        plain = last.removesuffix(".gz")
        if not with_ending and plain.lower().endswith(endings):
            last = plain[: plain.rindex(".")]
        return "_".join([*path.parts[len(path.parts) - 1 - folders : -1], last]).replace("/", "")

    for with_ending in (False, True):
        for folders in range(max(len(path.parts) for path in whole)):
            names = [name(path, folders, with_ending) for path in whole]
            if len(set(names)) == len(names):
                own = [name(path, 0, False) for path in whole]
                return [one if own.count(one) == 1 else other for one, other in zip(own, names, strict=True)]
    raise AssertionError("different files have different paths")


def times_rows(times: np.ndarray) -> list[dict[str, str]]:
    """Format activation times (75,), ms, as rows of CSV, one site per line; empty for a site that does not activate."""
    from cardiax.ecg.leads import SITE_NAMES

    cells = (f"{time:.2f}" if np.isfinite(time) else "" for time in times)
    return [{"site": name, "activation_time_ms": cell} for name, cell in zip(SITE_NAMES, cells, strict=True)]


def voltage_rows(voltage: np.ndarray) -> list[dict[str, str]]:
    """Format voltages (500, 75), mV, as rows of CSV, one time per line."""
    from cardiax.ecg.leads import SITE_NAMES

    columns = ["time_ms", *(f"{name}_mV" for name in SITE_NAMES)]
    cells = ([str(time), *(f"{value:.3f}" for value in row)] for time, row in enumerate(voltage))
    return [dict(zip(columns, row, strict=True)) for row in cells]
