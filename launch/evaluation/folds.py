"""The result of a cross-validation: the test cases of all its folds, counted together."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cardiax.catalog import BOTH_FOLDS, FOLDS, OWN_FOLDS, find_dataset
from cardiax.config import Config
from cardiax.launch.run.run_folder import Workdir, as_json, read_csv
from cardiax.tasks import task_of
from cardiax.tasks.class_report import ClassReport
from cardiax.tasks.plain_report import Cases


def is_fold(config: Config) -> bool:
    """Return True for a run of a cross-validation, e.g. by `ds1_fold_1`, that has classes, as `together` needs."""
    return config.protocol in (*FOLDS, *BOTH_FOLDS, *OWN_FOLDS) and isinstance(task_of(config).report, ClassReport)


def together(folds: Sequence[Workdir]) -> dict[str, Any]:
    """Return what test.json would state if the test cases of finished runs, one for each `is_fold`, were of one run.

    The loss is the mean over cases, and the number of parameters that of the first run. `protocol` lists the folds.
    """
    config = folds[0].config()
    report: Any = task_of(config).report
    results = [fold.read_json("test.json") for fold in folds]
    cases = [case for fold in folds for case in read_csv(fold.path / "test_cases.csv")]
    classes = report.classes
    probabilities = [f"p_{name}" for name in classes]
    names = [name for name in cases[0] if name not in ("class", "prediction", "row", *probabilities)]
    figures: dict[str, Any] = {
        "target": np.asarray([classes.index(case["class"]) for case in cases]),
        "prediction": np.asarray([classes.index(case["prediction"]) for case in cases]),
        "probabilities": np.asarray([[float(case[name]) for name in probabilities] for case in cases]),
        "loss": float(np.average([one["loss"] for one in results], weights=[one["examples"] for one in results])),
    }
    joined = Cases(
        dataset=find_dataset(config.dataset),
        protocol=config.protocol,
        split="test",
        rows=np.arange(len(cases)),
        origin={name: _column([case[name] for case in cases]) for name in names},
        take=lambda _: {},
    )
    protocol = ", ".join(one["protocol"] for one in results)
    found = results[0] | {"protocol": protocol, "examples": len(cases)} | report.results(joined, figures)
    return json.loads(as_json({name: value for name, value in found.items() if name not in ("cases", "step")}))


def _column(texts: list[str]) -> np.ndarray:
    """Return a column of a CSV file (n,): integers where all cells are, as the numbers of records, else texts.

    The texts 1 and 01 remain two.
    """
    is_integer = all(re.fullmatch("0|[1-9][0-9]*", text) for text in texts)
    return np.asarray([int(text) for text in texts] if is_integer else texts)
