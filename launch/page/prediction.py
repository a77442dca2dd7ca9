"""The page of a recording: the heart that a network predicts, or the beats that it finds."""

from pathlib import Path
from typing import Any

from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import PAGE
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.launch.page.document import data_of, page
from cardiax.launch.page.heart_part import HeartCase, heart_part
from cardiax.launch.page.rhythm_part import rhythm_part
from cardiax.launch.predictors.heart import Prediction
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction
from cardiax.launch.run.plot_files import without_losing_results
from cardiax.launch.run.run_folder import write_atomically


def write_page(path: Path, stem: str, prediction: Prediction | RhythmPrediction, network: TrainedNetwork) -> list[Path]:
    """Write the page of a prediction of the recording `stem` by a network; return a list of its path.

    The list is empty if the page cannot be made, which is a warning (`without_losing_results`).
    """
    with without_losing_results(path):
        what = "beats and rhythm" if isinstance(prediction, RhythmPrediction) else "activation of the heart"
        write_atomically(path, page(f"{stem}: {what}", [part_of(stem, prediction, network)]))
        return [path]
    return []


def pages_in(path: Path, out: Path) -> list[tuple[list[dict[str, Any]], str]]:
    """Return the parts and the title of the page at `path`, or of each page of predictions in that folder but `out`.

    If a folder that is no run's has no page, those in its folders are meant, as `cardiax predict NAME` writes them to
    predictions/NAME. Raises `InputError` if there is nothing at `path`, or a file that is no page of cardiax.
    """
    if not path.exists():
        raise InputError(f"{path}: found nothing there, expected a run, a sweep, or what `cardiax predict` wrote")
    files = sorted(path.glob(f"[!.]*{PAGE}")) if path.is_dir() else [path]
    if not files and not (path / "config.json").exists():
        files = sorted(path.glob(f"[!.]*/[!.]*{PAGE}"))
    found = []
    for file in files:
        if path.is_dir() and file.resolve() == out.resolve():
            continue
        data = data_of(file.read_text(encoding="utf-8", errors="replace"))
        if data is None:
            raise InputError(
                f"{file}: found no page of cardiax, expected the folder or a {PAGE} file of `cardiax predict`, or "
                "the folder of a run or a sweep"
            )
        found.append((data["parts"], data["title"]))
    return found


def part_of(stem: str, prediction: Prediction | RhythmPrediction, network: TrainedNetwork) -> dict[str, Any]:
    """Return the part of a page that shows a prediction."""
    remarks = [sentence(one) for one in (*(f"warning: {one}" for one in prediction.warnings), *prediction.notes)]
    remarks.append(f"The network is {network.config.model} of the task {network.config.task}, {network.origin}.")
    if isinstance(prediction, RhythmPrediction):
        return rhythm_part(stem, prediction, remarks)
    count = len(prediction.onsets)
    text = (
        f"The median of {count} beats." if count > 1 else "A single beat.",
        "The heart is generic: the recording tells nothing of its shape.",
    )
    return heart_part(stem, [HeartCase(stem, prediction, text=text)], "beats", remarks)


def sentence(line: str) -> str:
    """Return a line of a command as a sentence; a first word that is a name, e.g. aVR, stays as it is."""
    first = line.split(" ")[0].rstrip(":,")
    line = line if line.endswith((".", "?", "!")) else f"{line}."
    return line[:1].upper() + line[1:] if first.isalpha() and first.islower() else line
