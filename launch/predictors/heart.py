"""Prediction of the activation of the heart, or its voltages, from the twelve leads of each beat of a recording."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cardiax.catalog import DISCLAIMER, WINDOW
from cardiax.ecg.lead_checks import swapped_electrodes
from cardiax.ecg.leads import SITE_NAMES, WALLS
from cardiax.launch.formats.open_recording import OF_HEART
from cardiax.launch.formats.reader import checked_unit
from cardiax.launch.networks.trust import NO_TRUST, Trust
from cardiax.launch.predictors.batches import BatchPredictor, as_names, as_number, as_source
from cardiax.launch.run.run_folder import write_atomically, write_csv
from cardiax.launch.system.quiet import is_quiet

if TYPE_CHECKING:
    from cardiax.simulate.generic_leads import Explained

BATCH = 16
"""Number of beats in a call of the network."""

EARLY = 150
"""ms after the onset in which the mean voltage of a wall is the higher the earlier the wall is activated."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The heart that a network predicts from the beats of a recording: research only, not a medical device.

    The network was trained on simulated hearts, and shows a generic heart. If several beats were found, the prediction
    is that of their median beat.

    Attributes:
      leads: twelve leads (500, 12), mV at 1 kHz, in the order of `cardiax.ecg.leads.LEADS`.
      times: activation times (75,), ms after the onset of the beat, of the sites `cardiax.ecg.leads.SITE_NAMES`; NaN
        for a site that does not activate.
      voltage: transmembrane voltages (500, 75), mV; None if the network predicts times only.
      voltage_spread: the standard deviation of `voltage` over beats (500, 75), mV; None without it or of a single beat.
      notes: how the recording was understood.
      warnings: reasons not to trust the prediction.
      onsets: (n,), ms in the times of the recording, the onset of each beat: `start`, or as found.
      beat_times: (n, 75), ms, the activation times of each beat after its onset.
      lead_in: ms from the first sample of `leads` and `voltage` to the onset.
      half_width: (75,), ms: 90 % of the times of cases like those of calibration lie within `times` ± `half_width`; see
        `trust` of the network for these cases. None if the network has no trust.safetensors.
      difference: ms, of `times` from the most alike case of training, see `cardiax.stats.novelty`; None similarly.
      influence: (W, 500, 12), of each sample of `leads` on each wall of `cardiax.ecg.leads.WALLS`, by integrated
        gradients against a flat line: on its mean activation time, ms, or of a network that predicts voltages on its
        mean voltage in the 150 ms after the onset, mV; None unless that was asked for.
      explained: the leads that the prediction gives on a generic heart, and the share of `leads` that they explain, see
        `cardiax.simulate.generic_leads.explained_leads`; None if fewer than half of the sites activate.
      recorded: the first 10 s of the recording (10000, 12), mV at 1 kHz, each lead about its median; None of a shorter
        one, or where `start` names a beat.
    """

    leads: np.ndarray
    times: np.ndarray
    voltage: np.ndarray | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    onsets: np.ndarray
    beat_times: np.ndarray
    lead_in: int = 0
    voltage_spread: np.ndarray | None = None
    influence: np.ndarray | None = None
    half_width: np.ndarray | None = None
    difference: float | None = None
    recorded: np.ndarray | None = None
    explained: "Explained | None" = None

    @property
    def spread(self) -> np.ndarray | None:
        """The standard deviation over beats of each activation time (75,), ms; None for a single beat."""
        return self.beat_times.std(axis=0, ddof=1) if len(self.beat_times) > 1 else None

    def to_dataframe(self) -> Any:
        """Return a pandas data frame with a row for each site: the columns of NAME_activation.csv."""
        import pandas

        return pandas.DataFrame({"site": SITE_NAMES, **self.columns()})

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of NAME_activation.csv by name, each (75,), ms."""
        found = {"activation_time_ms": self.times}
        if self.half_width is not None:
            found |= {"low_ms": self.times - self.half_width, "high_ms": self.times + self.half_width}
        return found if self.spread is None else found | {"spread_over_beats_ms": self.spread}


