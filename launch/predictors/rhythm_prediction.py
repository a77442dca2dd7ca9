"""The beats that a network finds in a recording, as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cardiax.catalog import AAMI_CLASSES
from cardiax.ecg.rhythm_strips import Strip
from cardiax.ecg.rhythm_summary import BeatSequence, Summary
from cardiax.launch.predictors.influence import BeatInputs, Influence
from cardiax.stats.class_trust import ClassTrust


def columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the table of beats."""
    return ("time_s", "rr_s", "class", *(f"p_{name}" for name in classes), "flag")


@dataclass(frozen=True, eq=False, kw_only=True)
class RhythmPrediction(BeatSequence):
    """The beats that a network finds in a recording: research only, not a medical device.

    Attributes beside those of `cardiax.ecg.rhythm_summary.BeatSequence`:
      probabilities: float32 (n, C), of the `classes`, e.g. N, S, V, F and Q.
      flags: (n,), reasons to doubt a beat, separated by spaces; mostly empty.
      reasons: why each of the unreadable stretches cannot be read.
      summary: heart rates, the longest RR interval, ectopic beats.
      strips: stretches of the first lead that show the rhythm.
      median_beats: class → median (192, L) of up to 500 beats, mV at 180 Hz, R peak at index 72, in the first L leads.
      quartiles: class → the lower and the upper quartile (2, 192, L) of the same beats.
      leads: names of the leads that were read, the one or two with most beats first.
      rate: sampling rate of the recording, Hz.
      signal: float16 (m,), mV at 180 Hz from the start of the recording, the first lead read, filtered.
      signal_leads: start, s, and name of each lead in `signal`.
      notes: how the recording was understood.
      warnings: reasons not to trust the prediction.
      comparison: beat by beat with annotated beats, see `cardiax.stats.beat_matching`; None unless that was asked for.
      classes: the C classes, each with the symbol of WFDB's annotations that stands for it.
      examples: inputs of some beats of each class but `normal`, from which `influences` are computed.
      influences: class but `normal` → why its beats are of that class; empty unless that was asked for.
      trust: calibration of the network: when a class is uncertain.
    """

    probabilities: np.ndarray = field(repr=False)
    flags: np.ndarray = field(repr=False)
    reasons: tuple[str, ...]
    summary: Summary
    strips: tuple[Strip, ...] = field(repr=False)
    median_beats: dict[str, np.ndarray] = field(repr=False)
    quartiles: dict[str, np.ndarray] = field(repr=False)
    leads: tuple[str, ...]
    rate: float
    signal: np.ndarray = field(repr=False)
    signal_leads: tuple[tuple[float, str], ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    examples: BeatInputs = field(repr=False)
    comparison: np.ndarray | None = None
    influences: Mapping[str, Influence] = field(default_factory=dict, repr=False)
    classes: Mapping[str, str] = field(default_factory=lambda: {name: name for name in AAMI_CLASSES})
    trust: ClassTrust = field(default_factory=ClassTrust)

    @property
    def uncertain(self) -> np.ndarray:
        """Which beats have no likely class, bool (n,)."""
        return self.trust.uncertain(self.probabilities)

    def to_dataframe(self) -> Any:
        """Return a pandas data frame with a row for each beat, with the columns of NAME_beats.csv."""
        import pandas

        values = (self.times, self.rr, self.names, *self.probabilities.T, self.flags)
        return pandas.DataFrame(dict(zip(columns(tuple(self.classes)), values, strict=True)))
