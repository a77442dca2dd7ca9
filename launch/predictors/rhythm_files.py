"""The files that `cardiax predict` writes of the beats of a recording."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cardiax.catalog import AAMI_MEANINGS, DISCLAIMER
from cardiax.ecg.rhythm_strips import clock
from cardiax.errors import installation
from cardiax.launch.formats.open_recording import COMPARISON
from cardiax.launch.formats.wfdb_annotations import EXTENSION, annotation_file
from cardiax.launch.predictors.influence import Influence
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction, columns
from cardiax.launch.run.run_folder import write_atomically, write_json
from cardiax.launch.system.quiet import is_quiet
from cardiax.stats.beat_matching import comparison

LONGEST_LIST = 20
"""Number of unreadable stretches that the text names."""


def write_prediction(
    folder: Path, stem: str, one: RhythmPrediction, trained: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    """Write the beats of a recording as CSV and annotations, and their summary with the lines `trained` on the network.

    Yields lines for the user, and True where one is a remark.
    """
    written, notes = [], list(one.notes)
    annotations = annotation_file(
        np.rint(one.times * one.rate).astype(int),
        [one.classes[name] for name in one.names.tolist()],
        np.rint(one.unreadable * one.rate).astype(int),
        one.rate,
    )
    if annotations is None:
        notes.append(f"no {stem}.{EXTENSION}: the package wfdb is not installed; run {installation('wfdb')}")
    written.append(folder / f"{stem}_summary.json")
    write_json(written[-1], summary_fields(one, notes))
    written.append(folder / f"{stem}_summary.txt")
    write_atomically(written[-1], (summary_text(stem, one, notes, trained) + "\n").encode())
    # After the warnings, so that a command that is stopped leaves no beats without them.
    written.append(folder / f"{stem}_beats.csv")
    write_atomically(written[-1], beats_as_csv(one).encode())
    if annotations is not None:
        written.append(folder / f"{stem}.{EXTENSION}")
        write_atomically(written[-1], annotations)
    yield from ((f"{stem}: note: {note}", True) for note in notes if not is_quiet())
    yield from ((f"{stem}: warning: {warning}", True) for warning in one.warnings)
    yield f"{stem}: {one_line(one)}", False
    yield f"  wrote: {', '.join(map(str, written))}", False


def write_comparison(
    folder: Path, tables: Mapping[str, np.ndarray], classes: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    """Write comparison.json from the comparison of each recording; yield lines for the user."""
    found = comparison(tables, classes)
    write_json(folder / COMPARISON, found)
    gross = {"R peaks": found["gross"]["detection"], **found["gross"]["classes"]}
    for name, rates in gross.items():
        if rates["true_positives"] + rates["false_negatives"]:
            told = [f"{rates[key]:.4f}".replace("nan", "–") for key in ("sensitivity", "positive_predictivity")]
            yield f"{name}: sensitivity {told[0]}, positive predictivity {told[1]}", False
    yield f"  wrote: {folder / COMPARISON}", False


def beats_as_csv(one: RhythmPrediction) -> str:
    """Format the beats as CSV, one per line; an RR interval that is not known is empty."""
    lines = [",".join(columns(tuple(one.classes)))]
    for time, span, name, odds, flag in zip(
        one.times.tolist(), one.rr.tolist(), one.names.tolist(), one.probabilities.tolist(), one.flags, strict=True
    ):
        known = f"{span:.3f}" if math.isfinite(span) else ""
        lines.append(f"{time:.3f},{known},{name},{','.join(f'{value:.4f}' for value in odds)},{flag}")
    return "\n".join([*lines, ""])


def summary_fields(one: RhythmPrediction, notes: Sequence[str]) -> dict:
    """Return the content of NAME_summary.json."""
    stretches = [
        {"start_s": start, "end_s": end, "reason": why}
        for (start, end), why in zip(one.unreadable.tolist(), one.reasons, strict=True)
    ]
    doubt = {"uncertain": uncertain_fields(one)} if one.trust.uncertain_below else {}
    told = {"notes": list(notes), "warnings": list(one.warnings), "remark": f"{DISCLAIMER}."}
    return dataclasses.asdict(one.summary) | {"leads": list(one.leads), "unreadable": stretches} | doubt | told


def uncertain_fields(one: RhythmPrediction) -> dict:
    """Return number and share of the uncertain beats, and the probability below which a class is uncertain."""
    count, share = int(one.uncertain.sum()), float(one.uncertain.mean())
    return {"beats": count, "percent": 100 * share, "below": one.trust.uncertain_below}


def one_line(one: RhythmPrediction) -> str:
    """Return the summary in one line."""
    summary = one.summary
    rate = "" if summary.rate_mean_per_min is None else f", mean {summary.rate_mean_per_min:.0f} /min"
    shares = {name: (own.beats, own.percent) for name, own in summary.ectopic.items()}
    if not shares:  # classes of one's own
        shares = {name: (n, 100 * n / max(summary.beats, 1)) for name, n in summary.beats_by_class.items()}
    ectopic = ", ".join(f"{name} {count} ({percent:.1f} %)" for name, (count, percent) in shares.items())
    lost = f", {summary.unreadable_percent:.1f} % unreadable" if summary.unreadable_s else ""
    doubt = f", {100 * one.uncertain.mean():.1f} % uncertain" if one.trust.uncertain_below else ""
    return f"{clock(summary.duration_s)} h, {summary.beats} beats{rate}, {ectopic}{doubt}{lost}"


def summary_text(stem: str, one: RhythmPrediction, notes: Sequence[str], trained: Sequence[str]) -> str:
    """Return the content of NAME_summary.txt, a page for a physician."""
    found = one.summary
    lines = [f"Beats and rhythm of {stem}", f"{DISCLAIMER}.", ""]
    lines.append(f"Length            {clock(found.duration_s)} (h:mm:ss), {' and '.join(one.leads)}, {one.rate:g} Hz")
    lines.append(f"Unreadable        {clock(found.unreadable_s)}, {found.unreadable_percent:.1f} % of the recording")
    lines.append(f"Beats             {found.beats:,}")
    if found.rate_mean_per_min is not None:
        lines.append(f"Heart rate        mean {found.rate_mean_per_min:.0f} /min")
    if found.rate_least_per_min is not None and found.rate_most_per_min is not None:
        blank = " " * 18
        lines.append(f"{blank}least {found.rate_least_per_min:.0f} /min at {clock(found.rate_least_at_s or 0)}")
        lines.append(f"{blank}most {found.rate_most_per_min:.0f} /min at {clock(found.rate_most_at_s or 0)}")
        lines.append(f"{blank}(least and most: means over 10 RR intervals)")
    if found.longest_rr_s is not None:
        lines.append(
            f"Longest RR        {found.longest_rr_s:.2f} s at {clock(found.longest_rr_at_s or 0)} "
            "(not across unreadable stretches)"
        )
    runs = "   couplets   runs (3 or more)   longest run" if found.ectopic else ""
    lines += ["", f"Class                           beats        %{runs}"]
    for name, count in found.beats_by_class.items():
        told = f"{name} {AAMI_MEANINGS[name]}" if one.aami else name
        row = f"{told:<30}{count:>8,}{100 * count / max(found.beats, 1):>8.1f}"
        if name in found.ectopic:
            own = found.ectopic[name]
            at = own.longest_run_at_s
            longest = "-" if at is None else f"{own.longest_run_beats} beats at {clock(at)}"
            row += f"{own.couplets:>11}{own.runs:>19}   {longest}"
        lines.append(row)
    why = "an uncertain class, noise," if one.trust.uncertain_below else "noise"
    flagged = int(np.sum([bool(flag) for flag in one.flags]))
    lines += ["", f"{flagged:,} beats are flagged in {stem}_beats.csv ({why} or a lead unreadable)."]
    if len(one.unreadable):
        lines += ["", "Unreadable stretches, left out"]
        for (start, end), why in list(zip(one.unreadable, one.reasons, strict=True))[:LONGEST_LIST]:
            lines.append(f"  {clock(start)} to {clock(end)}  {why}")
        if len(one.unreadable) > LONGEST_LIST:
            lines.append(f"  and {len(one.unreadable) - LONGEST_LIST} more, see {stem}_summary.json")
    if one.trust.uncertain_below:
        doubt = uncertain_fields(one)
        told = (
            f"The class of {doubt['beats']:,} beats ({doubt['percent']:.1f} %) is uncertain: its probability is below"
        )
        trained = [f"{told} {doubt['below']:.2f}.", *trained]
    if trained:
        lines += ["", "How far to trust it", *(f"  {line}" for line in trained)]
    if remarks := [*(f"warning: {warning}" for warning in one.warnings), *notes]:
        lines += ["", "Remarks", *(f"  {line}" for line in remarks)]
    return "\n".join(lines)


def influence_text(found: Influence) -> str:
    """Return the influence of shape and rhythm on the log odds of a class, in a few words."""
    return f"shape {round(found.leads.sum(), 1) + 0:+.1f}, rhythm {round(found.rhythm, 1) + 0:+.1f}"


def plots(title: str, one: RhythmPrediction) -> dict:
    """Return name → function that draws a figure."""
    from cardiax.plots.ecg_paper import strips_figure
    from cardiax.plots.median_beats import median_beats_figure
    from cardiax.plots.style import class_colours
    from cardiax.plots.tachogram import tachogram_figure

    colours = class_colours(tuple(one.classes), one.normal)
    leads = next(iter(one.median_beats.values())).shape[-1]
    return {
        "strips": partial(strips_figure, one.strips, title, colours, one.normal),
        "rr": partial(tachogram_figure, one, title, colours),
        "beats": partial(
            median_beats_figure,
            one.median_beats,
            one.quartiles,
            one.summary.beats_by_class,
            one.leads[:leads],
            title,
            colours,
            {name: found.leads for name, found in one.influences.items()},
            {name: influence_text(found) for name, found in one.influences.items()},
        ),
    }
