"""Predict the activation of the heart, or its voltages, from your own 12-lead recordings.

Reads NumPy arrays (time × 12 leads or 10 electrodes, or a field for each lead) and text tables (.csv, .tsv, .txt; the
first line names the leads), both also as .gz, and WFDB records. For each file it writes a CSV with units, and plots.
All files are read and checked before the first output is written.

Examples:

  cardiax predict runs/hearts beat.npy --rate 1000
  cardiax predict runs/hearts holter.hea --start 12345 --out predictions
  cardiax predict runs/hearts export.npy --rate 500 --leads I,II,III,aVR,aVF,aVL,V1,V2,V3,V4,V5,V6
"""

import argparse
import functools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.catalog import WINDOW
from cardiax.errors import InputError
from cardiax.launch.cli import finite, positive
from cardiax.launch.run.run_folder import save_plot, write_atomically, write_csv
from cardiax.launch.run.trained import find_network

UNITS = ("v", "mv", "uv")
"""Units of the channels of a recording."""


def unit_name(text: str) -> str:
    """Return a unit as `UNITS` has it, if it is one of them."""
    return re.sub("[µμ]", "u", text.lower())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run folder, the files, and what the files do not state."""
    parser.add_argument("workdir", metavar="WORKDIR", help="folder of a run of the task activation or transmembrane")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".npy, .npz, a text table (.csv, .tsv, .txt), also as .gz, or a WFDB record (.hea)",
    )
    parser.add_argument("--rate", type=positive, metavar="HZ", help="sampling rate, if a file does not state it")
    parser.add_argument(
        "--start", type=finite, metavar="MS", help="start of the beat, in the times of the file if it has them"
    )
    parser.add_argument("--leads", metavar="A,B", help="names of the channels in order, if a file does not have them")
    parser.add_argument(
        "--unit",
        type=unit_name,
        choices=UNITS,
        metavar="V|mV|uV",
        help="unit of the channels, if a file states none (mV)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the outputs (default: WORKDIR/predictions)")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The heart that a network predicts from one beat: research only, not a medical device.

    The network was trained on simulated hearts, and shows a generic heart.

    Attributes:
      leads: twelve leads (500, 12), mV at 1 kHz, in the order of `cardiax.ecg.leads.LEADS`.
      times: activation times (75,), ms after the first sample, of the sites `cardiax.ecg.leads.SITE_NAMES`; NaN for a
        site that does not activate.
      voltage: transmembrane voltages (500, 75), mV; None if the network predicts times only.
      notes: how the recording was understood.
      warnings: reasons not to trust the prediction.
    """

    leads: np.ndarray
    times: np.ndarray
    voltage: np.ndarray | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dataframe(self) -> Any:
        """Return a pandas data frame with a row for each site: its name and its activation time in ms."""
        import pandas

        from cardiax.ecg.leads import SITE_NAMES

        return pandas.DataFrame({"site": SITE_NAMES, "activation_time_ms": self.times})


def run(options: argparse.Namespace) -> None:
    """Read every file, then write the predicted times or voltages of each as CSV, and plots."""
    predictor = Predictor(options.workdir)
    stems = output_names(options.files)
    names = [name for name in re.split(r"[,;\s]+", options.leads) if name] if options.leads else None
    predictions = predictor.of_files(options.files, options.rate, options.start, names, options.unit)

    from cardiax.plots.heart_plots import case_plots

    folder = options.out or predictor.source.predictions
    lines = []
    for stem, one in zip(stems, predictions, strict=True):
        written = [folder / f"{stem}_activation.csv"]
        write_csv(written[0], times_rows(one.times))
        if one.voltage is not None:
            written.append(folder / f"{stem}_voltage.csv")
            write_csv(written[1], voltage_rows(one.voltage))
        plots = case_plots(one.leads, stem.encode(errors="replace").decode(), one.times, voltage=one.voltage)
        for name, draw in plots.items():
            written += save_plot(folder / f"{stem}_{name}", draw)
        notes = [*(f"note: {note}" for note in one.notes), *(f"warning: {warning}" for warning in one.warnings)]
        if notes:
            written.append(folder / f"{stem}_notes.txt")
            write_atomically(written[-1], ("\n".join(notes) + "\n").encode())
        else:
            (folder / f"{stem}_notes.txt").unlink(missing_ok=True)  # left by another recording of that name
        lines += [(f"{stem}: {note}", sys.stderr) for note in notes]
        lines += [(f"{stem}: {_summary(one.times)}", sys.stdout)]
        lines += [(f"  wrote: {', '.join(map(str, written))}", sys.stdout)]
    for line, stream in lines:  # after all files are written, since the reader of the pipe may stop
        print(line, file=stream)


