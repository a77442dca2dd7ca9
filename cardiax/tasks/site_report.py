"""The report of an ECG imaging task: errors at the 75 sites of the heart, plots of a case, and spread of ensembles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.ecg.voltage import activation_time
from cardiax.stats.calibration import (
    LEVELS,
    coverage,
    error_by_spread,
    rank_correlation,
    spread_and_error,
    spread_terms,
)
from cardiax.stats.classification import BOUNDS
from cardiax.stats.regression import bootstrap_cases, regression_metrics
from cardiax.stats.significance import resampled_figures
from cardiax.tasks.plain_report import (
    RESAMPLES,
    Arrays,
    Cases,
    Draw,
    Merit,
    Report,
    cases_line,
    interval,
    mean_merit,
    metrics_in,
)


@dataclass(frozen=True)
class SiteReport(Report):
    """The `Report` of a task with a value, or one for each ms, at each site.

    Attributes:
      units: quantity → unit: the keys of `Task.summarize` that hold `error_sums` (n, 75, 5).
    """

    @property
    def merits(self) -> list[Merit]:
        """The mean absolute error of the first quantity."""
        return [mean_merit(f"{self._first}_mae", bounds=(0, np.inf))]

    @property
    def _first(self) -> str:
        return next(iter(self.units))

    def results(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of SPLIT.json and `cases`, from the `error_sums` (n, 75, 5) of each quantity."""
        first = self._first
        found = {
            "interval": f"95% percentile bootstrap over cases, {RESAMPLES} resamples",
            "loss": figures["loss"],
        } | self._overall(figures)
        if wrong := int(np.isnan(figures[first]).any(axis=(1, 2)).sum()):
            found["cases_with_predictions_that_are_not_finite"] = wrong
        of_sites = regression_metrics(figures[first].sum(axis=0, dtype=np.float64))
        site_intervals = bootstrap_cases(figures[first], RESAMPLES)
        found["sites"] = {
            name: {f"{first}_{metric}": float(of_sites[metric][i]) for metric in ("mae", "rmse", "r2")}
            | {f"{first}_mae_low": float(low), f"{first}_mae_high": float(high)}
            for i, (name, low, high) in enumerate(zip(SITE_NAMES, *site_intervals["mae"], strict=True))
        }
        metadata, has_target = cases.metadata, figures[first][..., 0].any(axis=1)
        found["cases"] = [
            {f"{first}_mae": float(error) if known else None}
            | {key: column[i].item() for key, column in metadata.items()}
            for i, (error, known) in enumerate(zip(self._case_errors(figures), has_target, strict=True))
        ]
        return found

    def main_figures(self, cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the mean absolute error of each quantity, and for voltages the fraction of activations found."""
        del cases
        return {
            name: figure
            for name, figure in self._overall(figures).items()
            if name.endswith("_mae") or name == "activations_found"
        }

    def table(self, result: dict[str, Any]) -> str:
        """Format the result as text: a line for each metric with its interval, then the spread over cases and sites."""
        lines = []
        for name, figure in metrics_in(result).items():
            bounds = f"[{figure['low']:.3f}, {figure['high']:.3f}]"
            lines.append(f"{name:<17}{figure['value']:9.3f} {bounds} {figure.get('unit', '')}".rstrip())
        if "activations_found" in result:
            lines.append(f"activations found: {result['activations_found']:.2%} of the true ones")
        if wrong := result.get("cases_with_predictions_that_are_not_finite"):
            lines.append(f"found predictions that are not finite numbers in {wrong} cases: their errors are undefined")
        first = f"{self._first}_mae"
        of_cases = np.asarray([case[first] for case in result["cases"]], float)
        of_sites = {name: site[first] for name, site in result["sites"].items()}
        best, worst = min(of_sites, key=of_sites.__getitem__), max(of_sites, key=of_sites.__getitem__)
        middle, high = np.nanquantile(of_cases, [0.5, 0.95])
        lines.append(f"{first} of a case: median {middle:.3f}, 95 % below {high:.3f}, worst {np.nanmax(of_cases):.3f}")
        lines.append(f"{first} of a site: {of_sites[best]:.3f} ({best}) to {of_sites[worst]:.3f} ({worst})")
        return "\n".join([*lines, cases_line(result)])

    def plots(
        self, cases: Cases, figures: dict[str, Any], result: dict[str, Any], predict: Callable[[Arrays], np.ndarray]
    ) -> dict[str, Draw]:
        """Return plots of the case whose error is the median of the split."""
        from cardiax.plots.heart_plots import case_plots  # Matplotlib is not needed before the first step

        errors = self._case_errors(figures)
        index = int(np.argsort(errors, kind="stable")[len(errors) // 2])
        case = cases.take(cases.rows[index])
        leads, target = case["leads"], case["target"]
        output = predict({"leads": leads[None]})[0]
        title = f"{result['model']}, {result['dataset']}, {result['split']} set: the case of median error"
        if output.ndim == 1:
            return case_plots(leads, title, output, target)
        times, true_times = (np.asarray(activation_time(one)) for one in (output, target))
        return case_plots(leads, title, times, true_times, output, target)

    def ensemble_terms(self, outputs: jax.Array, together: jax.Array, target: jax.Array) -> jax.Array:
        """Return `spread_terms` (B, 75, 6) of times (M, B, 75) or of voltages (M, B, 500, 75), summed over time."""
        del together
        found = spread_terms(outputs, target)
        return found if found.ndim == 3 else jnp.sum(found, axis=1)

    def ensemble_results(self, terms: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        """Return coverage, with bootstrap intervals over cases, and the correlation of spread and error.

        They are the field `spread` of ensemble.json.
        """
        of_cases = terms.sum(axis=1, dtype=np.float64)
        shares = coverage(of_cases.sum(axis=0))
        low, high = np.quantile(resampled_figures([of_cases], coverage)[:, 0], BOUNDS, axis=0)
        spread, error = spread_and_error(of_cases.sum(axis=0))
        over_sites = rank_correlation(*(values.ravel() for values in spread_and_error(terms)))
        over_cases = rank_correlation(*spread_and_error(of_cases))
        found = {
            "unit": self.units[self._first],
            "coverage": {
                f"{level:g}": interval(*three) for level, *three in zip(LEVELS, shares, low, high, strict=True)
            },
            "spread": float(spread),
            "error": float(error),
            "rank_correlation": {"sites": over_sites, "cases": over_cases},
            "error_by_spread": error_by_spread(terms.reshape(-1, terms.shape[-1])).tolist(),
        }
        held = (
            f"{float(level):.0%} cover {one['value']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"
            for level, one in found["coverage"].items()
        )
        return {"spread": found}, [
            f"standard deviation of the seeds {spread:.3f}, root mean square error of the ensemble {error:.3f} "
            f"{found['unit']}; t intervals: {', '.join(held)}",
            f"rank correlation of the two: {over_sites:.2f} over sites of cases, {over_cases:.2f} over cases",
        ]

    def ensemble_plot(self, found: dict[str, Any], title: str) -> Any:
        """Plot coverage, and error over spread."""
        from cardiax.plots.reliability import spread_figure

        spread = found["spread"]
        covered = {float(level): (one["value"], one["low"], one["high"]) for level, one in spread["coverage"].items()}
        return spread_figure(covered, np.asarray(spread["error_by_spread"]), spread["unit"], title)

    def _overall(self, figures: dict[str, Any]) -> dict[str, Any]:
        """Return the metrics of each quantity over all cases and sites, with bootstrap intervals."""
        found: dict[str, Any] = {}
        for quantity, unit in self.units.items():
            overall = figures[quantity].sum(axis=1, dtype=np.float64)
            metrics = regression_metrics(overall.sum(axis=0))
            intervals = bootstrap_cases(overall, RESAMPLES)
            for name, value in metrics.items():
                one = interval(float(value), *intervals[name])
                found[f"{quantity}_{name}"] = one if name == "r2" else {**one, "unit": unit}
        if "active" in figures:
            found["activations_found"] = float(figures["found"].sum() / max(figures["active"].sum(), 1))
        return found

    def _case_errors(self, figures: dict[str, Any]) -> np.ndarray:
        return regression_metrics(figures[self._first].sum(axis=1, dtype=np.float64))["mae"]
