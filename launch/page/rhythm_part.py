"""The data of the page's recording: summary, beats, medians by class, and as much of the signal as a file may hold."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from cardiax.attribution import FAINTEST, smooth
from cardiax.catalog import WINDOW_BEFORE, WINDOW_RATE, meaning
from cardiax.launch.page.packed import packed
from cardiax.launch.predictors.rhythm_files import influence_text, uncertain_fields
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction
from cardiax.plots.style import class_colours

CHUNK = 60
"""s, the stretches in which the signal is embedded, and shown as a row."""

BUDGET = 5_500_000
"""Largest size of the signal, bytes of text, with which a page stays below 8 MB."""

SAMPLED = 60
"""Number of chunks from which the size of all is estimated."""

FORMS = ((1, 0.005, 6 * 3600.0), (2, 0.01, np.inf), (2, 0.02, np.inf))
"""Every n-th sample of 180 Hz that is kept, the resolution, mV, and the longest recording, s, for which it is tried."""

BINS = ((2 * 3600.0, 10.0, 300.0), (np.inf, 60.0, 3600.0))
"""Up to which length of a recording, s, rate and burden are shown over which bins, s."""


def rhythm_part(title: str, one: RhythmPrediction, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part `rhythm` of a page; `remarks` tell how the data were understood, and why not to trust them."""
    flags, which = np.unique(one.flags.astype(str), return_inverse=True)
    classes = list(one.classes)
    labels = np.array([classes.index(name) for name in one.names], int)
    duration = one.summary.duration_s
    _, rate_bin, burden_bin = next(bins for bins in BINS if duration <= bins[0])
    return {
        "kind": "rhythm",
        "title": title,
        "remarks": list(remarks),
        "summary": dataclasses.asdict(one.summary),
        "classes": [
            {"name": name, "meaning": meaning(name, one.aami), "colour": colour, "key": key}
            for (name, colour), key in zip(class_colours(classes, one.normal).items(), _keys(classes, one), strict=True)
        ],
        "normal": one.normal,
        "uncertain": uncertain_fields(one) if one.trust.uncertain_below else None,
        "beats": {
            "times": packed(one.times, 0.001),
            "rr": packed(one.rr, 0.001),
            "classes": packed(labels),
            "probabilities": packed(one.probabilities.T, 0.001),
            "flags": flags.tolist(),
            "flag": packed(which),
        },
        "unreadable": [
            {"start": start, "end": end, "reason": why}
            for (start, end), why in zip(one.unreadable.tolist(), one.reasons, strict=True)
        ],
        "rate": rates(one.times, one.rr, duration, rate_bin),
        "burden": burdens(one.times, labels, duration, burden_bin, len(classes)),
        "medians": medians(one),
        "signal": signal(one),
        "leads": [{"start": start, "name": name} for start, name in one.signal_leads],
    }


