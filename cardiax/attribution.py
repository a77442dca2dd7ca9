"""Attribution: which values of the inputs moved the output of a network away from that of a baseline."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

Inputs = dict[str, np.ndarray]

NODES = 32
"""Number of points between baseline and inputs at which `integrated_gradients` takes the gradient."""

GRADED = ((0.0, 0.001, 0.01, 0.1, 1.0), (0.0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0))
"""Bounds of the parts of the line, each with `NODES` points, for an output that changes most near the baseline, as that
of a network that normalises its inputs does; the second where the first is not fine enough."""

COMPLETE = 0.05
"""Largest difference between the sums of attributions and the differences of the output, relative to the latter."""

FAINTEST = 0.05
"""Smallest influence of a sample, in log odds, that is drawn in the full colour, so that no influence looks strong only
because all are weak."""

SMOOTHED = 5
"""Number of samples over which `smooth` averages: 28 ms at 180 Hz."""


def integrated_gradients(
    gradient: Callable[[Inputs], Inputs],
    inputs: Inputs,
    baseline: Inputs,
    bounds: Sequence[float] = (0.0, 1.0),
) -> Inputs:
    """Attribute the difference of an output between inputs and baseline to each value of the inputs.

    The attribution of a value is its difference from the baseline times the mean of its gradient on the straight line
    from baseline to inputs (Sundararajan, Taly, Yan 2017, arXiv:1703.01365). All attributions of an example add up to
    the difference of the output (completeness), up to the error of the Gauss–Legendre rule of `NODES` points.

    Args:
      gradient: function from inputs, name → (n, ...), to the gradients of the output of each example, name → (n, ...).
      inputs: name → (n, ...).
      baseline: name → (n, ...), or what broadcasts to it. The output must be continuous on the line: a beat in Kaggle's
        form needs a baseline with the same padding.
      bounds: bounds of the parts of the line to which the rule is applied, from 0 at the baseline to 1 at the inputs.

    Returns:
      Name → float64 (n, ...), in the unit of the output.
    """
    points, weights = np.polynomial.legendre.leggauss(NODES)
    rule = [
        (low + (high - low) * (point + 1) / 2, (high - low) * weight / 2)
        for low, high in itertools.pairwise(bounds)
        for point, weight in zip(points, weights, strict=True)
    ]
    change = {name: values - np.asarray(baseline[name], values.dtype) for name, values in inputs.items()}
    found = {name: np.zeros(values.shape) for name, values in inputs.items()}
    for point, weight in rule:
        at = {name: (values - (1 - point) * change[name]).astype(values.dtype) for name, values in inputs.items()}
        for name, slope in gradient(at).items():
            found[name] += weight * np.asarray(slope)
    return {name: change[name] * values for name, values in found.items()}


def complete_attribution(
    output: Callable[[Inputs], np.ndarray], gradient: Callable[[Inputs], Inputs], inputs: Inputs, baseline: Inputs
) -> Inputs | None:
    """Return `integrated_gradients`, or None if they do not add up to the difference of the output.

    The points are graded, if need be finely, where evenly spaced ones do not do. The baseline has the shape of the
    inputs. An output (n,) that jumps between baseline and inputs has no such attribution.
    """
    change = output(inputs) - output(baseline)
    for bounds in ((0.0, 1.0), *GRADED):
        found = integrated_gradients(gradient, inputs, baseline, bounds=bounds)
        sums = sum(values.reshape(len(values), -1).sum(axis=1) for values in found.values())
        if np.abs(sums - change).sum() <= COMPLETE * np.abs(change).sum():
            return found
    return None


def smooth(influence: np.ndarray) -> np.ndarray:
    """Average the influence of samples (T, ...) over `SMOOTHED` neighbours; that of a single sample is mostly noise."""
    return np.apply_along_axis(np.convolve, 0, influence, np.full(SMOOTHED, 1 / SMOOTHED), "same")
