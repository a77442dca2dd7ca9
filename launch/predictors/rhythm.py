"""Prediction of the beats and the rhythm of recordings of any length: R peaks, classes and a summary."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cardiax.attribution import Inputs
from cardiax.catalog import AAMI_CLASSES, find_dataset, is_aami
from cardiax.ecg import beat_windows
from cardiax.ecg.rhythm_summary import BeatSequence, rr_intervals, summarize
from cardiax.ecg.rr_features import beat_intervals
from cardiax.errors import InputError
from cardiax.launch.formats.long_recording import LongRecording, read_leads
from cardiax.launch.formats.open_recording import COMPARISON, OF_BEATS, PREDICTIONS
from cardiax.launch.formats.reader import checked_unit
from cardiax.launch.formats.wfdb_annotations import EXTENSION, Beats, read_annotations
from cardiax.launch.networks.bundle_files import CARD
from cardiax.launch.predictors import recording_parts, rhythm_details, rhythm_files
from cardiax.launch.predictors.batches import BatchPredictor, as_names, as_number, as_source
from cardiax.launch.predictors.influence import BATCH, BeatInputs
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction
from cardiax.launch.run.run_folder import read_json

if TYPE_CHECKING:
    from cardiax.tasks.beat_classification import Classification

PART = 1800.0
"""Length of the parts, s, in which a recording is read, and in which a beat is compared with the median beat and the
usual RR interval: that of the records with which the network is trained."""

CONTEXT = 10.0
"""s, read on either side of a part, for the filters."""

BATCHES = (64, 256)
"""Numbers of beats in a batch, the smallest one that holds them all or the largest; each is compiled once."""

LEAST = 5.0
"""s, the least length of a recording."""

LEAST_BEATS = 3
"""The least number of beats of a recording."""


class RhythmPredictor(BatchPredictor):
    """A network of the task arrhythmia or heartbeat, for recordings of your own; see `BatchPredictor`."""

    flags = ("beats", "compare")
    """The flags of the command line that apply."""

    outputs = OF_BEATS
    outputs_together = (COMPARISON, PREDICTIONS)

    @functools.cached_property
    def _comparisons(self) -> dict[str, np.ndarray]:
        """Start of a recording's output names → its comparison with annotated beats, of those that were written."""
        return {}

    @functools.cached_property
    def _task(self) -> "Classification":
        from cardiax.tasks import task_of

        return cast("Classification", task_of(self.config))

    @functools.cached_property
    def _class_of(self) -> dict[str, int]:
        """Annotation symbol → index of its class."""
        dataset = find_dataset(self.config.dataset)
        symbols = dataset.symbols or {symbol: AAMI_CLASSES[index] for symbol, index in beat_windows.CLASS_OF.items()}
        ours = dict(zip(dataset.classes, self._task.merged.get(dataset.classes, dataset.classes), strict=True))
        return {symbol: self._task.classes.index(ours[name]) for symbol, name in symbols.items()}

    @functools.cached_property
    def _symbols(self) -> dict[str, str]:
        """Class → the annotation symbol that stands for it: its own name if that is one, else its first.

        A class with symbols of several classes of AAMI, e.g. `abnormal`, has Q, unclassified.
        """
        found = {name: name for name in self._task.classes}
        for index, name in enumerate(() if self._aami else self._task.classes):
            symbols = [symbol for symbol, of_symbol in self._class_of.items() if of_symbol == index]
            several = len({beat_windows.CLASS_OF[symbol] for symbol in symbols if symbol in beat_windows.CLASS_OF}) > 1
            found[name] = name if name in symbols else "Q" if several else symbols[0]
        return found

    def _marked(self) -> list[str]:
        """Return a note for each class whose beats are annotated Q, though its name is another."""
        return [
            f"in NAME.{EXTENSION}, beats of the class {name} have the symbol Q, since it joins several classes of AAMI"
            for name, symbol in self._symbols.items()
            if symbol == "Q" != name
        ]

    @property
    def _aami(self) -> bool:
        return is_aami(self._task.classes)

    def predict(
        self,
        ecg: np.ndarray | str | Path,
        *,
        sampling_rate: float | None = None,
        leads: Sequence[str] | None = None,
        unit: str | None = None,
        beats: str | np.ndarray | None = None,
        compare: str | None = None,
        explain: bool = False,
    ) -> RhythmPrediction:
        """Find the beats of a recording and their classes.

        Args:
          ecg: file as for `cardiax predict`, a data frame of named channels, or an array (T, leads) or (T,), mV.
          sampling_rate: sampling rate, Hz; needed for an array, and for a file that does not state it.
          leads: names of the channels in order; of more than two leads MLII or II is taken first.
          unit: V, mV or uV, the unit of all channels if a file states none.
          beats: the R peaks, if they are known: the ending of an annotation file, or times (n,), s.
          compare: ending of an annotation file to compare with.
          explain: True to compute `influences`, which takes some seconds.

        Raises:
          InputError: the recording is not valid, or cannot be trusted: what was found, what was expected, what to do.
        """
        source, names = as_source(ecg), as_names(leads)
        rate = as_number("sampling_rate", sampling_rate, "Hz", positive=True)
        recording = read_leads(source, rate, names, checked_unit(unit))
        given = _given(recording, beats, self._class_of)
        reference = _annotated(recording, compare, self._class_of) if compare else None
        found = self._predict(recording, given, reference)
        return self.with_influence(found) if explain else found

    def _predict(self, recording: LongRecording, given: np.ndarray | None, reference: Beats | None) -> RhythmPrediction:
        """Predict the classes of the beats of a recording, at the samples `given` if they are not None."""
        rate = recording.rate
        if recording.duration < LEAST:
            raise InputError(
                f"{recording.path}: found {recording.duration:.1f} s, expected {LEAST:g} s or more of an ECG"
            )
        parts = [recording_parts.read_part(recording, given, *part) for part in recording.parts(PART, CONTEXT)]
        unreadable, reasons = recording_parts.unreadable_stretches(parts)
        recording_parts.refuse_what_is_no_ecg(recording, parts, unreadable)
        samples, owners = recording_parts.merged_beats(parts, rate)
        if len(samples) < LEAST_BEATS:
            raise InputError(
                f"{recording.path}: found {len(samples)} beats in {recording.duration:.0f} s, expected at least "
                f"{LEAST_BEATS}; check the electrodes, or record for longer"
            )
        times = samples / rate
        rr = rr_intervals(times, unreadable)
        intervals = beat_intervals(times) if given is not None else rhythm_details.intervals_of_stretches(times, rr)
        classes, normal = self._task.classes, self._task.normal
        probabilities = np.empty((len(times), len(classes)), np.float32)
        leads, others = rhythm_details.with_most_beats(parts, owners), BeatInputs(classes.index(normal))
        for index, part in enumerate(parts):
            own = np.flatnonzero(owners == index)
            if len(own):
                cut = beat_windows.windows(part.signals, samples[own] - part.low, rate)
                inputs = self._inputs(cut, intervals[own])
                logits = self._outputs(inputs, BATCHES[len(own) > BATCHES[0]], recording.path)
                probabilities[own] = self.network.trust.probabilities(logits)
                if part.leads == leads:
                    others.add(inputs, probabilities[own].argmax(axis=1))
        trust = self.network.trust
        uncertain = trust.uncertain(probabilities)
        labels = probabilities.argmax(axis=1)
        beats = BeatSequence(
            times=times,
            rr=rr,
            names=np.array(classes)[labels],
            unreadable=unreadable,
            duration=recording.duration,
            classes=self._symbols,
            normal=normal,
        )
        summary = summarize(beats)
        shapes = rhythm_details.quartiles_of(samples, owners, beats.names, parts, rate, classes)
        leads = tuple(dict.fromkeys((*leads, *(name for part in parts for name in part.leads))))
        signal, signal_leads = recording_parts.first_leads(parts, rate)
        notes = (
            *rhythm_details.notes_of(recording, leads, parts, given is not None),
            *self._marked(),
            *self.network.notes,
        )
        return RhythmPrediction(
            **vars(beats),
            probabilities=probabilities,
            flags=rhythm_details.flags_of(times, uncertain, parts, owners),
            reasons=reasons,
            summary=summary,
            strips=rhythm_details.strips_of(beats, uncertain, parts, rate),
            median_beats={name: one[1] for name, one in shapes.items()},
            quartiles={name: one[::2] for name, one in shapes.items()},
            leads=leads,
            rate=rate,
            signal=signal,
            signal_leads=signal_leads,
            notes=(*recording.notes, *notes),
            examples=others,
            warnings=rhythm_details.warnings_of(beats, summary, parts, float(uncertain.mean()), trust.usual_share),
            comparison=rhythm_details.compared(reference, samples, labels, rate, len(classes)),
            trust=trust,
        )

    def with_influence(self, prediction: RhythmPrediction) -> RhythmPrediction:
        """Return the prediction with its `influences`."""
        classes, temperature = self._task.classes, np.float32(self.network.trust.temperature)

        def attribution(at: Inputs, usual: Inputs, weights: np.ndarray) -> Inputs | None:
            return self.attribution(at, usual, weights / temperature, BATCH)

        leads = next(iter(prediction.median_beats.values())).shape[-1]
        found = prediction.examples.influences(attribution, len(classes), leads)
        return replace(prediction, influences={classes[label]: one for label, one in found.items()})

    def plots(self, stem: str, prediction: RhythmPrediction) -> dict[str, Callable[[], Any]]:
        """Return name → function that draws a plot."""
        return rhythm_files.plots(
            f"Recording {stem}. {self._trained()[0]}".encode(errors="replace").decode(), prediction
        )

    def _inputs(self, windows: np.ndarray, intervals: np.ndarray) -> dict[str, np.ndarray]:
        """Return the network's inputs for the beats of one part: windows (n, 192, 2) and RR intervals (n, 3)."""
        count = len(windows)
        beats = {"signal": windows, "intervals": intervals, "record": np.zeros(count, int)}
        dataset = find_dataset(self.config.dataset)
        inputs = self._task.arrays(beats | {"label": np.zeros(count, int)}, dataset)
        del inputs["target"]
        return inputs

    def row(self, one: RhythmPrediction) -> dict[str, Any]:
        """Return the numbers of the summary, the beats of each class, the uncertain ones, and the warnings."""
        numbers = {name: value for name, value in vars(one.summary).items() if not isinstance(value, dict)}
        of_class = {f"beats_{name}": count for name, count in one.summary.beats_by_class.items()}
        return numbers | of_class | {"uncertain": int(one.uncertain.sum()), "warnings": "; ".join(one.warnings)}

    def write(self, folder: Path, stem: str, one: RhythmPrediction) -> Iterator[tuple[str, bool]]:
        """Write the outputs of a recording; yield lines for the user, and True where one is a remark."""
        if one.comparison is not None:
            self._comparisons[stem] = one.comparison
        yield from rhythm_files.write_prediction(folder, stem, one, self._trained())

    def write_together(self, folder: Path) -> Iterator[tuple[str, bool]]:
        """Write comparison.json of all recordings that were written, if they were compared; yield lines as `write`."""
        if self._comparisons:
            yield from rhythm_files.write_comparison(folder, self._comparisons, self._task.classes)

    def _trained(self) -> list[str]:
        """Return lines about the training data, and the test metrics where the run folder has them."""
        network = f"{self.config.model} of {self.network.path.name}"
        lines = [f"The network, {network}, was trained on {self.config.dataset}."]
        if (self.network.path / CARD).is_file():
            lines.append(f"Its test metrics are in {self.network.path / CARD}.")
        if (self.network.path / "test.json").is_file():
            classes = read_json(self.network.path / "test.json").get("classes", {})
            told = [
                f"{name} {100 * one['recall']['value']:.0f} % / {100 * one['precision']['value']:.0f} %"
                for name, one in classes.items()
                if None not in (one["recall"]["value"], one["precision"]["value"])
            ]
            if told:
                lines.append("On test patients, with annotated R peaks, sensitivity / positive predictivity:")
                lines.append(f"{', '.join(told)}.")
        return lines


def _given(recording: LongRecording, beats: str | np.ndarray | None, class_of: Mapping[str, int]) -> np.ndarray | None:
    """Return the samples of the beats that the user gives, (n,), or None."""
    if beats is None:
        return None
    if isinstance(beats, str):
        return _annotated(recording, beats, class_of).samples
    times = np.asarray(beats, np.float64)
    is_list = times.ndim == 1 and len(times) > 0 and (np.diff(times) > 0).all()
    if not (is_list and times[0] >= 0 and times[-1] < recording.duration):
        raise InputError(
            f"beats: found times that do not increase within the {recording.duration:g} s of the recording, expected "
            "the R peaks in s"
        )
    return times * recording.rate


def _annotated(recording: LongRecording, ending: str, class_of: Mapping[str, int]) -> Beats:
    return read_annotations(recording.path, ending, recording.rate, recording.samples, class_of)