def rates(times: np.ndarray, rr: np.ndarray, duration: float, size: float) -> dict[str, Any]:
    """Return the heart rate, /min, of bins of `size` s: 60 over the median RR interval and over its 5 % and 95 %
    quantiles; NaN without one. `times` and `rr` (n,), NaN where unknown, and the recording's `duration` are in s.
    """
    count = max(int(np.ceil(duration / size)), 1)
    known = np.isfinite(rr)
    owner = np.clip((times[known] // size).astype(int), 0, count - 1)
    parts = np.split(rr[known], np.searchsorted(owner, np.arange(1, count)))
    found = np.array([60 / np.quantile(part, (0.95, 0.5, 0.05)) if len(part) else np.full(3, np.nan) for part in parts])
    low, middle, high = (packed(column, 0.1) for column in found.T)
    return {"size": size, "low": low, "middle": middle, "high": high}


def _keys(classes: Sequence[str], one: RhythmPrediction) -> list[str]:
    """Return the key of the page for each class: its letter, or for your own classes a digit, as far as there are."""
    if one.aami:
        return [name.lower() for name in classes]
    others = [name for name in classes if name != one.normal]
    return [str(others.index(name) + 1) if name in others[:9] else "" for name in classes]


def burdens(times: np.ndarray, labels: np.ndarray, duration: float, size: float, classes: int) -> dict[str, Any]:
    """Return the number of beats of each of the classes in bins of `size` s; times, labels (n,): see `rates`."""
    count = max(int(np.ceil(duration / size)), 1)
    owner = np.clip((times // size).astype(int), 0, count - 1)
    table = np.zeros((classes, count), int)
    np.add.at(table, (labels, owner), 1)
    return {"size": size, "beats": table.tolist()}


def medians(one: RhythmPrediction) -> dict[str, Any]:
    """Return the median and the quartiles of the beats of each class, mV, and their influence, by lead."""
    found = []
    shades = {name: smooth(influence.leads) for name, influence in one.influences.items()}
    most = max([FAINTEST, *(float(np.abs(values).max()) for values in shades.values())])
    for name, middle in one.median_beats.items():
        low, high = one.quartiles[name]
        parts = {"low": low, "middle": middle, "high": high}
        influence, leads = one.influences.get(name), []
        for index, lead in enumerate(one.leads[: middle.shape[-1]]):
            leads.append({"name": lead} | {key: packed(values[:, index], 0.002) for key, values in parts.items()})
            if influence:
                leads[-1]["influence"] = packed(shades[name][:, index] / most, 0.01)
        text = influence_text(influence) if influence else ""
        found.append({"class": name, "leads": leads, "influence": text})
    return {"before": WINDOW_BEFORE, "rate": WINDOW_RATE, "classes": found}


def signal(one: RhythmPrediction, budget: int = BUDGET) -> dict[str, Any]:
    """Return the signal in chunks of 60 s: all of it at 180 Hz, or of a long recording at 90 Hz, if that fits into
    `budget`; else the chunks with most ectopic beats, and null in the place of the others.

    The text says which strips are in the page.
    """
    values, rate, step = _resolved(one, budget)
    size = round(CHUNK * rate)
    chunks: list[dict[str, Any] | None] = [packed(values[at : at + size], step) for at in range(0, len(values), size)]
    sizes = np.array([len(chunk["deflate"]) for chunk in chunks if chunk])
    text = f"The whole signal is in this file, at {rate:g} samples a second and in steps of {1000 * step:g} µV."
    if sizes.sum() > budget:
        owner = np.minimum((one.times // CHUNK).astype(int), len(chunks) - 1)
        ectopic = np.bincount(owner, one.names != one.normal, minlength=len(chunks))
        order = np.argsort(-ectopic, kind="stable")
        kept = np.zeros(len(chunks), bool)
        kept[order[np.cumsum(sizes[order]) <= budget]] = True
        chunks = [chunk if keep else None for chunk, keep in zip(chunks, kept, strict=True)]
        text = (
            f"{kept.sum():,} of {len(chunks):,} minutes of the signal are in this file, those with most beats other "
            f"than {one.normal}, at {rate:g} samples a second; the beats of all minutes are."
        )
    return {"rate": rate, "seconds": CHUNK, "chunks": chunks, "text": text}


def _resolved(one: RhythmPrediction, budget: int) -> tuple[np.ndarray, float, float]:
    """Return the signal, mV, its rate, Hz, and its resolution, mV, in the first of `FORMS` that fits, or the last."""
    from scipy.signal import resample_poly

    whole = np.clip(np.nan_to_num(one.signal.astype(np.float32)), -1000, 1000)  # a sentinel may be infinite in float16
    found = whole, WINDOW_RATE, 1.0
    for every, step, longest in FORMS:
        if one.summary.duration_s > longest:
            continue
        rate = WINDOW_RATE / every
        found = values, _, _ = whole if every == 1 else resample_poly(whole, 1, every), rate, step
        starts = range(0, len(values), round(CHUNK * rate))
        some = starts[:: max(len(starts) // SAMPLED, 1)]
        sizes = [len(packed(values[at : at + starts.step], step)["deflate"]) for at in some]
        if np.mean(sizes) * len(starts) <= 0.95 * budget:
            break
    return found
