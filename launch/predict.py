"""Predict the beats, the activation of the heart, or its voltages from your own recordings.

NETWORK is arrhythmia, heartbeat, activation or transmembrane, whose weights come with cardiax, or the folder of a run
or a bundle. A network of the task arrhythmia or heartbeat, trained on beats with their rhythm (--dataset
physionet_mitbih/patient, physionet_svdb or a folder of WFDB records), finds the R peaks of recordings of any length
with one or more leads, and the class of each beat; one that was trained on a table of beats reads tables of such beats.
A network of the task activation or transmembrane reads twelve leads or ten electrodes, finds their beats, and predicts
each and their median; --start names a single one. A folder stands for the recordings in it.

Reads NumPy arrays (time × channels, or a field for each lead) and text tables (.csv, .tsv, .txt; the first line names
the leads), both also as .gz, WFDB records, MATLAB files of versions 4 to 7.2, EDF and BDF. For each file it writes CSV
with units, plots, and NAME_report.html, a page that opens in a browser, offline; of several files also predictions.csv,
with a row each. A file that is refused gets no new outputs; the others are predicted, and the exit status is 2. Nothing
is predicted if one does not exist, or is a folder without recordings. Research only, not a medical device.

Examples:

  cardiax predict arrhythmia holter.hea
  cardiax predict activation ecg.hea
  cardiax predict runs/beats holter.hea
  cardiax predict runs/beats recordings/ --out reports
  cardiax predict runs/beats 100.hea 103.hea --compare atr
  cardiax predict runs/table more.csv
  cardiax predict runs/hearts ecg.hea
  cardiax predict runs/hearts beat.npy --rate 1000
  cardiax predict runs/hearts holter.hea --start 12345 --out predictions
  cardiax predict runs/hearts export.npy --rate 500 --leads I,II,III,aVR,aVF,aVL,V1,V2,V3,V4,V5,V6
"""

import argparse
import contextlib
import numbers
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cardiax.errors import InputError, described
from cardiax.launch.formats.open_recording import ENDINGS, OF_RECORD, PAGE, PREDICTIONS, recordings_in
from cardiax.launch.formats.reader import UNITS, unit_name
from cardiax.launch.networks.bundle_files import WEIGHTS
from cardiax.launch.predictors import open_predictor
from cardiax.launch.run.plot_files import save_plot
from cardiax.launch.run.run_folder import remove_left_overs, write_csv
from cardiax.launch.system.flags import finite, positive
from cardiax.launch.system.quiet import is_quiet


