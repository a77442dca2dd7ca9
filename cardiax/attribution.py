"""Attribution: which values of the inputs moved the output of a network away from that of a baseline."""

from collections.abc import Callable

import numpy as np

Inputs = dict[str, np.ndarray]

NODES = 32
"""Number of points between baseline and inputs at which `integrated_gradients` takes the gradient."""

SMOOTHED = 5
"""Number of samples over which `smooth` averages: 28 ms at 180 Hz."""


def integrated_gradients(
    gradient: Callable[[Inputs], Inputs], inputs: Inputs, baseline: Inputs, nodes: int = NODES
) -> Inputs:
    """Attribute the difference of an output between inputs and baseline to each value of the inputs.

    The attribution of a value is its difference from the baseline times the mean of its gradient on the straight line
    from baseline to inputs (Sundararajan, Taly, Yan 2017, arXiv:1703.01365). All attributions of an example add up to
    the difference of the output (completeness), up to the error of the Gauss–Legendre rule of `nodes` points.

    Args:
      gradient: function from inputs, name → (n, ...), to the gradients of the output of each example, name → (n, ...).
      inputs: name → (n, ...).
      baseline: name → (n, ...), or what broadcasts to it. The output must be continuous on the line: a beat in Kaggle's
        form needs a baseline with the same padding.
      nodes: number of points of the rule.

    Returns:
      Name → float64 (n, ...), in the unit of the output.
    """
    points, weights = np.polynomial.legendre.leggauss(nodes)
    change = {name: values - np.asarray(baseline[name], values.dtype) for name, values in inputs.items()}
    found = {name: np.zeros(values.shape) for name, values in inputs.items()}
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        at = {name: (values - (1 - point) * change[name]).astype(values.dtype) for name, values in inputs.items()}
        for name, slope in gradient(at).items():
            found[name] += weight * np.asarray(slope)
    return {name: change[name] * values for name, values in found.items()}


def smooth(influence: np.ndarray) -> np.ndarray:
    """Average the influence of samples (T, ...) over `SMOOTHED` neighbours; that of a single sample is mostly noise."""
    return np.apply_along_axis(np.convolve, 0, influence, np.full(SMOOTHED, 1 / SMOOTHED), "same")
