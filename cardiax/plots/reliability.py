"""Plots of calibration: reliability and risk of classes, and the spread of an ensemble against its error."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from cardiax.plots.style import INK, PALE, RUST, Triple, plain
from cardiax.stats.abstention import abstention_metrics


def reliability_figure(members: np.ndarray, ensemble: np.ndarray, title: str) -> Figure:
    """Plot accuracy over confidence of each member, pale, and of the ensemble, above the examples of each bin.

    `members` (M, bins, 3) and `ensemble` (bins, 3) are from `cardiax.stats.calibration.reliability`.
    """
    figure = Figure(figsize=(3.5, 4.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=0.8, label="calibrated")
    for number, sums in enumerate(members):
        style = {"color": PALE, "linewidth": 1, "markersize": 2.5}
        axes.plot(*_points(sums), marker="o", label=None if number else "members", **style)
    axes.plot(*_points(ensemble), marker="o", color=INK, linewidth=1.4, markersize=3.5, label="ensemble")
    axes.set_ylabel("Accuracy", fontsize=8)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    bins, count = len(ensemble), ensemble[:, 0]
    below.bar((np.arange(bins) + 0.5) / bins, np.where(count > 0, count, np.nan), 0.9 / bins, color=INK, log=True)
    below.set_ylim(0.5, None)
    below.set_ylabel("Examples", fontsize=8)
    below.set_xlabel("Confidence (probability of the predicted class)", fontsize=8)
    for one in (axes, below):
        plain(one)
    figure.suptitle(title, fontsize=8)
    return figure


def _points(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean confidence and accuracy of the bins that hold examples."""
    count, hits, confidence = sums[sums[:, 0] > 0].T
    return confidence / count, hits / count


def risk_figure(coverage: np.ndarray, risk: np.ndarray, title: str) -> Figure:
    """Plot how many of the predictions that are kept are wrong, over the share that is kept, the most certain first.

    `coverage` and `risk` (m,) are from `cardiax.stats.abstention.risk_coverage`.
    """
    area, at_90 = abstention_metrics(coverage, risk)
    figure = Figure(figsize=(4.4, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.axhline(risk[-1], color="0.6", linestyle="--", linewidth=0.8, label=f"all kept: {risk[-1]:.4f}")
    axes.plot(coverage, risk, color=INK, linewidth=1.4, label=f"most certain kept (area {area:.4f})")
    axes.plot([0.9], [at_90], "o", color=RUST, markersize=4, label=f"at 90 % coverage: {at_90:.4f}")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.35 * max(risk.max(), 1e-3))  # with space for the legend
    axes.set_xlabel("Coverage: share that is kept", fontsize=8)
    axes.set_ylabel("Selective risk: share of these that is wrong", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    plain(axes)
    figure.suptitle(title, fontsize=8)
    return figure


def spread_figure(covered: Mapping[float, Triple], by_spread: np.ndarray, unit: str, title: str) -> Figure:
    """Plot two panels: the coverage of intervals from the members' spread, and the error in bins of spread.

    Args:
      covered: nominal coverage → observed coverage, with its interval.
      by_spread: (bins, 2), spread and error, from `cardiax.stats.calibration.error_by_spread`.
      unit: unit of spread and error.
    """
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    value, low, high = np.transpose(list(covered.values()))
    left.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=0.8, label="calibrated")
    bounds = np.maximum([value - low, high - value], 0)
    left.errorbar(list(covered), value, yerr=bounds, color=INK, marker="o", markersize=4, capsize=2, label="ensemble")
    for nominal, found in zip(covered, value, strict=True):
        left.annotate(f"{found:.0%}", (nominal, found), (4, -9), textcoords="offset points", fontsize=7, color=INK)
    left.set_xticks(list(covered), [f"{nominal:.0%}" for nominal in covered])
    left.set_yticks(np.linspace(0, 1, 5), [f"{share:.0%}" for share in np.linspace(0, 1, 5)])
    left.set_xlim(0.4, 1.03)
    left.set_ylim(0, 1.03)
    left.set_xlabel("Nominal coverage", fontsize=8)
    left.set_ylabel("Targets covered", fontsize=8)
    left.legend(fontsize=7, frameon=False, loc="upper left")
    _error_over_spread(right, by_spread, unit)
    for axes in (left, right):
        plain(axes)
    figure.suptitle(title, fontsize=8)
    return figure


def _error_over_spread(axes, by_spread: np.ndarray, unit: str) -> None:
    spread, error = np.transpose(by_spread)
    some = [value for value in (*spread, *error) if value > 0] or [1.0]  # the axes are logarithmic
    ends = min(some) / 1.3, max(some) * 1.3
    axes.plot(ends, ends, color="0.6", linestyle="--", linewidth=0.8, label="error equal to spread")
    axes.plot(spread, error, color=RUST, marker="o", markersize=4, linewidth=1.2, label="ensemble, tenths by spread")
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"Standard deviation of the members ({unit})", fontsize=8)
    axes.set_ylabel(f"Root mean square error ({unit})", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
