"""Ask a trained network for the heart behind your own 12-lead recordings.

Reads .npy (time × 10 electrodes or 12 leads), .csv (a header names the leads) and WFDB records, in mV; writes for each
file a CSV with units and pictures. Every file is read before the first answer is written. Examples:

  cardiax predict runs/mine beat.npy
  cardiax predict runs/mine holter.hea --start 12345 --out answers
"""

import argparse
import csv
import io
from pathlib import Path

import numpy as np

from cardiax.errors import InputError
from cardiax.launch.cli import positive
from cardiax.launch.workdir import Workdir, save_picture, write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, the files, and what the files do not tell."""
    parser.add_argument("workdir", metavar="WORKDIR", help="a run's folder, of the task activation or transmembrane")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".npy, .csv, or a WFDB record (.hea)")
    parser.add_argument("--rate", type=positive, metavar="HZ", help="samples a second, where a file does not tell")
    parser.add_argument("--start", type=float, metavar="MS", help="where the beat begins, in a file longer than 500 ms")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the answers (default: WORKDIR/predictions)")


def run(options: argparse.Namespace) -> None:
    """Read every file, then answer for each: times or voltages as CSV, and pictures."""
    workdir = Workdir(options.workdir)
    config = workdir.config()
    if config.task not in ("activation", "transmembrane"):
        raise InputError(
            f"{workdir.path}: found a run of {config.task!r}, wanted activation or transmembrane; "
            "`cardiax predict` reads twelve leads"
        )
    stems = [path.stem for path in options.files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise InputError(f"predict: found several files named {twice[0]}, wanted different names; answer them apart")

    from cardiax.launch.recordings import read_leads

    leads = np.stack([read_leads(path, options.rate, options.start) for path in options.files])

    from cardiax.launch.heart_pictures import heart_pictures
    from cardiax.launch.trained import load_predictor
    from cardiax.leads import activation_time

    outputs = load_predictor(workdir)(leads)
    folder = options.out or workdir.path / "predictions"
    for stem, one, output in zip(stems, leads, outputs, strict=True):
        voltage = output if output.ndim == 2 else None
        times = output if voltage is None else np.asarray(activation_time(output))
        written = [folder / f"{stem}_activation.csv"]
        write_atomically(written[0], times_csv(times))
        if voltage is not None:
            written.append(folder / f"{stem}_voltage.csv")
            write_atomically(written[1], voltage_csv(voltage))
        pictures = heart_pictures(one, stem, times, voltage=voltage)
        for name, draw in pictures.items():
            written += save_picture(folder / f"{stem}_{name}", draw)
        active = np.isfinite(times)
        print(
            f"{stem}: {active.sum()} of {len(times)} sites activate, from {np.nanmin(times):.0f} to "
            f"{np.nanmax(times):.0f} ms"
            if active.any()
            else f"{stem}: no site activates"
        )
        print(f"  wrote: {', '.join(map(str, written))}")


def times_csv(times: np.ndarray) -> bytes:
    """Activation times (75,), ms, one site a line; empty for a site that never activates."""
    from cardiax.leads import SITE_NAMES

    rows = ((name, f"{time:.2f}" if np.isfinite(time) else "") for name, time in zip(SITE_NAMES, times, strict=True))
    return _csv(("site", "activation_time_ms"), rows)


def voltage_csv(voltage: np.ndarray) -> bytes:
    """Voltages (500, 75), mV, one time a line."""
    from cardiax.leads import SITE_NAMES

    header = ("time_ms", *(f"{name}_mV" for name in SITE_NAMES))
    return _csv(header, ((time, *(f"{value:.3f}" for value in row)) for time, row in enumerate(voltage)))


def _csv(header: tuple, rows: object) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # pyright: ignore[reportArgumentType]
    return text.getvalue().encode()
