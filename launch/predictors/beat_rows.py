"""Prediction of the class of each row of a table of beats, for networks that read a beat without its recording."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from cardiax.catalog import DISCLAIMER, find_dataset
from cardiax.errors import InputError
from cardiax.launch.formats.open_recording import OF_TABLE
from cardiax.launch.predictors.batches import BatchPredictor
from cardiax.launch.run.run_folder import write_atomically
from cardiax.launch.system.quiet import is_quiet

BATCH = 256
"""Number of beats in a batch, which is compiled once."""


@dataclass(frozen=True, eq=False)
class BeatRows:
    """The classes of the beats of a table: research only, not a medical device.

    Attributes:
      names: (n,), class of each beat.
      probabilities: float32 (n, C), of the `classes`.
      classes: names of the C classes.
      labels: the label of each beat in the table; None if it has none.
      notes: how the table was understood.
      uncertain: bool (n,), True where no class is likely, see `cardiax.stats.class_trust`.
    """

    names: np.ndarray
    probabilities: np.ndarray
    classes: tuple[str, ...]
    labels: list[str] | None
    notes: tuple[str, ...]
    uncertain: np.ndarray

    def to_dataframe(self) -> Any:
        """Return a pandas data frame with a row for each beat, with the columns of NAME_classes.csv."""
        import pandas

        head, *rows = self.rows()
        return pandas.DataFrame(rows, columns=pandas.Index(head))

    def rows(self) -> list[list[Any]]:
        """Return the header and the rows of NAME_classes.csv."""
        known = {} if self.labels is None else {"label": self.labels}
        head = ["row", *known, "class", *(f"p_{name}" for name in self.classes), "flag"]
        odds = [[round(float(one), 4) for one in row] for row in self.probabilities]
        flags = ["uncertain" if one else "" for one in self.uncertain]
        columns = zip(range(len(odds)), *known.values(), self.names.tolist(), odds, flags, strict=True)
        return [head, *([*first, *row, flag] for *first, row, flag in columns)]


class BeatRowsPredictor(BatchPredictor):
    """A network that reads single beats of one form, for tables of such beats; see `BatchPredictor`."""

    flags = ()
    """The flags of the command line that apply."""

    outputs = OF_TABLE
    has_page = False

    def predict(
        self,
        beats: np.ndarray | str | Path,
        *,
        sampling_rate: float | None = None,
        leads: Sequence[str] | None = None,
        unit: str | None = None,
    ) -> BeatRows:
        """Predict the class of each beat.

        Args:
          beats: array (n, T) or (n, T, L), or a table as for training, with or without labels.
          sampling_rate, leads, unit: of recordings; refused, since a table of beats has none.

        Raises:
          InputError: the beats are not of the form in training: what was found, what was expected.
        """
        for flag, value in {"rate": sampling_rate, "leads": leads, "unit": unit}.items():
            if value is not None:
                raise InputError(f"--{flag}: found {value}, which does not apply to a table of beats; leave it out")
        return self._predict(*self._read(Path(beats) if isinstance(beats, str) else beats))

    def _read(self, file: Path | np.ndarray) -> tuple[Path, np.ndarray, list[str] | None, tuple[str, ...]]:
        """Return the name of a table, its beats (n, T, L) in the form of the network, their labels, and notes."""
        from cardiax.datasets.own_beats.beat_table import is_table, read_table, scaled

        dataset = find_dataset(self.config.dataset)
        form = " × ".join(map(str, dataset.shape))
        expected = (
            f"a table of beats of {form} samples, as in training; {dataset.name} does not tell how a beat is cut out "
            "of a recording: to predict recordings, train on physionet_mitbih/patient or a folder of WFDB records"
        )
        if isinstance(file, np.ndarray):
            beats = np.asarray(file, np.float32)
            beats = beats[..., None] if beats.ndim == 2 else beats
            if beats.shape[1:] != dataset.shape or not np.isfinite(beats).all() or not len(beats):
                raise InputError(f"beats: found an array {file.shape}, expected finite numbers (n, {form})")
            return Path("beats"), scaled(beats), None, ()
        if not is_table(file):
            raise InputError(f"{file}: found a file of another kind, expected {expected}")
        table = read_table(file)
        if table.beats.shape[1:] != dataset.shape:
            found = " × ".join(map(str, table.beats.shape[1:]))
            raise InputError(f"{file}: found rows of {found} samples, expected {expected}")
        return file, table.beats, table.labels, table.notes

    def _predict(self, path: Path, beats: np.ndarray, labels: list[str] | None, notes: tuple[str, ...]) -> BeatRows:
        from cardiax.tasks import task_of
        from cardiax.tasks.beat_classification import Classification

        classes = cast(Classification, task_of(self.config)).classes
        logits = self._outputs({"leads": beats}, BATCH, path)
        probabilities = self.network.trust.probabilities(logits)
        names, uncertain = np.array(classes)[probabilities.argmax(axis=1)], self.network.trust.uncertain(probabilities)
        return BeatRows(names, probabilities, classes, labels, (*notes, *self.network.notes), uncertain)

    def row(self, one: BeatRows) -> dict[str, Any]:
        """Return the number of beats, of each class and of an uncertain class."""
        of_class = {f"beats_{name}": int((one.names == name).sum()) for name in one.classes}
        return {"beats": len(one.names), **of_class, "uncertain": int(one.uncertain.sum())}

    def write(self, folder: Path, stem: str, one: BeatRows) -> Iterator[tuple[str, bool]]:
        """Write NAME_classes.csv of a table; yield lines for the user, and True where one is a remark."""
        path, text = folder / f"{stem}_classes.csv", io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(one.rows())
        write_atomically(path, text.getvalue().encode())
        yield from ((f"{stem}: note: {note}", True) for note in one.notes if not is_quiet())
        counts = ", ".join(f"{name} {int((one.names == name).sum()):,}" for name in one.classes)
        doubt = f", {int(one.uncertain.sum()):,} uncertain" if self.network.trust.uncertain_below else ""
        yield f"{stem}: {len(one.names):,} beats: {counts}{doubt}. {DISCLAIMER}.", False
        if one.labels is not None and {*one.labels} <= {*one.classes}:
            yield f"  as labelled: {100 * float(np.mean(one.names == np.array(one.labels))):.1f} %", False
        yield f"  wrote: {path}", False
