"""Metrics as text: their names in words, with their units, and tables of them in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "area_under_risk": "area under risk over coverage",
    "risk_at_90_coverage": "selective risk at 90 % coverage",
    "activation_mae": "activation time, mean absolute error",
    "activation_rmse": "activation time, root mean square error",
    "activation_r2": "activation time, R²",
    "voltage_mae": "voltage, mean absolute error",
    "voltage_rmse": "voltage, root mean square error",
    "voltage_r2": "voltage, R²",
    "apd90_mae": "action potential duration (APD90), mean absolute error",
    "apd90_rmse": "action potential duration (APD90), root mean square error",
    "apd90_r2": "action potential duration (APD90), R²",
}
"""Metric in test.json → its name in words."""


def at(result: Any, path: str) -> Any:
    """Return what test.json has at a dotted path, as `classes.S.recall`, or None."""
    for key in path.split("."):
        result = result.get(key) if isinstance(result, Mapping) else None
    return result


def with_unit(name: str, of: Any) -> str:
    """Return a name with the `unit` of a metric, a column or a row, if it has one."""
    return f"{name}, {of['unit']}" if isinstance(of, Mapping) and "unit" in of else name


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    head, *lines = (f"| {' | '.join(row)} |".replace("|  ", "| ") for row in [titles, *rows])
    return [head, "|" + "---|" * len(titles), *lines]