class HeartPredictor(BatchPredictor):
    """A network of the task activation or transmembrane, for recordings of your own; see `BatchPredictor`."""

    flags = ("start",)
    """The flags of the command line that apply."""

    outputs = OF_HEART

    @cached_property
    def trust(self) -> Trust | None:
        """How far the times can be trusted, as measured when the network was exported; None of a run."""
        return self.network.time_trust()

    @property
    def usual_lead_in(self) -> int:
        """ms from the first sample of a beat that is found to its onset, as in the calibration of the intervals."""
        return self.config.augmentation.shift // 2

    def predict(
        self,
        ecg: np.ndarray | str | Path,
        *,
        sampling_rate: float | None = None,
        leads: Sequence[str] | None = None,
        start: float | None = None,
        unit: str | None = None,
        explain: bool = False,
    ) -> Prediction:
        """Predict the heart from the 500 ms of one beat, or from each beat of a recording of up to five minutes.

        Args:
          ecg: file as for `cardiax predict`, a data frame of named channels, or an array (T, channels), mV.
          sampling_rate: sampling rate, Hz; needed for an array, and for a file that does not state it.
          leads: names of the channels in order; may be omitted for twelve leads in the usual order, or ten electrodes.
          start: start of one beat, ms. Without it, all beats are found in a recording of more than 500 ms.
          unit: V, mV or uV, the unit of all channels if a file states none.
          explain: True to compute `influence`, which takes some seconds.

        Raises:
          InputError: the recording is not valid, or cannot be trusted: what was found, what was expected, what to do.
        """
        from cardiax.launch.predictors.heart_beats import read_beats
        from cardiax.simulate.generic_leads import explained_leads

        source, names = as_source(ecg), as_names(leads)
        rate = as_number("sampling_rate", sampling_rate, "Hz", positive=True)
        begin = as_number("start", start, "ms")
        beats = read_beats(source, rate, begin, names, checked_unit(unit), self.usual_lead_in)
        median = np.median(beats.leads, axis=0)
        path = source if isinstance(source, Path) else Path("array")
        outputs = self._outputs({"leads": np.concatenate([median[None], beats.leads])}, BATCH, path)
        voltage = outputs[0] if outputs.ndim == 3 else None
        times = times_of(outputs) - beats.lead_in
        trust, told = self.trust, [NO_TRUST if self.trust is None else self.trust.words]
        if trust is not None and beats.lead_in != self.usual_lead_in:
            told.append(
                f"the intervals are those of beats shown from {self.usual_lead_in} ms before an exact onset on, this "
                f"one is shown from {beats.lead_in} ms before its own: they may hold fewer of its times"
            )
        difference = None if trust is None else trust.difference(times[0])
        unlike = () if trust is None or difference is None else trust.warnings(difference)
        explained = explained_leads(times[0] + beats.lead_in, voltage, median)
        if trust is not None and explained is not None:
            poor = trust.share_warnings(explained.share)
            unlike += poor
            told += [] if poor else [trust.explained(explained.share)]  # the warning begins with it
        many = voltage is not None and len(outputs) > 2
        spread = outputs[1:].std(axis=0, ddof=1) if many else None
        found = Prediction(
            leads=median,
            times=times[0],
            voltage=voltage,
            notes=(*beats.notes, *told),
            warnings=(*_warnings(times[0], median, beats.lead_in), *unlike),
            onsets=beats.onsets,
            beat_times=times[1:],
            lead_in=beats.lead_in,
            voltage_spread=spread,
            half_width=None if trust is None else trust.half_width,
            difference=difference,
            recorded=beats.recorded,
            explained=explained,
        )
        return self.with_influence(found) if explain else found

    def with_influence(self, prediction: Prediction) -> Prediction:
        """Return the prediction with its `influence`."""
        onset = None if prediction.voltage is None else prediction.lead_in
        return replace(prediction, influence=self.wall_influence(prediction.leads, onset))

    def wall_influence(self, leads: np.ndarray, voltage_from: int | None = None) -> np.ndarray | None:
        """Return the influence (W, 500, 12) of leads (500, 12), mV, see `Prediction`; None if it does not add up.

        `voltage_from` is the sample of the onset, for a network that predicts voltages (n, 500, 75).
        """
        means = np.zeros((len(WALLS), len(SITE_NAMES)), np.float32)
        for row, sites in zip(means, WALLS.values(), strict=True):
            row[list(sites)] = 1 / len(sites)
        if voltage_from is not None:
            early = np.arange(len(leads)) - voltage_from
            means = means[:, None] * ((early >= 0) & (early < EARLY))[:, None].astype(np.float32) / EARLY
        inputs = {"leads": np.tile(leads, (len(means), 1, 1))}
        found = self.attribution(inputs, {"leads": np.zeros_like(inputs["leads"])}, means, len(means))
        return None if found is None else found["leads"].astype(np.float32)

    def row(self, one: Prediction) -> dict[str, Any]:
        """Return the first and last activation, the spread over beats, the signs of trust, and the warnings."""
        active = one.times[np.isfinite(one.times)]
        return {
            "beats": len(one.onsets),
            "sites_that_activate": len(active),
            "first_ms": active.min() if len(active) else None,
            "last_ms": active.max() if len(active) else None,
            "spread_over_beats_ms": None if one.spread is None else np.nanmedian(one.spread),
            "difference_ms": one.difference,
            "explained_percent": None if one.explained is None else 100 * one.explained.share,
            "warnings": "; ".join(one.warnings),
        }

    def write(self, folder: Path, stem: str, one: Prediction) -> Iterator[tuple[str, bool]]:
        """Write times and voltages as CSV; yield lines for the user, and True where one is a remark."""
        columns, written = {name: map(_cell, values) for name, values in one.columns().items()}, []
        tables = {"activation": _rows(site=SITE_NAMES, **columns)}
        if one.spread is not None:
            times = zip(SITE_NAMES, one.beat_times.T, strict=True)
            sites = {f"{name}_ms": map(_cell, values) for name, values in times}
            tables["beats"] = _rows(onset_ms=[f"{onset:.1f}" for onset in one.onsets], **sites)
        if one.voltage is not None:
            time, values = np.arange(len(one.voltage)) - one.lead_in, zip(SITE_NAMES, one.voltage.T, strict=True)
            sites = {f"{name}_mV": [f"{value:.3f}" for value in of_site] for name, of_site in values}
            tables["voltage"] = _rows(time_ms=time, **sites)
        notes = [*(f"note: {note}" for note in one.notes), *(f"warning: {warning}" for warning in one.warnings)]
        if notes:
            written.append(folder / f"{stem}_notes.txt")
            write_atomically(written[-1], ("\n".join(notes) + "\n").encode())
        for name, rows in tables.items():  # after the warnings, so that a command that is stopped leaves none without
            written.append(folder / f"{stem}_{name}.csv")
            write_csv(written[-1], rows)
        yield from ((f"{stem}: {note}", True) for note in notes[len(one.notes) * is_quiet() :])
        yield f"{stem}: {_summary(one)}", False
        yield f"  wrote: {', '.join(map(str, written))}", False

    def plots(self, stem: str, prediction: Prediction) -> dict[str, Callable[[], Any]]:
        """Return name → function that draws a plot."""
        from cardiax.plots.ecg_paper import ecg_figure
        from cardiax.plots.heart_plots import case_plots
        from cardiax.plots.lead_influence import influence_figure

        one, name = prediction, f"Recording {stem}".encode(errors="replace").decode()
        network = f"{self.config.model} of {self.network.path.name}, {self.network.origin}"
        title = f"{name}\n{network}. Generic heart, not the patient's. {DISCLAIMER}"
        plots = case_plots(one.leads, title, one.times, voltage=one.voltage, explained=one.explained)
        if one.recorded is not None:
            plots["paper"] = partial(ecg_figure, one.recorded, f"{name}, the first 10 s. {DISCLAIMER}")
        if one.influence is not None:
            what = "activation time" if one.voltage is None else f"voltage in the first {EARLY} ms"
            plots["influence"] = partial(influence_figure, one.leads, one.influence, tuple(WALLS), title, what)
        return plots


