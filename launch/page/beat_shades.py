"""What the network of a run looks at: the influence of each sample on the class of beats, for the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cardiax.attribution import FAINTEST, Inputs, smooth
from cardiax.catalog import BEAT_LENGTH
from cardiax.launch.page.packed import packed
from cardiax.launch.predictors.batches import BatchPredictor
from cardiax.launch.predictors.influence import BATCH, EXAMPLES, Influence, evenly, usual_beats
from cardiax.launch.predictors.rhythm_files import influence_text
from cardiax.launch.run.experiment import Experiment
from cardiax.plots.median_beats import quartiles, without_padding
from cardiax.training.step import inputs_of

LOWEST = 1e-3
"""Level of a flat beat in Kaggle's form, whose zeros at the end are padding."""


def beat_shades(
    predictor: BatchPredictor,
    experiment: Experiment,
    cases: Sequence[dict[str, str]],
    classes: Sequence[str],
    worst: Sequence[int],
) -> dict[str, Any]:
    """Return the mean influence for each class over beats that were found rightly, and that of each of the worst cases.

    An influence is an integrated gradient of the logit of the class, less the mean logit of the others or, of a wrong
    case, that of the true class. It is the difference from the beat's usual one: a flat beat, or of a window the median
    beat of its record in the median rhythm of those of the normal class (of all these beats, where there are none).
    Each has a scale of its own.

    Args:
      cases: rows of test_cases.csv.
      worst: indices of the worst cases.

    Returns:
      `classes`: a list of class index, number of beats, median signal and shade (L, T), and text on shape and rhythm;
      `worst`: the shade (L, T) of each worst case. A shade is null where influences do not add up to the difference.
    """
    rows = np.array([int(case["row"]) for case in cases])
    true, found = (np.array([classes.index(case[key]) for case in cases]) for key in ("class", "prediction"))
    right = {label: np.flatnonzero((true == label) & (found == label)) for label in range(len(classes))}
    right = {label: evenly(own, EXAMPLES) for label, own in right.items() if len(own)}
    taken = {label: inputs_of(experiment.examples.take(rows[own])) for label, own in right.items()}
    normal = [taken[label] for label in taken if classes[label] == getattr(experiment.task, "normal", None)]
    rr = [one["rr"] for one in normal or taken.values() if "rr" in one]
    usual_rr = np.median(np.concatenate(rr), axis=0) if rr else None
    against = np.eye(len(classes), dtype=np.float32)
    against -= (1 - against) / (len(classes) - 1)

    def influence(inputs: Inputs, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the influence of the leads (n, T, L) and of the rhythm (n,), if they add up."""
        by_input = predictor.attribution(inputs, usual(inputs, usual_rr), weights, BATCH)
        if by_input is None:
            return None
        rhythm = by_input["rr"].sum(axis=1) if "rr" in by_input else np.zeros(len(weights))
        return by_input["leads"] + by_input.get("deviation", 0.0), rhythm

    means = {}
    for label, inputs in taken.items():
        both = influence(inputs, np.tile(against[label], (len(right[label]), 1)))
        if both is not None:
            means[label] = Influence(both[0].mean(axis=0), float(both[1].mean()), len(right[label]))
    shown = []
    for label, inputs in taken.items():
        leads = without_padding(np.swapaxes(inputs["leads"], 1, 2))
        middle = np.stack([quartiles(leads[:, lead])[1] for lead in range(leads.shape[1])])
        shown.append(
            {
                "class": label,
                "beats": len(right[label]),
                "signal": packed(middle, max(float(np.nanmax(middle) - np.nanmin(middle)) / 500, 1e-6)),
                "shade": _packed(means[label].leads) if label in means else None,
                "text": influence_text(means[label]) if label in means and "rr" in inputs else "",
            }
        )
    chosen, one_hot = np.asarray(worst), np.eye(len(classes), dtype=np.float32)
    is_right = (true == found)[chosen, None]
    pairs = np.where(is_right, against[found[chosen]], one_hot[found[chosen]] - one_hot[true[chosen]])
    both = influence(inputs_of(experiment.examples.take(rows[chosen])), pairs)
    return {"classes": shown, "worst": [None] * len(chosen) if both is None else [_packed(one) for one in both[0]]}


def usual(inputs: Inputs, rr: np.ndarray | None) -> Inputs:
    """Return the baseline of beats: the median beat of their record in the rhythm `rr` (22,), or a flat beat.

    `inputs` are `leads` (n, T, L), and of windows also `deviation` (n, T, L) and `rr` (n, 22).
    """
    if "deviation" in inputs and rr is not None:
        return usual_beats(inputs, rr)
    leads = np.swapaxes(without_padding(np.swapaxes(inputs["leads"], 1, 2)), 1, 2)
    level = np.nanmedian(leads, axis=1, keepdims=True)
    if leads.shape[1:] == (BEAT_LENGTH, 1):
        level = np.maximum(level, LOWEST)
    return inputs | {"leads": np.where(np.isnan(leads), 0, level).astype(np.float32)}


def _packed(influence: np.ndarray) -> dict[str, Any]:
    """Pack an influence (T, L) as (L, T) between -1 and 1."""
    smoothed = smooth(influence)
    return packed(smoothed.T / max(float(np.abs(smoothed).max()), FAINTEST), 0.01)
