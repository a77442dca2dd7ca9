"""What moved the network: the mean influence of each sample of the leads, and of the rhythm, on the class of beats."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cardiax.attribution import Inputs

EXAMPLES = 32
"""Largest number of beats of a class over which the influence is averaged; a part of a recording gives as many."""

BATCH = 64
"""Number of beats in a call of the gradient, so that it is compiled once."""

Attribution = Callable[[Inputs, Inputs, np.ndarray], Inputs | None]


@dataclass(frozen=True, eq=False)
class Influence:
    """Why beats were given their class and not that of normal beats: means over beats, by integrated gradients.

    All values are differences of the log odds of the class against normal beats from those of the recording's usual
    beat: its median beat in the median rhythm of its normal beats. `leads` are float32 (T, L), of each sample; `rhythm`
    is that of the RR features together; `leads.sum() + rhythm` is the whole difference.
    """

    leads: np.ndarray
    rhythm: float
    beats: int


class BeatInputs:
    """Inputs of beats of each class but `normal`, and of their recording's usual beat, collected part by part."""

    def __init__(self, normal: int):
        self.normal = normal
        self._found: dict[int, list[tuple[Inputs, Inputs]]] = {}

    def add(self, inputs: Inputs, labels: np.ndarray) -> None:
        """Add the beats of one part: `leads` and `deviation` (n, T, L) and `rr` (n, 22), with their classes (n,)."""
        if not (labels == self.normal).any():  # the usual beat is unknown
            return
        usual_rr = np.median(inputs["rr"][labels == self.normal], axis=0)
        for label in np.unique(labels[labels != self.normal]).tolist():
            own = evenly(np.flatnonzero(labels == label), EXAMPLES)
            beats = {name: values[own] for name, values in inputs.items()}
            self._found.setdefault(label, []).append((beats, usual_beats(beats, usual_rr)))

    def influences(self, attribution: Attribution, classes: int, leads: int) -> dict[int, Influence]:
        """Return class → influence of the first `leads` leads and of the rhythm, where these add up.

        `attribution` is a function from inputs, those of the usual beats, and weights of the `classes`, to an
        attribution.
        """
        found = {}
        for label, parts in sorted(self._found.items()):
            both = [
                {name: np.concatenate([one[name] for one in own]) for name in own[0]}
                for own in zip(*parts, strict=True)
            ]
            chosen = evenly(np.arange(len(both[0]["rr"])), EXAMPLES)
            beats, usual = ({name: values[chosen] for name, values in one.items()} for one in both)
            against = np.eye(classes, dtype=np.float32)[label] - np.eye(classes, dtype=np.float32)[self.normal]
            by_input = attribution(beats, usual, np.tile(against, (len(chosen), 1)))
            if by_input is not None:
                of_leads = (by_input["leads"] + by_input["deviation"]).mean(axis=0)[:, :leads]
                rhythm = float(by_input["rr"].sum(axis=1).mean())
                found[label] = Influence(of_leads.astype(np.float32), rhythm, len(chosen))
        return found


def usual_beats(inputs: Inputs, rr: np.ndarray) -> Inputs:
    """Return the baseline of windows: the median beat of their record, in the rhythm of the RR features `rr` (22,)."""
    deviation, rhythm = inputs["deviation"], np.broadcast_to(rr, inputs["rr"].shape).astype(np.float32)
    return inputs | {"leads": inputs["leads"] - deviation, "deviation": np.zeros_like(deviation), "rr": rhythm}


def evenly(indices: np.ndarray, most: int) -> np.ndarray:
    """Return up to `most` of the indices (n,), evenly spaced."""
    return indices[np.unique(np.linspace(0, len(indices) - 1, min(len(indices), most)).astype(int))]
