"""The report of a beat classification task: metrics, table, plots, and the calibration of ensembles."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import Dataset
from cardiax.stats.abstention import SHARES, abstention_bootstrap, abstention_metrics, risk_at, risk_coverage
from cardiax.stats.calibration import class_terms, expected_calibration_error, reliability
from cardiax.stats.classification import BOUNDS, METRICS, bootstrap_intervals, classification_metrics
from cardiax.stats.significance import resampled_figures
from cardiax.tasks.plain_report import RESAMPLES, Arrays, Cases, Draw, Merit, Report, cell, interval

FEW = 5
"""Number of records below which an interval over records is said to be too narrow."""

DRAWN = 100
"""Largest number of beats, of each true and predicted class, whose median is plotted."""


@dataclass(frozen=True)
class ClassReport(Report):
    """The `Report` of a task with C classes.

    If the protocol splits by patient, bootstrap intervals resample records, so that they hold for unseen patients.

    Attributes:
      classes: names of the classes.
    """

    classes: tuple[str, ...] = ()

    @property
    def merits(self) -> list[Merit]:
        """Accuracy and macro-F1, as functions of the cells of the confusion matrix."""
        size = len(self.classes)

        def terms(cases: list[dict[str, str]]) -> np.ndarray:
            index = self.classes.index
            return np.eye(size**2, dtype=np.float32)[[size * index(c["class"]) + index(c["prediction"]) for c in cases]]

        def of_confusion(name: str, sums: np.ndarray) -> np.ndarray:
            return classification_metrics(sums.reshape(*sums.shape[:-1], size, size))[name]

        def of_class(sums: np.ndarray) -> np.ndarray:
            return sums.reshape(-1, size, size).sum(axis=2)

        return [
            Merit("accuracy", True, terms, partial(of_confusion, "accuracy"), (0, 1)),
            Merit("macro_f1", True, terms, partial(of_confusion, "macro_f1"), (0, 1), of_class),
        ]

    def results(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of SPLIT.json and `cases`; `figures` are from `Classification.summarize`.

        `risk_over_coverage` is the share of wrong classes among the beats of which the network is most certain, at
        temperature 1. If the split contains the dataset's dominant record, `without_record` has the metrics of the
        other records. Of joined datasets, `datasets` has the same for each that is in the split.
        """
        dataset, records = cases.dataset, cases.records
        drawn = "beats" if records is None else "groups" if "group" in cases.origin else "records"
        found = {
            "interval": f"95% percentile bootstrap over {drawn}, {RESAMPLES} resamples{_caution(records)}",
            "loss": figures["loss"],
        }
        if records is not None and dataset.note:
            found["note"] = dataset.note
        found |= self._with_and_without(dataset, figures, records) | _abstention(figures, records)
        if records is not None and len(dataset.members) > 1:
            found["datasets"] = {}
            for member in dataset.members:
                own = cases.metadata["dataset"] == member.name
                if own.any():
                    metrics = self._with_and_without(member, _rows(figures, own), records[own])
                    found["datasets"][member.name] = {"examples": int(own.sum())} | metrics
        return found | {"cases": self._cases(cases, figures)}

    def _with_and_without(
        self, dataset: Dataset, figures: dict[str, Any], records: np.ndarray | None
    ) -> dict[str, Any]:
        """Return `_metrics` of all beats and, if the dataset's dominant record is there, those without it."""
        found = self._metrics(figures, records)
        if records is not None and dataset.dominant_record in records:
            rest = records != dataset.dominant_record
            without = self._metrics(_rows(figures, rest), records[rest])
            found["without_record"] = {"record": dataset.dominant_record} | without
        return found

    def main_figures(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return macro-F1, accuracy and the recall of each class, with bootstrap intervals."""
        found = self._metrics(figures, cases.records)
        recalls = {f"recall_{name}": row["recall"] for name, row in found["classes"].items()}
        return {name: found[name] for name in ("macro_f1", "accuracy")} | recalls

    def table(self, result: dict[str, Any]) -> str:
        """Format the result as text: a line for each class, then the overall metrics, with intervals."""
        lines = _lines(result)
        lines.append(
            f"selective risk at 90 % coverage  {cell(result['risk_at_90_coverage'])}   area under risk over coverage  "
            f"{cell(result['area_under_risk'])}"
        )
        lines.append(f"on {result['examples']:,} {result['split']} beats of {result['dataset']} ({result['interval']})")
        if undefined := _undefined(result):
            lines.append(f"resamples that lack a class, and are left out of its interval: {undefined}")
        for name, record, own in list(parts_of(result))[1:]:
            title = f"{name} without record {record}" if record else f"{name} alone"
            lines += [f"{title.strip()}:", *_lines(own)]
        if "note" in result:
            lines.append(f"note: {result['note']}")
        return "\n".join(lines)

    def plots(
        self, cases: Cases, figures: dict[str, Any], result: dict[str, Any], predict: Callable[[Arrays], np.ndarray]
    ) -> dict[str, Draw]:
        """Return the plots: median beats by true and predicted class, confusion matrix, and risk over coverage."""
        from cardiax.plots.confusion_matrix import confusion_figure
        from cardiax.plots.median_beats import outcomes_figure, without_padding  # not needed before the first step
        from cardiax.plots.reliability import risk_figure

        del predict
        title = f"{result['model']}, {result['dataset']}, {result['split']} set of {result['examples']:,} beats"
        values = f"accuracy {result['accuracy']['value']:.4f}, macro-F1 {result['macro_f1']['value']:.4f}"
        beats, counts, unit = {}, {}, ""
        for true, predicted in np.argwhere(figures["confusion"]):
            own = np.flatnonzero((figures["target"] == true) & (figures["prediction"] == predicted))
            drawn = cases.take(cases.rows[own[:: -(-len(own) // DRAWN)]])
            unit = "of the median's range" if "deviation" in drawn else ""
            outcome = self.classes[true], self.classes[predicted]
            beats[outcome] = without_padding(np.swapaxes(drawn["leads"], 1, 2))[:, 0]
            counts[outcome] = len(own)
        return {
            "beats": partial(outcomes_figure, beats, counts, cases.dataset.rate, title, unit),
            "confusion": partial(confusion_figure, figures["confusion"], self.classes, f"{title}\n{values}"),
            "risk": partial(risk_figure, *_curve(*_certainty(figures)), title),
        }

    def ensemble_terms(self, outputs: jax.Array, together: jax.Array, target: jax.Array) -> jax.Array:
        """Return `class_terms` (B, M + 1, 4) of the members' logits (M, B, C), then of the ensemble's (B, C)."""
        return jax.vmap(class_terms, (0, None), 1)(jnp.concatenate([outputs, together[None]]), target)

    def ensemble_figures(self, cases: Cases, terms: np.ndarray) -> dict[str, tuple[list[float], dict[str, float]]]:
        """Return expected calibration error, negative log-likelihood and Brier score.

        The last two are means over beats with a bootstrap interval.
        """
        *ours, together = [expected_calibration_error(reliability(one)) for one in np.moveaxis(terms, 1, 0)]
        found = {"ece": (ours, {"value": together})}
        scores = terms[:, :, :2]
        last = np.concatenate([scores[:, -1], np.ones((len(terms), 1))], axis=1)
        resampled = resampled_figures([last], lambda sums: sums[..., :2] / sums[..., 2:], cases.records)[:, 0]
        low, high = np.quantile(resampled, BOUNDS, axis=0)
        means = scores.mean(axis=0, dtype=np.float64)
        for index, name in enumerate(("nll", "brier")):
            *ours, together = means[:, index].tolist()
            found[name] = ours, interval(together, low[index], high[index])
        return found

    def ensemble_results(self, terms: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        """Return the reliability diagram of each member and of the ensemble; there are no lines of text to add."""
        *members, together = [reliability(one).tolist() for one in np.moveaxis(terms, 1, 0)]
        columns = ["examples", "right", "sum of confidences"]
        return {"reliability": {"columns": columns, "members": members, "ensemble": together}}, []

    def ensemble_plot(self, found: dict[str, Any], title: str) -> Any:
        """Draw the reliability diagram."""
        from cardiax.plots.reliability import reliability_figure

        members, together = (np.asarray(found["reliability"][key]) for key in ("members", "ensemble"))
        return reliability_figure(members, together, title)

    def _metrics(self, figures: dict[str, Any], records: np.ndarray | None) -> dict[str, Any]:
        """Return accuracy, macro-F1, the metrics of each class and the confusion matrix, with bootstrap intervals.

        `figures` has `target` and `prediction` (n,); `records` (n,) are resampled, or beats if it is None.
        """
        size = len(self.classes)
        cells = size * figures["target"] + figures["prediction"]
        groups = np.zeros(len(cells), np.int64) if records is None else np.unique(records, return_inverse=True)[1]
        counts = np.bincount(size**2 * groups + cells, minlength=size**2 * (groups.max() + 1)).reshape(-1, size, size)
        confusion = counts.sum(axis=0)
        alone = records is not None and len(counts) == 1
        intervals = bootstrap_intervals(counts, records is not None, RESAMPLES)
        metrics = classification_metrics(confusion)

        def with_interval(name: str, *index: int) -> dict[str, Any]:
            low, high, undefined = (float(bound[index]) for bound in intervals[name])
            if alone:  # one record tells nothing of the spread over records
                low, high = 0.0, 1.0
            one = interval(metrics[name][index], low, high)
            return one | ({"undefined_resamples": int(undefined)} if undefined else {})

        return {
            "accuracy": with_interval("accuracy"),
            "macro_f1": with_interval("macro_f1"),
            **{name: with_interval(name) for name in METRICS},
            "classes": {
                name: {"examples": int(confusion[i].sum())}
                | {figure: with_interval(figure, i) for figure in ("precision", "recall", "f1")}
                for i, name in enumerate(self.classes)
            },
            "confusion": confusion.tolist(),
        }

    def _cases(self, cases: Cases, figures: dict[str, Any]) -> list[dict[str, Any]]:
        """Return for each beat its true and predicted class, the class probabilities, its row and its metadata."""
        metadata = {"row": cases.rows} | {name: column for name, column in cases.metadata.items() if name != "label"}
        return [
            {"class": self.classes[true], "prediction": self.classes[found]}
            | {f"p_{name}": f"{p:.6f}" for name, p in zip(self.classes, probabilities, strict=True)}
            | {name: column[i] for name, column in metadata.items()}
            for i, (true, found, probabilities) in enumerate(
                zip(figures["target"], figures["prediction"], figures["probabilities"], strict=True)
            )
        ]


def parts_of(result: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield SPLIT.json, then the fields that it has of a part of the cases, after the name of their dataset, empty for
    all of them, and the dominant record that they are without, or None."""
    for dataset, own in {"": result, **result.get("datasets", {})}.items():
        yield dataset, None, own
        if rest := own.get("without_record"):
            yield dataset, rest["record"], rest


def _certainty(figures: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each predicted class (n,), and whether it is wrong, bool (n,)."""
    return np.asarray(figures["probabilities"]).max(axis=1), figures["prediction"] != figures["target"]


def _curve(confidence: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coverage and risk, each (m,), see `risk_coverage`, from `_certainty`."""
    _, coverage, risk = risk_coverage(confidence, wrong, np.ones(len(confidence)))
    return coverage, risk


def _abstention(figures: dict[str, Any], records: np.ndarray | None) -> dict[str, Any]:
    """Return how often the classes are wrong, the least certain of them withheld, with bootstrap intervals."""
    confidence, wrong = _certainty(figures)
    coverage, risk = _curve(confidence, wrong)
    bounds = np.quantile(abstention_bootstrap(confidence, wrong, records, RESAMPLES), BOUNDS, axis=0)
    if records is not None and len(np.unique(records)) == 1:  # one record tells nothing of the spread over records
        bounds = np.array([[0.0, 0.0], [1.0, 1.0]])
    found: dict[str, Any] = {
        name: interval(value, low, high)
        for name, value, low, high in zip(
            ("area_under_risk", "risk_at_90_coverage"), abstention_metrics(coverage, risk), *bounds, strict=True
        )
    }
    points = {"coverage": SHARES.tolist(), "risk": risk_at(coverage, risk, SHARES).tolist()}
    return found | {"risk_over_coverage": points}


def _caution(records: np.ndarray | None) -> str:
    """Return what to add to the name of an interval over few records (n,)."""
    count = FEW if records is None else len(np.unique(records))
    if count == 1:
        return "; of a single one nothing is known of others, so it is 0 to 1"
    return "" if count >= FEW else f"; {count} are few, so it is too narrow"


def _rows(figures: dict[str, Any], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: figures[name][rows] for name in ("target", "prediction")}


def _lines(result: dict[str, Any]) -> list[str]:
    width = max(10, *(len(name) + 1 for name in result["classes"]))
    lines = [f"{'class':<{width}}{'beats':>8}  {'precision':^22}  {'recall':^22}  {'F1':^22}"]
    for name, row in result["classes"].items():
        cells = "  ".join(f"{cell(row[figure]):<22}" for figure in ("precision", "recall", "f1"))
        lines.append(f"{name:<{width}}{row['examples']:>8,}  {cells}".rstrip())
    lines.append(f"accuracy  {cell(result['accuracy'])}   macro-F1  {cell(result['macro_f1'])}")
    return lines + [f"{name}  {cell(result[name])}" for name in METRICS]


def _undefined(result: dict[str, Any]) -> str:
    """List the numbers of resamples in which a metric is undefined, for metrics that have a value."""
    found = {"macro-F1": result["macro_f1"], **{name: result[name] for name in METRICS}} | {
        f"{figure} of {name}": row[figure]
        for name, row in result["classes"].items()
        for figure in ("precision", "recall", "f1")
        if np.isfinite(row[figure]["value"])
    }
    return ", ".join(f"{n} of {name}" for name, one in found.items() if (n := one.get("undefined_resamples")))
