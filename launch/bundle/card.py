"""The model card of a bundle, README.md with Hugging Face's metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cardiax
from cardiax import datasets
from cardiax.catalog import BY_PATIENT, DISCLAIMER, find_dataset
from cardiax.config import Config
from cardiax.launch.run.metric_text import NAMES
from cardiax.launch.run.run_folder import CALIBRATION
from cardiax.tasks import task_of
from cardiax.tasks.plain_report import metrics_in

METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "activation_mae": "mae", "voltage_mae": "mae"}
"""Metric of test.json → its name on Hugging Face."""

SCORES = {"log_loss": "log loss, nats", "brier": "Brier score", "ece": "expected calibration error"}
"""Score of calibration.json → its name."""

FILES = {
    "weights.safetensors": "the variables of evaluation, e.g. `params/logits/kernel`",
    "config.json": "the experiment, and the versions that exported it",
    "preprocessor.json": "inputs, output and the steps between, for programs without cardiax",
    CALIBRATION: "temperature of the probabilities, and below which one a class is uncertain",
    "golden.npz": "inputs by name, and `output`, the output of cardiax for them",
    "model.stablehlo": "the network by `jax.export`, for CPU, GPU and TPU and any batch",
    "model.onnx": "the network as ONNX, for any batch",
    "trust.safetensors": "how far activation times can be trusted, as below",
    "sums.json": "SHA-256 of each file; cardiax refuses a file that differs",
}
"""The files of a bundle but for the card."""

WITHOUT_CARDIAX = """Without cardiax:

```python
import jax, numpy as np

golden = dict(np.load("golden.npz"))
expected = golden.pop("output")
program = jax.export.deserialize(open("model.stablehlo", "rb").read())
found = program.call(**golden)
assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
```

