"""The names of metrics in words."""

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
