"""The report of an ECG imaging task, with predictions for the 75 sites of the heart."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.ecg.voltage import activation_time
from cardiax.launch.run.experiment import Experiment
from cardiax.stats.regression import bootstrap_cases, regression_metrics

LEVEL = 0.95
RESAMPLES = 2000


def results(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """Compute the fields of SPLIT.json from the `error_sums` (n, 75, 5) of each quantity, and `cases`."""
    found = {
        "interval": f"{LEVEL:.0%} percentile bootstrap over cases, {RESAMPLES} resamples",
        "loss": figures["loss"],
    } | _overall(experiment, figures)
    first = next(iter(_units(experiment)))
    if wrong := int(np.isnan(figures[first]).any(axis=(1, 2)).sum()):
        found["cases_with_predictions_that_are_not_finite"] = wrong
    of_sites = regression_metrics(figures[first].sum(axis=0, dtype=np.float64))
    site_intervals = bootstrap_cases(figures[first], RESAMPLES, level=LEVEL)
    found["sites"] = {
        name: {f"{first}_{metric}": float(of_sites[metric][i]) for metric in ("mae", "rmse", "r2")}
        | {f"{first}_mae_low": float(low), f"{first}_mae_high": float(high)}
        for i, (name, low, high) in enumerate(zip(SITE_NAMES, *site_intervals["mae"], strict=True))
    }
    of_cases = _case_errors(experiment, figures)
    origin = {key: values[experiment.split[split]] for key, values in experiment.origin.items()}
    found["cases"] = [
        {f"{first}_mae": float(error)} | {key: values[i].item() for key, values in origin.items()}
        for i, error in enumerate(of_cases)
    ]
    return found


def main_figures(experiment: Experiment, figures: dict[str, Any], split: str) -> dict[str, Any]:
    """Compute the metrics reported per noise level.

    They are the mean absolute error of each quantity, with bootstrap intervals, and for voltages the fraction of
    activations found.
    """
    del split
    return {
        name: figure
        for name, figure in _overall(experiment, figures).items()
        if name.endswith("_mae") or name == "activations_found"
    }


def plots(
    experiment: Experiment,
    figures: dict[str, Any],
    result: dict[str, Any],
    predict: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Callable[[], Any]]:
    """Return name → function that draws a plot of the case whose error is the median of the split."""
    from cardiax.launch.report.heart_plots import case_plots  # Matplotlib is not needed before the first step

    errors = _case_errors(experiment, figures)
    index = int(np.argsort(errors, kind="stable")[len(errors) // 2])
    case = experiment.examples.take(experiment.split[result["split"]][index])
    leads, target = case["input"], case["target"]
    output = predict(leads[None])[0]
    title = f"{result['dataset']}, {result['split']}, the case of median error"
    if output.ndim == 1:
        return case_plots(leads, title, times=output, true_times=target)
    return case_plots(
        leads,
        title,
        times=np.asarray(activation_time(output)),
        true_times=np.asarray(activation_time(target)),
        voltage=output,
        true_voltage=target,
    )


def table(result: dict[str, Any]) -> str:
    """Format the result as text: a line for each metric with its interval, then the spread over cases and sites."""
    lines = []
    for name, figure in result.items():
        if isinstance(figure, dict) and "value" in figure:
            unit = figure.get("unit", "")
            lines.append(
                f"{name:<17}{figure['value']:9.3f} [{figure['low']:.3f}, {figure['high']:.3f}] {unit}".rstrip()
            )
    if "activations_found" in result:
        lines.append(f"activations found: {result['activations_found']:.2%} of the true ones")
    if wrong := result.get("cases_with_predictions_that_are_not_finite"):
        lines.append(f"found predictions that are not finite numbers in {wrong} cases: their errors are undefined")
    first = next(iter(result["cases"][0]))
    of_cases = np.asarray([case[first] for case in result["cases"]])
    of_sites = {name: site[first] for name, site in result["sites"].items()}
    best, worst = min(of_sites, key=of_sites.__getitem__), max(of_sites, key=of_sites.__getitem__)
    middle, high = np.nanquantile(of_cases, [0.5, 0.95])
    lines.append(f"{first} of a case: median {middle:.3f}, 95 % below {high:.3f}, worst {np.nanmax(of_cases):.3f}")
    lines.append(f"{first} of a site: {of_sites[best]:.3f} ({best}) to {of_sites[worst]:.3f} ({worst})")
    lines.append(
        f"on {result['examples']:,} {result['split']} cases of {result['dataset']}, split by {result['protocol']} "
        f"({result['interval']})"
    )
    return "\n".join(lines)


def _overall(experiment: Experiment, figures: dict[str, Any]) -> dict[str, Any]:
    """Compute the metrics of each quantity over all cases and sites, with bootstrap intervals."""
    found: dict[str, Any] = {}
    for quantity, unit in _units(experiment).items():
        overall = figures[quantity].sum(axis=1, dtype=np.float64)
        metrics, intervals = regression_metrics(overall.sum(axis=0)), bootstrap_cases(overall, RESAMPLES, level=LEVEL)
        for name, value in metrics.items():
            low, high = (float(bound) for bound in intervals[name])
            found[f"{quantity}_{name}"] = {"value": float(value), "low": low, "high": high}
            if name != "r2":
                found[f"{quantity}_{name}"]["unit"] = unit
    if "active" in figures:
        found["activations_found"] = float(figures["found"].sum() / max(figures["active"].sum(), 1))
    return found


def _units(experiment: Experiment) -> dict[str, str]:
    return experiment.task.units  # pyright: ignore[reportAttributeAccessIssue] (every task of this kind has them)


def _case_errors(experiment: Experiment, figures: dict[str, Any]) -> np.ndarray:
    first = next(iter(_units(experiment)))
    return regression_metrics(figures[first].sum(axis=1, dtype=np.float64))["mae"]