class _Once(argparse.Action):
    """The action that stores a value, and refuses a second one."""

    def __call__(self, parser: Any, options: Any, values: Any, flag: str | None = None) -> None:
        if getattr(options, self.dest) is not None:
            parser.error(f"found {flag} twice, expected it once")
        setattr(options, self.dest, values)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run folder, the files, and what the files do not state."""
    parser.register("action", None, _Once)
    parser.add_argument(
        "workdir",
        metavar="NETWORK",
        help="run folder or bundle, or a name of trained weights: arrhythmia, heartbeat, activation, transmembrane",
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".npy, .npz, a text table (.csv, .tsv, .txt), also as .gz, .mat, .edf, .bdf, or a WFDB record (.hea)",
    )
    parser.add_argument("--rate", type=positive, metavar="HZ", help="sampling rate, if a file does not state it")
    parser.add_argument("--leads", metavar="A,B", help="names of the channels in order, if a file does not have them")
    parser.add_argument(
        "--unit",
        type=unit_name,
        choices=UNITS,
        metavar="V|mV|uV",
        help="unit of the channels, if a file states none (mV)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the outputs (default: RUN/predictions, or ./predictions/NAME of a bundle)",
    )
    parser.add_argument(
        "--start",
        type=finite,
        metavar="MS",
        help="start of the beat, in the times of the file if it has them (activation, transmembrane)",
    )
    parser.add_argument(
        "--beats", metavar="EXT", help="take the R peaks from the annotation file NAME.EXT, e.g. atr (arrhythmia)"
    )
    parser.add_argument(
        "--compare",
        metavar="EXT",
        help="compare with the annotation file NAME.EXT, e.g. atr, beat by beat, in comparison.json (arrhythmia)",
    )
    parser.add_argument("--no-plots", action="store_true", help="leave out the plots, which take most of the time")
    parser.add_argument("--no-report", action="store_true", help="leave out the page NAME_report.html")


def run(options: argparse.Namespace) -> None:
    """Read the files one after the other; write and print the prediction of each as CSV, then draw its plots and page.

    Raises:
      InputError: a file is refused; of several, after the others are written.
      BrokenPipeError: the reader of the output has stopped reading, after all files are written.
    """
    predictor: Any = open_predictor(options.workdir)
    chosen = {flag: getattr(options, flag) for flag in ("start", "beats", "compare")}
    chosen = {flag: value for flag, value in chosen.items() if value is not None}
    for flag, value in chosen.items():
        if flag not in predictor.flags:
            raise InputError(
                f"--{flag}: found {value}, which does not apply to a network of the task {predictor.config.task}; "
                "leave it out"
            )
    folder = options.out or predictor.network.predictions
    check_output(folder)
    remove_left_overs(folder)
    found = [recordings_in(path) for path in options.files]
    files = [file for own, _ in found for file in own]
    stems = output_names(files)
    names = [name for name in re.split(r"[,;\s]+", options.leads) if name] if options.leads else None
    lines, refused, rows = _Lines(), [], []
    for note in (note for _, notes in found for note in notes if not is_quiet()):
        lines.say(f"note: {note}", True)
    for file in files:
        if not (file.exists() or file.with_name(f"{file.name}.hea").exists()):
            raise InputError(f"{file}: found no such file, expected a recording")
    for file, stem in zip(files, stems, strict=True):
        try:
            prediction = predictor.predict(file, sampling_rate=options.rate, leads=names, unit=options.unit, **chosen)
        except (InputError, PermissionError) as error:
            if len(files) == 1:
                raise
            why = described(error) if isinstance(error, OSError) else error
            old = any((folder / f"{stem}{ending}").exists() for ending in predictor.outputs)
            lines.say(f"refused: {why}{f'; {folder} has outputs of an earlier {stem}' if old else ''}", True)
            refused.append(file)
            rows.append({"recording": stem, "refused": str(why)})
            continue
        _write(folder, stem, predictor, prediction, lines, not options.no_plots, not options.no_report)
        found = {name: _cell(value) for name, value in predictor.row(prediction).items()}
        rows.append({"recording": stem, "refused": "", **found})
        del prediction  # of thousands of files only one is in memory
    for line, is_remark in predictor.write_together(folder):
        lines.say(line, is_remark)
    if len(files) > max(1, len(refused)):
        write_csv(folder / PREDICTIONS, rows)
        lines.say(f"  wrote: {folder / PREDICTIONS}", False)
    if refused:
        which, were = (refused[0], "was") if len(refused) == 1 else (f"{refused[0]} and others", "were")
        others = f"; the outputs of the others are in {folder}" if len(refused) < len(files) else ""
        raise InputError(
            f"{which}: {len(refused)} of {len(files)} recordings {were} refused, for the reason above{others}"
        )
    if lines.error is not None:
        raise lines.error


def _write(
    folder: Path, stem: str, predictor: Any, prediction: Any, lines: "_Lines", with_plots: bool, with_page: bool
) -> None:
    """Write the prediction of one recording, its plots and its page in place of older outputs, and print it."""
    # What other recordings left.
    for name in (*(f"{stem}{ending}" for ending in (*predictor.outputs, PAGE)), *predictor.outputs_together):
        (folder / name).unlink(missing_ok=True)
    for line, is_remark in predictor.write(folder, stem, prediction):
        lines.say(line, is_remark)
    with_page = with_page and predictor.has_page
    if not (with_plots or with_page):
        return
    explained, written = predictor.with_influence(prediction), []
    if with_plots:
        plots = predictor.plots(stem, explained).items()
        written += [path for name, draw in plots for path in save_plot(folder / f"{stem}_{name}", draw)]
    if with_page:
        from cardiax.launch.page.prediction import write_page  # a second of Matplotlib, not needed before

        written += write_page(folder / f"{stem}{PAGE}", stem, explained, predictor.network)
    if written:
        lines.say(f"  wrote: {', '.join(map(str, written))}", False)


def _cell(value: Any) -> Any:
    """Return what predictions.csv has of a value: a float with three decimals."""
    return value if isinstance(value, numbers.Integral) or not isinstance(value, numbers.Real) else f"{value:.3f}"


class _Lines:
    """Lines for the user, each printed at once.

    Attributes:
      error: the error of the first line that could not be printed, after which none is; None before.
    """

    error: BrokenPipeError | None = None

    def say(self, line: str, is_remark: bool) -> None:
        if self.error is None:
            try:
                print(line, file=sys.stderr if is_remark else sys.stdout, flush=True)
            except BrokenPipeError as error:
                self.error = error


def check_output(folder: Path) -> None:
    """Raise `InputError` unless files can be written into a folder, which may not exist yet and is not of a bundle."""
    above = [folder.absolute(), *folder.absolute().parents]
    if inside := [one for one in above if (one.resolve() / WEIGHTS).exists()]:
        raise InputError(
            f"{folder}: found the bundle {inside[0]}, expected a folder outside of it; choose another --out"
        )
    missing = [one for one in above if not os.path.lexists(one)]
    first = above[len(missing)]
    if not first.is_dir():
        raise InputError(f"{first}: found a file, expected a folder for the outputs; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: found a folder that cannot be written, expected one that can; choose another --out"
        ) from error
    finally:
        for one in missing:
            with contextlib.suppress(OSError):
                one.rmdir()


def output_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each file's output names.

    It is the file's name without its ending, plus as much of its folders or ending as distinguishes it from the others.
    Raises `InputError` if one file is given twice.
    """
    whole, seen = [Path(os.path.abspath(path)) for path in paths], set()
    for path in map(Path.resolve, paths):
        headers = [path.with_name(f"{path.name}.hea"), path.with_suffix(".hea")]
        record = next((header for header in headers if path.suffix in ("", *OF_RECORD) and header.is_file()), path)
        if record in seen:
            raise InputError(f"{path}: found this recording twice, expected each once")
        seen.add(record)

    def name(path: Path, folders: int, with_ending: bool) -> str:
        last = path.name
        plain = last.removesuffix(".gz")
        if not with_ending and plain.lower().endswith(ENDINGS):
            last = plain[: plain.rindex(".")]
        return "_".join([*path.parts[len(path.parts) - 1 - folders : -1], last]).replace("/", "")

    for with_ending in (False, True):
        for folders in range(max(len(path.parts) for path in whole)):
            names = [name(path, folders, with_ending) for path in whole]
            if len(set(names)) == len(names):
                own = [name(path, 0, False) for path in whole]
                return [one if own.count(one) == 1 else other for one, other in zip(own, names, strict=True)]
    raise AssertionError("different files have different paths")