`jax.export` needs the package `flatbuffers`.
""".splitlines()


def card(
    name: str,
    config: Config,
    results: Mapping[str, dict[str, Any]],
    description: dict[str, Any],
    licence: str,
    files: Mapping[str, str],
    calibration: dict[str, Any] | None = None,
    imported: str = "",
    parameters: int = 0,
) -> str:
    """Return the card.

    Args:
      name: name of the model.
      config: config of the experiment that trained it.
      results: title → content of a file of metrics, `Test` first, which is test.json; empty if `imported`.
      description: content of preprocessor.json.
      licence: licence of the weights, an identifier of Hugging Face.
      files: name of each other file of the bundle → what it is.
      calibration: content of calibration.json, if the run has one.
      imported: name of the file of PyTorch that the weights were imported from, if cardiax has not trained them.
    """
    test = results.get("Test", {})
    told = f"imported from {imported}" if imported else f"trained with seed {config.seed} to step {test['step']:,}"
    lines = [
        *("---", *_metadata(name, config, test, licence), "---", "", f"# {name}", ""),
        f"{_summary(config)} {DISCLAIMER}.",
        "",
        f"A network of the library cardiax {cardiax.__version__}: task `{config.task}`, model `{config.model}` with "
        f"{test.get('parameters', parameters):,} parameters, {told}.",
        *("", "## Use", "", "```python", "import cardiax", "", f'network = cardiax.load("{name}")', "```", ""),
        f"or `cardiax predict {name} FILE`, where `{name}` is the path of this folder.",
        "",
        *(WITHOUT_CARDIAX if "model.stablehlo" in files else ()),
        *(f"- `{file}`: {what}" for file, what in files.items()),
        *("", "## Inputs and output", ""),
        *(f"- {_shape(one, entry)}" for one, entry in description["inputs"].items()),
        f"- {_shape('output', description['output'])}",
        *("", *(f"{number}. {step}" for number, step in enumerate(description["steps"], 1))),
    ]
    if calibration:
        lines += ["", "## Calibration", "", *_calibration(calibration)]
    for title, result in results.items():
        lines += ["", f"## {title}", "", *_figures(result)]
        for one, own in result.get("datasets", {}).items():
            shared = {key: result[key] for key in ("split", "protocol", "interval")}
            lines += ["", f"### {title}, {one} alone", "", *_figures(own | shared | {"dataset": one})]
    lines += [] if imported else ["", "## Data", "", *_data(config)]
    return "\n".join([*lines, "", "## Limits", "", *_limits(config, imported)]) + "\n"


def _metadata(name: str, config: Config, test: dict[str, Any], licence: str) -> list[str]:
    """Return the lines of YAML; texts are written as JSON, which is YAML."""
    found = {metric: kind for metric, kind in METRICS.items() if metric in test}
    lines = [
        *(f"license: {licence}", "library_name: cardiax", "tags:"),
        *(f"- {tag}" for tag in ("ecg", "electrocardiogram", "jax", "flax", config.task, config.model)),
    ]
    if not test:
        return lines
    lines += [
        *("metrics:", *(f"- {kind}" for kind in dict.fromkeys(found.values()))),
        *("model-index:", f"- name: {json.dumps(name)}", "  results:", "  - task:"),
        f"      type: {'time-series-classification' if 'classes' in test else 'time-series-regression'}",
        f"      name: {json.dumps(task_of(config).summary, ensure_ascii=False)}",
        *("    dataset:", f"      type: {config.dataset}", f"      name: {config.dataset}", "      split: test"),
        "    metrics:",
    ]
    for metric, kind in found.items():
        lines += [f"    - type: {kind}", f"      name: {_spoken(metric)}", f"      value: {test[metric]['value']:.6g}"]
    return lines


def _summary(config: Config) -> str:
    summary, is_beat = task_of(config).summary, find_dataset(config.dataset).kind == "beat"
    return f"{summary[0].upper()}{summary[1:]}, from {'its leads' if is_beat else 'the 12-lead ECG'}."


def _shape(name: str, entry: dict[str, Any]) -> str:
    parts = [f"`{name}` {entry['dtype']} ({', '.join(map(str, entry['shape']))})"]
    parts += [entry["quantity"]] if "quantity" in entry else []
    parts += [f"unit: {entry['unit']}"] if "unit" in entry else []
    parts += [f"{entry['sampling_rate_hz']:g} Hz"] if "sampling_rate_hz" in entry else []
    parts += [f"{key}: {' | '.join(entry[key])}" for key in ("leads", "classes") if key in entry]
    return "; ".join(parts)


def _figures(result: dict[str, Any]) -> list[str]:
    """Return a table of the metrics with their intervals, and for classes a second one with a row for each."""
    lines = [
        f"{result['examples']:,} examples of {result['dataset']}, {result['split']} split by {result['protocol']}; "
        f"{result['interval']}.",
        *("", "| metric | value | interval |", "|---|---|---|"),
    ]
    for metric, found in metrics_in(result).items():
        unit = f" {found['unit']}" if found.get("unit") else ""
        lines.append(f"| {_spoken(metric)} | {_number(found['value'])}{unit} | {_interval(found)} |")
    if "classes" in result:
        lines += ["", "| class | examples | precision | recall | F1 |", "|---|---|---|---|---|"]
        for name, row in result["classes"].items():
            cells = [
                _number(one["value"]) + ("" if one["value"] is None else f" ({_interval(one)})")
                for one in (row[key] for key in ("precision", "recall", "f1"))
            ]
            lines.append(f"| {name} | {row['examples']:,} | {' | '.join(cells)} |")
    if rest := result.get("without_record"):
        value, interval = _number(rest["macro_f1"]["value"]), _interval(rest["macro_f1"])
        lines += ["", f"Without record {rest['record']}: macro-F1 {value}, interval {interval}."]
    return [*lines, *(["", f"Note: {result['note']}."] if "note" in result else [])]


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _interval(found: dict[str, Any]) -> str:
    return f"{_number(found.get('low'))} to {_number(found.get('high'))}"


def _spoken(metric: str) -> str:
    return NAMES.get(metric, metric.replace("_", " "))


def _calibration(found: dict[str, Any]) -> list[str]:
    """Return how the classes are calibrated; `found` is the content of calibration.json."""
    told, groups = found["validation"], found["validation"]["groups"]
    each = f"{groups} records, each with the same weight" if groups else "each with the same weight"
    errors = told["errors_uncertain"]
    held = "" if errors is None else f" Of all errors, {100 * errors:.0f} % are among the uncertain beats."
    lines = [
        f"The probabilities are softmax(logits / {found['temperature']:g}). A class is uncertain if its probability is "
        f"below {found['uncertain_below']:g}: {found['rule']}. Fitted on {told['examples']:,} beats of "
        f"{found['source']}, {each}. {100 * told['coverage']:.1f} % of the beats are kept, and "
        f"{100 * told['risk']:.1f} % of these are wrong.{held}",
        *("", "| | temperature 1 | temperature fitted on the others |", "|---|---|---|"),
    ]
    for name, (before, after) in told["scores"].items():
        lines.append(f"| {SCORES[name]} | {before:.4f} | {'not known' if after is None else f'{after:.4f}'} |")
    lines += ["", f"The area under risk over coverage is {told['area_under_risk']:.4f}."]
    if found["usual_share"] is not None:
        lines[-1] += f" At most {100 * found['usual_share']:.0f} % of the beats of one of these records are uncertain."
    return lines


def _data(config: Config) -> list[str]:
    """Return what the pages and citations of the datasets say."""
    dataset, entries = find_dataset(config.dataset), dict[str, None]()
    lines = [f"Trained on `{config.dataset}`, protocol `{config.protocol}`; validation chose the step."]
    if dataset.own:
        return [*lines, "", f"Made by `cardiax prepare {dataset.made_by}`; the name ends with a digest of these files."]
    for member in dataset.members:
        folder = Path(datasets.__file__).parent / member.name.split("/")[0]
        readme, citations = folder / "README.md", folder / "CITATIONS.bib"
        if readme.is_file():
            parts = [part.replace("\n", " ").strip() for part in readme.read_text(encoding="utf-8").split("\n\n")]
            heading = f"## `{member.name}`"  # of a configuration that its page describes apart
            about = parts[parts.index(heading) + 1] if heading in parts else parts[0]
            lines += ["", about, "", *(part for part in parts if part.startswith("Licence:"))]
        if citations.is_file():
            entries |= dict.fromkeys(citations.read_text(encoding="utf-8").strip().split("\n\n"))
    if entries:
        lines += ["", "```bibtex", "\n\n".join(entries), "```"]
    return lines


def _limits(config: Config, imported: str) -> list[str]:
    dataset = find_dataset(config.dataset)
    lines = [f"- {DISCLAIMER}. No diagnosis and no decision about a patient may rest on it."]
    if imported:
        lines.append(f"- Imported from {imported}; the training data are not known, and it has not been tested here.")
        lines.append("- A generic heart, not the patient's.")
    elif dataset.built_in:
        lines.append("- Trained and tested on simulated recordings: the figures say nothing about patients.")
    elif dataset.kind == "intracardiac":
        lines.append("- A generic heart, trained on simulations: the figures say nothing about patients.")
    else:
        lines.append("- The figures hold for recordings like those of the dataset; other devices and patients differ.")
    if dataset.kind == "beat":
        lines.append("- A class with a wide interval is not recognised reliably; see the tables.")
    if dataset.by_record:
        lines.append("- A beat is compared with all beats of its recording, so the recording should have many.")
    if dataset.kind == "beat" and dataset.drawn_by(config.protocol) not in BY_PATIENT:
        lines.append(
            f"- Patients of the test split {'may have been' if dataset.own else 'were'} seen in training, so "
            "the figures are too high for new patients."
        )
    return lines