class Predictor:
    """A network of the task activation or transmembrane, for recordings of your own.

    Args:
      folder: folder of the run or bundle, or a name (see `cardiax.launch.run.trained.find_network`).

    Raises:
      InputError: the folder holds no such run.
    """

    def __init__(self, folder: str | Path):
        self.source = find_network(folder)
        self.config = self.source.config
        if self.config.task not in ("activation", "transmembrane"):
            raise InputError(
                f"{self.source.path}: found a run of {self.config.task!r}, expected activation or transmembrane; "
                "`cardiax predict` reads twelve leads"
            )

    @functools.cached_property
    def _network(self) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        return self.source.predictor()

    def predict(
        self,
        ecg: np.ndarray | str | Path,
        sampling_rate: float | None = None,
        leads: Sequence[str] | None = None,
        start: float | None = None,
        unit: str | None = None,
    ) -> Prediction:
        """Predict the heart from the 500 ms of one beat.

        Args:
          ecg: file as for `cardiax predict`, or an array (T, channels), mV.
          sampling_rate: sampling rate, Hz; needed for an array, and for a file that does not state it.
          leads: names of the channels in order; may be omitted for twelve leads in the usual order, or ten electrodes.
          start: start of the beat, ms; needed if there are more than 500 ms.
          unit: V, mV or uV, the unit of all channels if a file states none.

        Raises:
          InputError: the recording is not valid, or cannot be trusted: what was found, what was expected, what to do.
        """
        source = Path(ecg) if isinstance(ecg, str | Path) else np.asarray(ecg)
        if unit is not None and unit_name(unit) not in UNITS:
            raise InputError(f"unit: found {unit!r}, expected V, mV or uV")
        return self.of_files([source], sampling_rate, start, leads, unit and unit_name(unit))[0]

    def of_files(
        self,
        files: Sequence[Path | np.ndarray],
        rate: float | None = None,
        start: float | None = None,
        names: Sequence[str] | None = None,
        unit: str | None = None,
    ) -> list[Prediction]:
        """Predict the heart from each of several files or arrays; all are read and checked first. See `predict`."""
        from cardiax.ecg.voltage import activation_time
        from cardiax.launch.formats.twelve_lead_beat import read_beat

        beats = [read_beat(source, rate, start, names, unit) for source in files]
        outputs = self._network({"leads": np.stack([beat.leads for beat in beats])})
        for source, output in zip(files, outputs, strict=True):
            if not np.isfinite(output).all():
                name = source if isinstance(source, Path) else "array"
                raise InputError(
                    f"{name}: found an output of the network that is not a number, expected {self.config.task}; "
                    "nothing written"
                )
        predictions = []
        for beat, output in zip(beats, outputs, strict=True):
            voltage = output if output.ndim == 2 else None
            times = output if voltage is None else np.asarray(activation_time(output))
            predictions.append(Prediction(beat.leads, times, voltage, beat.notes, _warnings(times)))
        return predictions


def _warnings(times: np.ndarray) -> tuple[str, ...]:
    outside = int(np.sum((times < 0) | (times > WINDOW)))
    if not outside:
        return ()
    return (
        f"{outside} of {len(times)} times lie outside 0 to {WINDOW} ms, from {np.nanmin(times):.0f} to "
        f"{np.nanmax(times):.0f} ms: the recording is unlike the training data; do not trust them",
    )


def _summary(times: np.ndarray) -> str:
    active = np.isfinite(times)
    if not active.any():
        return "no site activates"
    return f"{active.sum()} of {len(times)} sites activate, from {np.nanmin(times):.0f} to {np.nanmax(times):.0f} ms"


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
    endings = (".npy", ".npz", ".csv", ".tsv", ".txt", ".asc", ".hea", ".dat", ".mat")

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
