"""The calibration of a network of classes, fitted on the validation split of its run."""

import dataclasses
from typing import Any

import numpy as np

from cardiax.stats.trust_fit import LEAST_COVERAGE, MOST_RISK, fit_trust
from cardiax.tasks.plain_report import Cases


def calibration(cases: Cases, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the content of calibration.json, the fields of `ClassTrust` and how they were found.

    Args:
      cases: the validation split.
      figures: its `probabilities` (n, C) at temperature 1 and `target` (n,).
    """
    probabilities = np.asarray(figures["probabilities"])
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))  # up to a constant, which softmax ignores
    trust, measured = fit_trust(logits, np.asarray(figures["target"]), cases.records)
    rule = (
        f"the least certain beats of the validation split are uncertain: {100 - 100 * LEAST_COVERAGE:g} % of them, or "
        f"fewer if the others are wrong in at most {100 * MOST_RISK:g} %"
    )
    source = f"{cases.dataset.name}, its validation split by {cases.protocol}"
    return dataclasses.asdict(trust) | {"rule": rule, "source": source, "validation": measured}