def times_of(outputs: np.ndarray) -> np.ndarray:
    """Return the activation times (n, 75), ms, of outputs: these, or voltages (n, 500, 75), mV."""
    from cardiax.ecg.voltage import activation_time

    return outputs if outputs.ndim == 2 else np.asarray(activation_time(outputs))


def _warnings(times: np.ndarray, leads: np.ndarray, lead_in: int) -> tuple[str, ...]:
    found = [
        f"the electrodes look swapped: {what}; or the beat is ectopic or paced, or the heart on the right side: check "
        "them before you trust the prediction"
        for what in swapped_electrodes(leads)
    ]
    low, high = -lead_in, WINDOW - lead_in  # what the network was shown, from the onset on as the times
    outside = int(np.sum((times < low) | (times > high)))
    if outside:
        found.append(
            f"{outside} of {len(times)} times lie outside {low} to {high} ms, from {np.nanmin(times):.0f} to "
            f"{np.nanmax(times):.0f} ms: the recording is unlike the training data; do not trust them"
        )
    return tuple(found)


def _summary(one: Prediction) -> str:
    active = np.isfinite(one.times)
    if not active.any():
        return "no site activates"
    text = (
        f"{active.sum()} of {len(active)} sites activate, from {np.nanmin(one.times):.0f} to "
        f"{np.nanmax(one.times):.0f} ms"
    )
    if one.half_width is not None and np.isfinite(one.half_width).any():
        text += f", ± {np.median(one.half_width[np.isfinite(one.half_width)]):.1f} ms (median site; see the note)"
    if one.explained is not None:
        text += f"; they explain {100 * one.explained.share:.0f} % of the leads, on a generic heart"
    if one.spread is None:
        return text
    return (
        f"{text}; median of {len(one.onsets)} beats, spread over beats {np.nanmedian(one.spread):.1f} ms (median site)"
    )


def _rows(**columns: Iterable[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _cell(time: float) -> str:
    return f"{time:.2f}" if np.isfinite(time) else ""  # a site that does not activate
