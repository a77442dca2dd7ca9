"""Beat-by-beat comparison of annotations after ANSI/AAMI EC57: pure functions of NumPy arrays.

A comparison is a table int (C + 1, C + 1): rows are the classes of the reference and columns those found. The last row
counts found beats without a reference beat, and the last column reference beats that were not found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WINDOW = 0.15
"""s, the greatest distance of two beats that match (EC57)."""

FORGIVEN = {"S": ("Q",), "V": ("F", "Q")}
"""Class → reference classes of which a beat found as that class is no false positive (EC57, as `bxb` of WFDB)."""


def match(reference: np.ndarray, found: np.ndarray, window: float = WINDOW) -> tuple[np.ndarray, np.ndarray]:
    """Match beats at increasing times, (n,) and (m,), s, one to one, the closest first, at most `window`, s, apart.

    Returns:
      The indices of the pairs, int (k,) each, in order.
    """
    low = np.searchsorted(found, reference - window - 1e-9, "left")
    high = np.searchsorted(found, reference + window + 1e-9, "right")
    of_reference = np.repeat(np.arange(len(reference)), high - low)
    of_found = np.concatenate([np.arange(*pair) for pair in zip(low, high, strict=True)] or [np.arange(0)])
    free_reference, free_found, pairs = set(range(len(reference))), set(range(len(found))), []
    for index in np.argsort(np.abs(reference[of_reference] - found[of_found]), kind="stable"):
        pair = int(of_reference[index]), int(of_found[index])
        if pair[0] in free_reference and pair[1] in free_found:
            free_reference.remove(pair[0])
            free_found.remove(pair[1])
            pairs.append(pair)
    matched = np.array(sorted(pairs), int).reshape(-1, 2)
    return matched[:, 0], matched[:, 1]


def compare(
    reference: np.ndarray, true: np.ndarray, found: np.ndarray, predicted: np.ndarray, classes: int
) -> np.ndarray:
    """Return the comparison, int (C + 1, C + 1), of beats with their classes, indices below `classes` = C.

    Reference beats are at increasing times (n,), s, and of the classes `true` (n,), those found (m,) of `predicted`.
    """
    ours, theirs = match(reference, found)
    missed, extra = np.delete(true, ours), np.delete(predicted, theirs)
    rows = np.concatenate([true[ours], missed, np.full(len(extra), classes)])
    columns = np.concatenate([predicted[theirs], np.full(len(missed), classes), extra])
    size = classes + 1
    return np.bincount(rows * size + columns, minlength=size**2).reshape(size, size)


def figures(table: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Return `detection` and `classes` of a comparison: sensitivity, positive predictivity and counts.

    A value is NaN where it is not defined, as the sensitivity to a class without reference beats.
    """
    detected = int(table[:-1, :-1].sum())
    missed, extra = int(table[:-1, -1].sum()), int(table[-1, :-1].sum())
    classes = {}
    for index, name in enumerate(names):
        forgiven = sum(int(table[names.index(other), index]) for other in FORGIVEN.get(name, ()) if other in names)
        hits = int(table[index, index])
        false = int(table[:, index].sum()) - hits - forgiven
        classes[name] = _rates(hits, int(table[index].sum()) - hits, false)
    return {"detection": _rates(detected, missed, extra), "classes": classes}


def _rates(hits: int, missed: int, false: int) -> dict[str, float]:
    return {
        "sensitivity": hits / (hits + missed) if hits + missed else float("nan"),
        "positive_predictivity": hits / (hits + false) if hits + false else float("nan"),
        "true_positives": hits,
        "false_negatives": missed,
        "false_positives": false,
    }


def comparison(tables: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, Any]:
    """Return the figures of each record of `tables`, of all their beats (gross), and their mean over records (average).

    The average of a value is over the records in which it is defined, `records` of them.
    """
    records = {record: figures(table, names) for record, table in tables.items()}
    average: dict[str, Any] = {"detection": _mean([one["detection"] for one in records.values()])}
    average["classes"] = {name: _mean([one["classes"][name] for one in records.values()]) for name in names}
    gross = figures(np.sum(list(tables.values()), axis=0), names)
    return {"gross": gross, "average": average, "records": records}


def _mean(rates: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key in ("sensitivity", "positive_predictivity"):
        values = [one[key] for one in rates if np.isfinite(one[key])]
        found |= {key: float(np.mean(values)) if values else float("nan"), f"{key}_records": len(values)}
    return found
